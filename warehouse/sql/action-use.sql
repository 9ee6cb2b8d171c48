-- How does a version use its actions, and how were they used before it?
--
-- See the view sides for what counts as before.
-- Parameters:
--   version: text = latest   a version or an alias
-- Columns:
--   side             before or after
--   action           name of the column
--   rows             experiences that have it
--   mean             mean, in the action's unit
--   std              standard deviation
--   at_low           share of rows at the lower limit of its range; NULL without one
--   at_high          share of rows at the upper limit; NULL without one
with chosen as (
    select sides.side, sides.rollout_id, models.space_id
    from sides
    join models on models.version = sides.version
    where models.version::varchar = ltrim($version, 'v0') or list_contains(string_split(aliases, ', '), $version)
),
acted as (
    select moves.side, moves.action, moves.applied
    from (
        unpivot (
            select chosen.side, experiences.*
            from experiences
            join chosen on chosen.rollout_id = experiences.rollout_id
        )
        on columns('^action_') into name action value applied
    ) as moves
)
select
    acted.side,
    acted.action,
    count(*) as rows,
    avg(acted.applied) as mean,
    stddev_pop(acted.applied) as std,
    avg((acted.applied <= limits.low)::integer) as at_low,
    avg((acted.applied >= limits.high)::integer) as at_high
from acted
join spaces as limits on lower(limits.column_name) = lower(acted.action) and limits.kind = 'action'
    and limits.space_id in (select space_id from chosen)
group by acted.side, acted.action, limits.ordinal
order by limits.ordinal, acted.side desc
