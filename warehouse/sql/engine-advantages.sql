-- Did the engine train by itself, and what are its advantages like?
--
-- A rollout whose engine never trained has only zeros.
-- Parameters:
--   n: integer = 20    newest rollouts
-- Columns:
--   rollout_id         rollout
--   file_name          file that it came in
--   rows               experiences
--   filled             share of rows with an advantage other than 0
--   not_finite         share of rows whose advantage was NaN or infinite in the file
--   mean               mean advantage
--   std                standard deviation of the advantages
with chosen as (
    select rollout_id, file_name, row_number() over (order by ingested_at desc, run_id desc, position desc) as age
    from rollouts
    qualify age <= $n
)
select
    chosen.rollout_id,
    chosen.file_name,
    count(*) as rows,
    avg((coalesce(engine_advantage, 0) <> 0)::integer) as filled,
    avg((engine_advantage is null)::integer) as not_finite,
    avg(engine_advantage) as mean,
    stddev_pop(engine_advantage) as std
from chosen
join experiences on experiences.rollout_id = chosen.rollout_id
group by chosen.rollout_id, chosen.file_name, chosen.age
order by chosen.age
