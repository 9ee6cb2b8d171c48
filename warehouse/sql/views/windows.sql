-- One row per selected window: the exact rollouts that a training read.
--
-- Columns:
--   window_id    sha256 of the manifest's rows and reward
--   rollouts     how many rollouts
--   rows         how many experiences
--   request      JSON: what was asked for
--   sql          the statement that selected the rollouts
--   rows_sha256  over the rows themselves
--   created_at   when it was selected, UTC
--   reward       name of its reward; NULL for the recorded one
--   reward_id    sha256 of that reward's definition
select
    windows.window_id,
    count(distinct window_rollouts.rollout_id)::integer as rollouts,
    windows.rows,
    windows.request,
    windows.sql,
    windows.rows_sha256,
    windows.created_at,
    case when windows.reward_id is not null then windows.request::json ->> 'reward' end as reward,
    windows.reward_id
from catalog.windows as windows
left join catalog.window_rollouts as window_rollouts on window_rollouts.window_id = windows.window_id
group by all
