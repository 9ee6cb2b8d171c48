-- How did every version do in the drives by which a version was judged?
--
-- Of the version's evaluations the newest one whose drives its parent drove too; where there is none, its newest.
-- Intervals are 95 % bootstrap intervals, as in the view evaluations.
-- Parameters:
--   version: text = latest   a version or an alias
-- Columns:
--   version          model version
--   figure           finished, crashed (shares), progress (laps), speed (m/s) or return
--   mean             mean over the drives
--   low              lower end of its interval
--   high             upper end of its interval
--   drives           how many
--   task             id of the environment
--   settings         JSON: what was driven
with named as (
    select version, parent
    from models
    where version::varchar = ltrim($version, 'v0') or list_contains(string_split(aliases, ', '), $version)
),
chosen as (
    select ours.task, ours.settings_id
    from named
    join evaluations as ours on ours.version = named.version
    left join evaluations as theirs
        on theirs.version = named.parent and theirs.task = ours.task and theirs.settings_id = ours.settings_id
    order by
        theirs.version is null,
        greatest(ours.evaluation_id, coalesce(theirs.evaluation_id, ours.evaluation_id)) desc
    limit 1
),
figures as (
    select
        evaluations.version,
        evaluations.drives,
        evaluations.task,
        evaluations.settings,
        unnest([
            {'place': 1, 'figure': 'finished', 'mean': finished_share, 'low': finished_low, 'high': finished_high},
            {'place': 2, 'figure': 'progress', 'mean': progress_mean, 'low': progress_low, 'high': progress_high},
            {'place': 3, 'figure': 'speed', 'mean': speed_mean, 'low': speed_low, 'high': speed_high},
            {'place': 4, 'figure': 'crashed', 'mean': crashed_share, 'low': crashed_low, 'high': crashed_high},
            {'place': 5, 'figure': 'return', 'mean': return_mean, 'low': return_low, 'high': return_high}
        ]) as each
    from evaluations
    join chosen on chosen.task = evaluations.task and chosen.settings_id = evaluations.settings_id
)
select
    version, each.figure as figure, each.mean as mean, each.low as low, each.high as high, drives, task, settings
from figures
where each.mean is not null
order by each.place, version
