-- What did whole episodes of these versions return, the newest of each version?
--
-- Only runs that are named are read.
-- Parameters:
--   versions: integer[]   versions that collected
--   runs: text[]          runs in which they did
--   newest: integer       so many episodes of each version
-- Columns:
--   policy_version        version that collected
--   return                sum of the episode's rewards
select policy_version, return
from episodes
where whole and list_contains($runs, run_id) and list_contains($versions, policy_version)
qualify row_number() over (
    partition by policy_version order by written_at desc, run_id desc, number desc, agent_index
) <= $newest
order by policy_version, written_at desc, run_id desc, number desc, agent_index
