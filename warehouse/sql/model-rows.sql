-- Which rows made this model, and which fell out on the way?
--
-- Rows of the window's files that were rejected are among them. Of an unrecorded rollout (see the view training_rows)
-- there is one line, without a row_index.
-- Parameters:
--   version: text = latest   a version or an alias
--   role: text = null        only this one: trained, gated, bootstrap, left_out, rejected
-- Columns:
--   file_name    file that the row came in
--   row_index    its position in the file, from 0
--   role         what was made of it
--   reason       why it was not trained on
--   in_window    false for bootstraps from the rollout after the window
--   run_id       its run
--   rollout_id   its rollout
with chosen as (
    select training_rows.*
    from training_rows
    join models on models.version = training_rows.version
    where models.version::varchar = ltrim($version, 'v0') or list_contains(string_split(aliases, ', '), $version)
),
stretches as (
    select file_name, run_id, rollout_id, role, reason, in_window,
        unnest(coalesce(ranges, [[null, null]])) as stretch
    from chosen
),
told as (
    select file_name, unnest(coalesce(range(stretch[1], stretch[2] + 1), [null]))::integer as row_index,
        role, reason, in_window, run_id, rollout_id
    from stretches
    union all
    select distinct on (members.rollout_id, rejects.row_index)
        members.file_name, rejects.row_index, 'rejected', rejects.reason, true, members.run_id, members.rollout_id
    from (select distinct file_name, run_id, rollout_id from chosen where in_window) as members
    join rejects on rejects.content_id = members.rollout_id and rejects.row_index is not null
)
select file_name, row_index, role, reason, in_window, run_id, rollout_id
from told
where $role is null or role = $role
order by run_id, file_name, rollout_id, row_index
