-- What is the reward made of, over time?
--
-- Rollouts in the order in which the engine wrote them, cut into stretches of equally many. A producer that writes no
-- reward_terms leaves only the reward.
-- Parameters:
--   run: text = null           of this run alone
--   version: integer = null    collected by this version alone
--   points: integer = 100      stretches at most
-- Columns:
--   rollout_first              first rollout of the stretch, counted from 1
--   rollout_last               its last one
--   began_at                   when the first one was written, engine's local time (else when it came in, UTC)
--   term                       name of the term; reward for the reward itself
--   mean                       mean per step, of the steps that have it
--   low                        smallest
--   high                       largest
--   rows                       steps that have it
with ledger as (
    select
        rollout_id,
        coalesce(written_at, ingested_at::timestamp) as written,
        row_number() over (order by coalesce(written_at, ingested_at), run_id, position) as place,
        count(*) over () as rollouts
    from rollouts
    where ($run is null or run_id = $run) and ($version is null or policy_version = $version)
),
stretches as (
    select
        min(ledger.place) as place_first,
        max(ledger.place) as place_last,
        min(ledger.written) as written,
        {
            'mean': avg(columns('^term_|^reward$')),
            'low': min(columns('^term_|^reward$')),
            'high': max(columns('^term_|^reward$')),
            'rows': count(columns('^term_|^reward$'))
        } as '\0'
    from experiences
    join ledger on ledger.rollout_id = experiences.rollout_id
    where $run is null or experiences.run_id = $run
    group by (ledger.place - 1) // ceil(ledger.rollouts / $points)::bigint
)
select
    place_first as rollout_first,
    place_last as rollout_last,
    written as began_at,
    regexp_replace(name, '^term_', '') as term,
    figure.mean as mean,
    figure.low as low,
    figure.high as high,
    figure.rows as rows
from (unpivot stretches on columns('^term_|^reward$') into name name value figure)
where figure.rows > 0
order by name <> 'reward', term, rollout_first
