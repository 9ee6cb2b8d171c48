-- One row per model version and rollout that it was trained on.
--
-- Columns:
--   version         model version
--   parent          version it went on from
--   window_id       window that holds the rollout
--   rollout_id      rollout
--   run_id          run of the rollout
--   rollout_index   the engine's own index of the rollout
--   file_name       file that it came in
--   policy_version  version that collected it, found from the values; NULL while unknown
--   rows            experiences of it in the window
--   superseded      a mended file has replaced the rollout since
select
    models.version,
    models.parent,
    models.window_id,
    members.rollout_id,
    rollouts.run_id,
    rollouts.rollout_index,
    rollouts.file_name,
    attributions.version as policy_version,
    sum(members.rows)::bigint as rows,
    rollouts.superseded_by is not null as superseded
from catalog.models as models
join catalog.window_rollouts as members on members.window_id = models.window_id
join catalog.rollouts as rollouts on rollouts.rollout_id = members.rollout_id
left join catalog.attributions as attributions on attributions.rollout_id = members.rollout_id
group by all
