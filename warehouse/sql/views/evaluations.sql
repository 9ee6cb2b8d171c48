-- One row per evaluation: deterministic drives of a version, the same ones for every version with the same settings.
--
-- Means come with their 95 % bootstrap interval; drives on one track are drawn together. Where the task knows no laps,
-- only the return is there.
-- Columns:
--   evaluation_id   number of the evaluation, newest last
--   version         model version that drove
--   task            id of the environment
--   drives          how many
--   finished_share  share of drives that finished a lap
--   finished_low    lower end of its interval
--   finished_high   upper end of its interval
--   crashed_share   share of drives that crashed
--   crashed_low     lower end of its interval
--   crashed_high    upper end of its interval
--   progress_mean   mean of the laps driven
--   progress_low    lower end of its interval
--   progress_high   upper end of its interval
--   speed_mean      mean of the drives' mean speeds, m/s
--   speed_low       lower end of its interval
--   speed_high      upper end of its interval
--   return_mean     mean return (undiscounted)
--   return_low      lower end of its interval
--   return_high     upper end of its interval
--   settings        JSON: what was driven
--   settings_id     evaluations of a task with the same one can be compared
--   created_at      when it was stored, UTC
select
    evaluation_id,
    version,
    task,
    drives,
    finished_share,
    finished_low,
    finished_high,
    crashed_share,
    crashed_low,
    crashed_high,
    progress_mean,
    progress_low,
    progress_high,
    speed_mean,
    speed_low,
    speed_high,
    return_mean,
    return_low,
    return_high,
    settings,
    settings_id,
    created_at
from catalog.evaluations
