-- Which whole episodes were driven before a version, and which did it drive itself?
--
-- See the view sides for what counts as before.
-- Parameters:
--   version: text = latest   a version or an alias
-- Columns:
--   side             before or after
--   policy_version   version that drove; NULL where unknown
--   episode_id       run_id/agent_index/number
--   return           sum of the recorded rewards
--   length           rows
--   ended            terminated or truncated
with chosen as (
    select sides.side, sides.policy_version, sides.rollout_id, sides.run_id
    from sides
    join models on models.version = sides.version
    where models.version::varchar = ltrim($version, 'v0') or list_contains(string_split(aliases, ', '), $version)
)
select chosen.side, chosen.policy_version, episodes.episode_id, episodes.return, episodes.length, episodes.ended
from episodes
join chosen on chosen.rollout_id = episodes.last_rollout_id
where episodes.whole
    and episodes.policy_version is not distinct from chosen.policy_version
    and episodes.run_id in (select run_id from chosen)
order by chosen.side desc, episodes.run_id, episodes.agent_index, episodes.number
