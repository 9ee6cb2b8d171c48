-- One row per version, rollout and role: what a training made of the rows of its window.
--
-- Roles: trained (in the gradient), gated (its source was too far from the start), bootstrap (its value ends the row
-- before it), left_out (not used), unrecorded (a version of an earlier release, which did not say).
-- Columns:
--   version     version that was trained
--   rollout_id  rollout of the rows
--   run_id      its run
--   file_name   file that it came in
--   role        what was made of them
--   reason      why they were not trained on; empty for trained ones
--   in_window   false for bootstraps from the rollout after the window
--   rows        how many
--   ranges      first and last row_index of each stretch, both in it; NULL where unrecorded
with recorded as (
    select version, rollout_id, role, reason, reason <> 'after_window' as in_window, rows, ranges::integer[][] as ranges
    from catalog.training_rows
),
unrecorded as (
    select models.version, members.rollout_id, 'unrecorded' as role, '' as reason, true as in_window, members.rows,
        null::integer[][] as ranges
    from catalog.models as models
    join catalog.window_rollouts as members on members.window_id = models.window_id
    where models.version not in (select version from catalog.training_rows)
)
select
    told.version,
    told.rollout_id,
    rollouts.run_id,
    rollouts.file_name,
    told.role,
    told.reason,
    told.in_window,
    told.rows,
    told.ranges
from (from recorded union all from unrecorded) as told
join catalog.rollouts as rollouts on rollouts.rollout_id = told.rollout_id
