-- Are the newest rollouts, or those that a version was trained on, fit to learn from?
--
-- Actions are looked at one by one, in the units of the action. A check without data gives no row.
-- Parameters:
--   rollouts: integer = 20       how many of the newest rollouts
--   saturation: number = 0.7     |mean| of an action whose range is even about 0 (steer) from which it counts as stuck
--   min_std: number = 0.1        standard deviation of an action below which nothing is tried out
--   clamped: number = 0.5        share of rows at a limit of the action's range from which gradients are lost
--   version: text = null         all rollouts of this version's window (a number or an alias) in place of the newest
--   min_length: number = 20      median length of whole episodes (rows) below which they are short
-- Columns:
--   check                        what was looked at
--   figure                       what was found
--   threshold                    what it is held against
--   verdict                      ok, warning or bad
--   advice                       what to do; empty where all is well
with chosen as (
    select
        rollout_id, run_id, rows_in_file, rejected_rows,
        row_number() over (order by ingested_at desc, run_id desc, position desc) as age
    from rollouts
    where $version is null or rollout_id in (
        select lineage.rollout_id
        from lineage
        join models on models.version = lineage.version
        where models.version::varchar = ltrim($version, 'v0') or list_contains(string_split(aliases, ', '), $version)
    )
    qualify age <= $rollouts or $version is not null
),
recent as (
    select experiences.*
    from experiences
    join chosen on chosen.rollout_id = experiences.rollout_id
),
limits as (
    select column_name as action, min(low) as low, max(high) as high from spaces where kind = 'action' group by all
),
actions as (
    select
        moves.action,
        abs(avg(moves.applied)) as centre,
        stddev_pop(moves.applied) as std,
        avg((moves.applied <= limits.low or moves.applied >= limits.high)::integer) as clamped,
        any_value(limits.low = -limits.high) as even
    from (unpivot recent on columns('^action_') into name action value applied) as moves
    join limits on lower(limits.action) = lower(moves.action)
    group by moves.action
),
drives as (
    select
        episodes.return,
        episodes.length,
        row_number() over (order by chosen.age desc, episodes.last_row_index) <= count(*) over () / 2 as is_older
    from episodes
    join chosen on chosen.rollout_id = episodes.last_rollout_id
    where episodes.whole
),
-- severity: 0 ok, 1 warning, 2 bad; NULL when there is nothing to judge
checks as (
    select 1 as place, action || ' saturated: |mean|' as "check", centre as figure, $saturation as threshold,
        case when centre > $saturation then 2 when centre > 0.8 * $saturation then 1 else 0 end as severity,
        'The policy holds this action at one side: more entropy, or look at the reward' as advice
    from actions where even
    union all
    select 2, action || ' explored: std', std, $min_std,
        case when std < 0.5 * $min_std then 2 when std < $min_std then 1 else 0 end,
        'Nothing new is tried: raise the noise or the policy''s log_std'
    from actions
    union all
    select 3, action || ' clamped: share of rows at a limit', clamped, $clamped,
        case when clamped > 0.5 + $clamped / 2 then 2 when clamped > $clamped then 1 else 0 end,
        'Clamped rows teach little: lower the noise or log_std'
    from actions
    union all
    select 4, 'reward varies: std', stddev_pop(reward), 0.000001,
        case when stddev_pop(reward) < 0.000001 then 2 else 0 end,
        'A constant reward teaches nothing: check the reward terms in the engine'
    from recent having count(*) > 0
    union all
    select 5, 'reward clamped: share of rows at +-3', avg((abs(reward) = 3)::integer), 0.05,
        case when avg((abs(reward) = 3)::integer) > 0.25 then 2 when avg((abs(reward) = 3)::integer) > 0.05 then 1 else 0 end,
        'The engine clamps rewards to +-3: scale them down'
    from recent having count(*) > 0
    union all
    select 6, 'return collapsed: newer half of the episodes less the older, in its std',
        (avg(return) filter (where not is_older) - avg(return) filter (where is_older))
            / nullif(stddev_pop(return) filter (where is_older), 0) as fall,
        -1.0,
        case when fall < -2 then 2 when fall < -1 then 1 when fall is not null then 0 end,
        'Returns fell: see ask policy-progress, and roll the model back if a version did it'
    from drives
    union all
    select 7, 'episodes long enough: median rows', median(length), $min_length,
        case when median(length) < 0.5 * $min_length then 2 when median(length) < $min_length then 1 else 0 end,
        'Drives end at once: see ask worst-episodes, and look at where they start'
    from drives having count(*) > 0
    union all
    select 8, 'whole episodes: count', count(*), 1.0, case when count(*) < 1 then 1 else 0 end,
        'No drive ends in these rollouts: longer rollouts or a time limit'
    from drives having (select count(*) from chosen) > 0
    union all
    select 9, 'rejected: share of experiences', sum(rejected_rows) / sum(rows_in_file), 0.01,
        case when figure > 0.1 then 2 when figure > 0.01 then 1 else 0 end,
        'See ask rejects-by-reason'
    from (select rejected_rows, rows_in_file, sum(rejected_rows) over () / sum(rows_in_file) over () as figure from chosen)
    group by figure
    union all
    select 10, 'files rejected whole: count', count(*), 0.0, 1,
        'Their experiences are in no share: see pitwall rejects'
    from rejects where row_index is null and resolved_by is null and $version is null having count(*) > 0
    union all
    select 11, 'engine advantage not finite: share of rows', avg((engine_advantage is null)::integer), 0.0,
        case when avg((engine_advantage is null)::integer) > 0 then 1 else 0 end,
        'The engine''s own trainer produced NaN; our training computes its own advantages, so the rows are good'
    from recent having count(*) > 0
)
select "check", figure::double as figure, threshold::double as threshold, ['ok', 'warning', 'bad'][severity + 1] as verdict,
    case when severity > 0 then advice else '' end as advice
from checks
where severity is not null
order by place, "check"
