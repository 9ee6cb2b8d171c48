-- Have the observations moved: the newest rollouts against the older ones?
--
-- Every observation of every space, the largest move first. One that only one side has is left out.
-- Parameters:
--   rollouts: integer = 20   how many count as newest
--   against: integer = 200   how many before them are the yardstick
-- Columns:
--   observation        name of the column
--   mean_new           mean over the newest rollouts
--   mean_old           mean over the older ones
--   std_new            standard deviation over the newest rollouts
--   std_old            standard deviation over the older ones
--   shift              (mean_new - mean_old) / std_old; NULL where the older ones do not vary
--   spread             std_new / std_old; NULL where the older ones do not vary
--   rows_new           experiences that have it, newest rollouts
--   rows_old           experiences that have it, older ones
with chosen as (
    select rollout_id, row_number() over (order by ingested_at desc, run_id desc, position desc) as age
    from rollouts
    qualify age <= $rollouts + $against
),
sides as (
    select
        chosen.age <= $rollouts as is_new,
        {'mean': avg(columns('^obs_')), 'std': stddev_pop(columns('^obs_')), 'rows': count(columns('^obs_'))} as '\0'
    from experiences
    join chosen on chosen.rollout_id = experiences.rollout_id
    group by is_new
),
figures as (
    unpivot sides on columns('^obs_') into name observation value figure
)
select
    observation,
    new_side.figure.mean as mean_new,
    old_side.figure.mean as mean_old,
    new_side.figure.std as std_new,
    old_side.figure.std as std_old,
    (new_side.figure.mean - old_side.figure.mean) / nullif(old_side.figure.std, 0) as shift,
    new_side.figure.std / nullif(old_side.figure.std, 0) as spread,
    new_side.figure.rows as rows_new,
    old_side.figure.rows as rows_old
from (from figures where is_new and figure.rows > 0) as new_side
join (from figures where not is_new and figure.rows > 0) as old_side using (observation)
order by abs(shift) desc nulls last, observation
