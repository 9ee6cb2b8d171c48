-- Which rollouts made this model?
--
-- Parameters:
--   version: text = latest      a version or an alias
--   generations: integer = 0    how many of its parents' windows count too
-- Columns:
--   generation       0 for the version's own window, 1 for its parent's
--   version          version that was trained on the rollout
--   rollout_id       rollout
--   run_id           its run
--   rollout_index    the engine's own index
--   file_name        file that it came in
--   policy_version   version that collected it
--   rows             experiences of it in the window
--   superseded       a mended file has replaced it since
with recursive line as (
    select version, parent, 0 as generation
    from models
    where version::varchar = ltrim($version, 'v0') or list_contains(string_split(aliases, ', '), $version)
    union all
    select models.version, models.parent, line.generation + 1
    from line
    join models on models.version = line.parent
    where line.generation < $generations
)
select
    line.generation, lineage.version, lineage.rollout_id, lineage.run_id, lineage.rollout_index, lineage.file_name,
    lineage.policy_version, lineage.rows, lineage.superseded
from line
join lineage on lineage.version = line.version
order by line.generation, lineage.run_id, lineage.rollout_index, lineage.rollout_id
