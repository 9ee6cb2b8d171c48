-- Which episodes are there?
--
-- Its last four columns are what the question episode-steps wants.
-- Parameters:
--   run: text = null           of this run alone
--   version: integer = null    collected by this version alone
--   order: text = newest       newest, best, worst, longest or shortest first
--   n: integer = 200           how many
-- Columns:
--   episode_id         run_id/agent_index/number
--   run_id             the engine session
--   agent_index        which agent
--   number             count within the run and agent, from 0
--   return             sum of the rewards
--   length             rows
--   ended              terminated, truncated, cut or open; see the view episodes
--   whole              its beginning and its end are there
--   policy_version     version that collected it
--   noise_scale        factor on its standard deviation
--   written_at         when the file of its first row was written, engine's local time
--   first_rollout_id   rollout of the first row
--   first_row_index    that row's position in the file
--   last_rollout_id    rollout of the last row
--   last_row_index     that row's position in the file
select
    episodes.episode_id, episodes.run_id, episodes.agent_index, episodes.number, episodes.return, episodes.length,
    episodes.ended, episodes.whole, episodes.policy_version, episodes.noise_scale, episodes.written_at,
    episodes.first_rollout_id, episodes.first_row_index, episodes.last_rollout_id, episodes.last_row_index
from episodes
join rollouts on rollouts.rollout_id = episodes.first_rollout_id
where ($run is null or episodes.run_id = $run) and ($version is null or episodes.policy_version = $version)
order by
    case $order
        when 'newest' then 0
        when 'best' then -return
        when 'worst' then return
        when 'longest' then -length
        when 'shortest' then length
        else error('order is ' || $order || '; wanted newest, best, worst, longest or shortest')::integer
    end nulls last,
    coalesce(rollouts.written_at, rollouts.ingested_at) desc,
    episodes.run_id desc,
    rollouts.position desc,
    episodes.number desc,
    episodes.agent_index
limit $n
