-- Which of two versions drives better, drive by drive?
--
-- The newest evaluations of the two on one task with the same settings are paired by the number of the drive. Intervals
-- are the normal approximation over tracks (over drives, where there are no tracks), mean +- 1.96 standard errors; NULL
-- below two.
-- Parameters:
--   a: text = latest      a version or an alias
--   b: text = champion    another one
--   task: text = null     on this environment
-- Columns:
--   figure                score (see the view drives), finished, crashed, progress (laps), speed (m/s) or return
--   drives                pairs
--   mean_a                mean of a
--   mean_b                mean of b
--   difference            mean of a less mean of b
--   low                   lower end of the difference's 95 % interval
--   high                  upper end of the difference's 95 % interval
--   a_higher              drives in which a has the higher figure
--   a_lower               drives in which a has the lower figure
--   task                  environment
--   version_a             number of a
--   version_b             number of b
with named as (
    select version, name
    from models, (values ($a), ($b)) as asked(name)
    where version::varchar = ltrim(name, 'v0') or list_contains(string_split(aliases, ', '), name)
),
sides as (
    select a.evaluation_id as evaluation_a, b.evaluation_id as evaluation_b
    from evaluations as a
    join evaluations as b on b.task = a.task and b.settings_id = a.settings_id
    where a.version in (select version from named where name = $a)
      and b.version in (select version from named where name = $b)
      and ($task is null or a.task = $task)
    order by greatest(a.evaluation_id, b.evaluation_id) desc
    limit 1
),
pairs as (
    select
        a.task,
        a.version as version_a,
        b.version as version_b,
        coalesce(a.track, a.number) as unit,
        unnest([
            {'place': 1, 'figure': 'score', 'a': a.score, 'b': b.score},
            {'place': 2, 'figure': 'finished', 'a': a.finished::double, 'b': b.finished::double},
            {'place': 3, 'figure': 'crashed', 'a': a.crashed::double, 'b': b.crashed::double},
            {'place': 4, 'figure': 'progress', 'a': a.progress, 'b': b.progress},
            {'place': 5, 'figure': 'speed', 'a': a.speed, 'b': b.speed},
            {'place': 6, 'figure': 'return', 'a': a.return, 'b': b.return}
        ]) as pair
    from sides
    join drives as a on a.evaluation_id = sides.evaluation_a
    join drives as b on b.evaluation_id = sides.evaluation_b and b.number = a.number
),
units as (
    select
        pair.place as place,
        pair.figure as figure,
        task,
        version_a,
        version_b,
        count(*) as drives,
        sum(pair.a) as a,
        sum(pair.b) as b,
        avg(pair.a - pair.b) as ahead,
        count(*) filter (where pair.a > pair.b) as a_higher,
        count(*) filter (where pair.a < pair.b) as a_lower
    from pairs
    where pair.a is not null and pair.b is not null
    group by pair.place, pair.figure, task, version_a, version_b, unit
)
select
    figure,
    sum(drives)::bigint as drives,
    sum(a) / sum(drives) as mean_a,
    sum(b) / sum(drives) as mean_b,
    mean_a - mean_b as difference,
    difference - 1.96 * stddev_samp(ahead) / sqrt(count(*)) as low,
    difference + 1.96 * stddev_samp(ahead) / sqrt(count(*)) as high,
    sum(a_higher)::bigint as a_higher,
    sum(a_lower)::bigint as a_lower,
    task,
    version_a,
    version_b
from units
group by place, figure, task, version_a, version_b
order by place
