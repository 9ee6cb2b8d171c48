-- How are return and length of whole episodes distributed, for two versions?
--
-- Both share the bins: from the smallest to the largest of either, equally wide.
-- Parameters:
--   a: text = latest      a version or an alias
--   b: text = champion    another one
--   bins: integer = 30    how many
-- Columns:
--   figure                return or length (rows)
--   version               version that collected
--   bin_low               the bin's lower end
--   bin_high              its upper end
--   episodes              whole episodes of that version in it
--   share                 of all of that version's whole episodes
with named as (
    select distinct version
    from models, (values ($a), ($b)) as asked(name)
    where version::varchar = ltrim(name, 'v0') or list_contains(string_split(aliases, ', '), name)
),
figures as (
    select
        episodes.policy_version as version,
        unnest([{'figure': 'return', 'value': return}, {'figure': 'length', 'value': length::double}]) as pair
    from episodes
    join named on named.version = episodes.policy_version
    where episodes.whole and episodes.return is not null
),
ranges as (
    select
        pair.figure as figure,
        min(pair.value) as low,
        greatest(max(pair.value) - min(pair.value), 1e-9) / $bins as width
    from figures
    group by figure
),
placed as (
    select
        ranges.figure,
        figures.version,
        ranges.low,
        ranges.width,
        least(floor((figures.pair.value - ranges.low) / ranges.width), $bins - 1)::bigint as bin
    from figures
    join ranges on ranges.figure = figures.pair.figure
)
select
    figure,
    version,
    low + bin * width as bin_low,
    low + (bin + 1) * width as bin_high,
    count(*) as episodes,
    count(*) / sum(count(*)) over (partition by figure, version) as share
from placed
group by figure, version, low, width, bin
order by figure desc, version, bin_low
