-- One row per rollout that shows how a version drives, or how was driven before it.
--
-- Before: what the version's parent drove in the version's window; where the parent did not, the newest known collector
-- of the window; where none is known, all of the window. After: what the version itself drove.
-- Columns:
--   version         model version
--   side            before or after
--   policy_version  version that drove; NULL where unknown
--   rollout_id      rollout
--   run_id          its run
with drivers as (
    select version, coalesce(max(policy_version) filter (where policy_version = parent), max(policy_version)) as driver
    from lineage
    group by version
)
select lineage.version, 'before' as side, lineage.policy_version, lineage.rollout_id, lineage.run_id
from lineage
join drivers on drivers.version = lineage.version and drivers.driver is not distinct from lineage.policy_version
where not lineage.superseded
union all
select policy_version, 'after', policy_version, rollout_id, run_id
from rollouts
where policy_version is not null
