-- What was a version trained on, run by run and collector by collector?
--
-- Parameters:
--   version: text = latest   a version or an alias
-- Columns:
--   run_id             run
--   policy_version     version that collected; NULL where unknown
--   rollouts           rollouts of it in the window
--   rows               their experiences
--   trained            of these, rows in the gradient; NULL for a version of an earlier release, which did not say
--   reward_mean        mean recorded reward of a row; NULL where the rollouts have left the lake
--   reward_std         standard deviation of the recorded reward
--   first_written_at   engine's local time of the first rollout
--   last_written_at    engine's local time of the last rollout
with members as (
    select lineage.*
    from lineage
    join models on models.version = lineage.version
    where models.version::varchar = ltrim($version, 'v0') or list_contains(string_split(aliases, ', '), $version)
),
learned as (
    select training_rows.rollout_id, sum(training_rows.rows) filter (where training_rows.role = 'trained') as trained,
        bool_or(training_rows.role = 'unrecorded') as unrecorded
    from training_rows
    where training_rows.version in (select version from members) and training_rows.in_window
    group by training_rows.rollout_id
),
rewards_of as (
    select rollout_id, count(reward) as rewards, sum(reward::double) as total, sum(reward::double * reward) as squares
    from experiences
    where rollout_id in (select rollout_id from members)
    group by rollout_id
)
select
    members.run_id,
    members.policy_version,
    count(*) as rollouts,
    sum(members.rows)::bigint as rows,
    case when not bool_or(coalesce(learned.unrecorded, true)) then sum(coalesce(learned.trained, 0))::bigint end as trained,
    sum(rewards_of.total) / nullif(sum(rewards_of.rewards), 0) as reward_mean,
    sqrt(greatest(sum(rewards_of.squares) / nullif(sum(rewards_of.rewards), 0) - reward_mean * reward_mean, 0))
        as reward_std,
    min(rollouts.written_at) as first_written_at,
    max(rollouts.written_at) as last_written_at
from members
left join learned on learned.rollout_id = members.rollout_id
left join rewards_of on rewards_of.rollout_id = members.rollout_id
left join rollouts on rollouts.rollout_id = members.rollout_id
group by members.run_id, members.policy_version
order by members.policy_version nulls last, members.run_id
