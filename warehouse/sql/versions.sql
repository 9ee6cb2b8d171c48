-- How did the driver come along, version by version?
--
-- The evaluation is a version's newest one. Intervals are 95 % bootstrap intervals, as in the view evaluations.
-- Parameters:
--   task: text = null        evaluations on this environment alone
--   episodes: flag = true    look at whole episodes too, which reads every rollout
-- Columns:
--   version                  model version
--   parent                   version it went on from
--   start                    warm, clone, imported or fresh
--   champion                 now; was, if it no longer is; NULL if it never was
--   task                     environment of the evaluation
--   drives                   drives in it
--   finished_share           share that finished a lap
--   finished_low             lower end of its interval
--   finished_high            upper end of its interval
--   progress_mean            mean of the laps driven
--   progress_low             lower end of its interval
--   progress_high            upper end of its interval
--   speed_mean               mean speed, m/s
--   crashed_share            share that crashed
--   return_mean              mean return of the drives
--   return_low               lower end of its interval
--   return_high              upper end of its interval
--   episodes                 whole episodes that it collected
--   episode_return           their mean return, exploration noise included
with evaluated as (
    select *
    from evaluations
    where $task is null or task = $task
    qualify row_number() over (partition by version order by evaluation_id desc) = 1
),
collected as (
    select policy_version as version, count(return) as episodes, avg(return) as episode_return
    from episodes
    where whole and $episodes
    group by policy_version
),
champions as (
    select distinct to_version as version from promotions where alias = 'champion'
)
select
    models.version,
    models.parent,
    models.start,
    case
        when list_contains(string_split(models.aliases, ', '), 'champion') then 'now'
        when champions.version is not null then 'was'
    end as champion,
    evaluated.task,
    evaluated.drives,
    evaluated.finished_share,
    evaluated.finished_low,
    evaluated.finished_high,
    evaluated.progress_mean,
    evaluated.progress_low,
    evaluated.progress_high,
    evaluated.speed_mean,
    evaluated.crashed_share,
    evaluated.return_mean,
    evaluated.return_low,
    evaluated.return_high,
    collected.episodes,
    collected.episode_return
from models
left join evaluated on evaluated.version = models.version
left join collected on collected.version = models.version
left join champions on champions.version = models.version
order by models.version
