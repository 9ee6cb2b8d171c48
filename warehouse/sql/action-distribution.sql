-- How are the actions distributed, for two versions?
--
-- Actions as applied, exploration noise included. Both versions share the bins: from the smallest to the largest value
-- of either, equally wide.
-- Parameters:
--   a: text = latest       a version or an alias
--   b: text = champion     another one
--   bins: integer = 40     how many
--   rows: integer = 50000  about so many experiences of each version, drawn by a hash, are looked at
-- Columns:
--   action                 name of the action
--   version                version that collected
--   bin_low                the bin's lower end
--   bin_high               its upper end
--   rows                   experiences in it
--   share                  of that version's that were looked at
with named as (
    select distinct version
    from models, (values ($a), ($b)) as asked(name)
    where version::varchar = ltrim(name, 'v0') or list_contains(string_split(aliases, ', '), name)
),
members as (
    select
        named.version,
        rollouts.rollout_id,
        $rows / sum(rollouts.rows) over (partition by named.version) as drawn_share
    from rollouts
    join named on named.version = rollouts.policy_version
),
drawn as (
    select members.version, columns('^action_')
    from experiences
    join members on members.rollout_id = experiences.rollout_id
    where hash(experiences.rollout_id, experiences.row_index) <= members.drawn_share * 18446744073709551615::double
),
moves as (
    unpivot drawn on columns('^action_') into name action value applied
),
ranges as (
    select action, min(applied) as low, greatest(max(applied) - min(applied), 1e-9) / $bins as width
    from moves
    group by action
),
placed as (
    select
        moves.action,
        moves.version,
        ranges.low,
        ranges.width,
        least(floor((moves.applied - ranges.low) / ranges.width), $bins - 1)::bigint as bin
    from moves
    join ranges on ranges.action = moves.action
)
select
    regexp_replace(action, '^action_', '') as action,
    version,
    low + bin * width as bin_low,
    low + (bin + 1) * width as bin_high,
    count(*) as rows,
    count(*) / sum(count(*)) over (partition by action, version) as share
from placed
group by action, version, low, width, bin
order by action, version, bin_low
