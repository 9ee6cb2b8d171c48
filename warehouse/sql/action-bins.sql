-- Where do the actions of a version lie in their range, and where did they lie before it?
--
-- Bins divide the action's range; where it has none, that of what was driven. See the view sides for what counts as
-- before.
-- Parameters:
--   version: text = latest   a version or an alias
--   bins: integer = 30       how many
-- Columns:
--   side             before or after
--   action           name of the column
--   bin_low          lower end of the bin, in the action's unit
--   bin_high         its upper end, which belongs to the last bin alone
--   rows             experiences in it
--   share            their share of the side's
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
),
ranged as (
    select
        acted.side,
        acted.action,
        acted.applied,
        limits.ordinal,
        coalesce(limits.low, min(acted.applied) over in_all)::double as low,
        coalesce(limits.high, max(acted.applied) over in_all)::double as high
    from acted
    join spaces as limits on lower(limits.column_name) = lower(acted.action) and limits.kind = 'action'
        and limits.space_id in (select space_id from chosen)
    window in_all as (partition by acted.action)
),
placed as (
    select
        side, action, ordinal, low, (high - low) / $bins as width,
        coalesce(least(greatest(floor((applied - low) / nullif(width, 0)), 0), $bins - 1), 0) as bin
    from ranged
)
select
    side,
    action,
    low + bin * width as bin_low,
    low + (bin + 1) * width as bin_high,
    count(*) as rows,
    count(*) / sum(count(*)) over (partition by side, action) as share
from placed
group by side, action, ordinal, low, width, bin
order by ordinal, side desc, bin
