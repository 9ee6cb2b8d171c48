-- Which whole episodes went worst?
--
-- Parameters:
--   n: integer = 10    how many
--   run: text = null   of this run alone
-- Columns:
--   episode_id         run_id/agent_index/number
--   return             sum of the rewards
--   length             rows
--   ended              terminated or truncated
--   policy_version     version that collected it
--   noise_scale        factor on its standard deviation
--   first_rollout_id   rollout of the first row
--   first_row_index    that row's position in the file
--   last_rollout_id    rollout of the last row
--   last_row_index     that row's position in the file
select
    episode_id, return, length, ended, policy_version, noise_scale,
    first_rollout_id, first_row_index, last_rollout_id, last_row_index
from episodes
where whole and return is not null and ($run is null or run_id = $run)
order by return, episode_id
limit $n
