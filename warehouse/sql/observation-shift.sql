-- How far apart are the observations of two runs or versions?
--
-- Two measures, the worst first. smd, the standardised mean difference (mean_a - mean_b) / sqrt((var_a + var_b) / 2):
-- 0.2 is small, 0.8 large (Cohen 1988, Statistical Power Analysis, chapter 2). psi, the population stability index
-- sum over bins of (p_a - p_b) ln(p_a / p_b), between deciles of b: 0.1 is a shift, 0.25 a large one (Siddiqi 2006,
-- Credit Risk Scorecards, chapter on monitoring); half a row is added to each bin, so an empty one has a logarithm.
-- Deciles that are equal count once, and a value that is a decile is a bin of its own: a ray that mostly sees nothing.
-- An observation that only one side has is left out.
-- Parameters:
--   run_a: text = null           a is this run
--   version_a: integer = null    a was collected by this version
--   run_b: text = null           b is this run
--   version_b: integer = null    b was collected by this version
--   rows: integer = 20000        about so many experiences of each side, drawn by a hash, are looked at
-- Columns:
--   observation                  name of the observation
--   psi                          population stability index
--   smd                          standardised mean difference; NULL where neither side varies
--   mean_a                       mean of a
--   mean_b                       mean of b
--   std_a                        standard deviation of a
--   std_b                        standard deviation of b
--   bins                         bins of psi that hold a row
--   rows_a                       experiences of a that were looked at and have it
--   rows_b                       experiences of b
with asked as (
    select 'a' as side, $run_a as run_id, $version_a as version
    union all
    select 'b', $run_b, $version_b
),
members as (
    select asked.side, rollouts.rollout_id, $rows / sum(rollouts.rows) over (partition by asked.side) as drawn_share
    from asked
    join rollouts on (asked.run_id is null or rollouts.run_id = asked.run_id)
        and (asked.version is null or rollouts.policy_version = asked.version)
),
drawn as (
    select members.side, columns('^obs_')
    from experiences
    join members on members.rollout_id = experiences.rollout_id
    where hash(experiences.rollout_id, experiences.row_index) <= members.drawn_share * 18446744073709551615::double
),
seen as (
    unpivot drawn on columns('^obs_') into name observation value value
),
deciles as (
    select observation, quantile_cont(value, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) as edges
    from seen
    where side = 'b'
    group by observation
),
-- 2 k behind the k-th different decile, 2 k - 1 on it
placed as (
    select
        seen.side,
        seen.observation,
        len(list_filter(list_distinct(deciles.edges), edge -> edge < seen.value))
            + len(list_filter(list_distinct(deciles.edges), edge -> edge <= seen.value)) as bin
    from seen
    join deciles on deciles.observation = seen.observation
),
counted as (
    select
        observation,
        bin,
        count(*) filter (where side = 'a') + 0.5 as a,
        count(*) filter (where side = 'b') + 0.5 as b
    from placed
    group by observation, bin
),
shares as (
    select
        observation,
        a / sum(a) over (partition by observation) as p_a,
        b / sum(b) over (partition by observation) as p_b
    from counted
),
indices as (
    select observation, sum((p_a - p_b) * ln(p_a / p_b)) as psi, count(*) as bins from shares group by observation
),
moments as (
    select
        observation,
        avg(value) filter (where side = 'a') as mean_a,
        avg(value) filter (where side = 'b') as mean_b,
        stddev_pop(value) filter (where side = 'a') as std_a,
        stddev_pop(value) filter (where side = 'b') as std_b,
        count(*) filter (where side = 'a') as rows_a,
        count(*) filter (where side = 'b') as rows_b
    from seen
    group by observation
)
select
    regexp_replace(moments.observation, '^obs_', '') as observation,
    indices.psi,
    (mean_a - mean_b) / nullif(sqrt((std_a ** 2 + std_b ** 2) / 2), 0) as smd,
    mean_a,
    mean_b,
    std_a,
    std_b,
    indices.bins,
    rows_a,
    rows_b
from moments
join indices on indices.observation = moments.observation
where rows_a > 0 and rows_b > 0
order by psi desc, moments.observation
