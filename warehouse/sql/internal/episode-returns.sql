-- What did whole episodes of these versions return, the newest of each version?
--
-- Only runs that are named are read.
-- Parameters:
--   versions: integer[]   versions that collected
--   runs: text[]          runs in which they did
--   newest: integer       so many episodes of each version
-- Columns:
--   policy_version        version that collected
--   age                   place of the rollout in which it began among those of its version, from 1, the newest
--   return                sum of the episode's rewards
with driven as (
    select
        rollout_id,
        row_number() over (
            partition by policy_version order by coalesce(written_at, ingested_at) desc, run_id desc, position desc
        ) as age
    from rollouts
    where list_contains($versions, policy_version)
)
select episodes.policy_version, driven.age, episodes.return
from episodes
join driven on driven.rollout_id = episodes.first_rollout_id
where episodes.whole and list_contains($runs, episodes.run_id) and list_contains($versions, episodes.policy_version)
qualify row_number() over (
    partition by episodes.policy_version order by driven.age, episodes.number desc, episodes.agent_index
) <= $newest
order by episodes.policy_version, driven.age, episodes.number desc, episodes.agent_index
