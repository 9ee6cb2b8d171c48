-- One row per drive of an evaluation.
--
-- Drives of one number and of evaluations with the same task and settings started alike, whichever version drove.
-- Columns:
--   evaluation_id  evaluation that it belongs to
--   version        model version that drove
--   task           id of the environment
--   number         its place in the evaluation
--   track          seed of the track; NULL, as the next four, where the task knows no laps
--   finished       drove a whole lap
--   crashed        ended in a crash
--   progress       laps
--   speed          mean speed, m/s
--   return         sum of its rewards (undiscounted)
--   length         steps
--   score          what a promotion goes by: laps (at most 1), and 0.001 per m/s where it finished; else the return
select
    drives.evaluation_id,
    evaluations.version,
    evaluations.task,
    drives.number,
    drives.track,
    drives.finished,
    drives.crashed,
    drives.progress,
    drives.speed,
    drives.return,
    drives.length,
    coalesce(least(drives.progress, 1) + 0.001::double * drives.finished::integer * drives.speed, drives.return) as score
from catalog.drives as drives
join catalog.evaluations as evaluations on evaluations.evaluation_id = drives.evaluation_id
