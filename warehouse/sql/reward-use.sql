-- What is the reward made of, before a version and when it drives itself?
--
-- Terms are there where the producer gives them; they need not add up to the reward, which the engine clamps. See the
-- view sides for what counts as before.
-- Parameters:
--   version: text = latest   a version or an alias
-- Columns:
--   side             before or after
--   term             reward for the whole of it, else term_<name>
--   rows             experiences that have it
--   mean             mean of a row
--   std              standard deviation
--   active           share of rows where it is not 0
with chosen as (
    select sides.side, sides.rollout_id
    from sides
    join models on models.version = sides.version
    where models.version::varchar = ltrim($version, 'v0') or list_contains(string_split(aliases, ', '), $version)
)
select
    earned.side,
    earned.term,
    count(*) as rows,
    avg(earned.amount) as mean,
    stddev_pop(earned.amount) as std,
    avg((earned.amount <> 0)::integer) as active
from (
    unpivot (
        select chosen.side, experiences.*
        from experiences
        join chosen on chosen.rollout_id = experiences.rollout_id
    )
    on columns('^(reward$|term_)') into name term value amount
) as earned
group by earned.side, earned.term
order by earned.term <> 'reward', earned.term, earned.side desc
