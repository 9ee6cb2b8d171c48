-- How do return and length of whole episodes go over time?
--
-- Rollouts in the order in which the engine wrote them, cut into stretches of equally many. An episode counts where it
-- began; one that a named reward cannot score is left out.
-- Parameters:
--   run: text = null           of this run alone
--   version: integer = null    collected by this version alone
--   points: integer = 200      stretches at most
-- Columns:
--   rollout_first              first rollout of the stretch, counted from 1
--   rollout_last               its last one
--   began_at                   when the first one was written, engine's local time (else when it came in, UTC)
--   version_min                oldest known version that collected
--   version_max                newest known version that collected
--   episodes                   whole episodes that began in it
--   return_mean                mean of their returns
--   return_low                 a tenth of their returns is at most this
--   return_median              half is at most this
--   return_high                a tenth is at least this
--   length_mean                mean of their lengths (rows)
--   terminated_share           share of them that ended terminated
with ledger as (
    select
        rollout_id,
        coalesce(written_at, ingested_at::timestamp) as began_at,
        row_number() over (order by coalesce(written_at, ingested_at), run_id, position) as place,
        count(*) over () as rollouts
    from rollouts
    where $run is null or run_id = $run
),
driven as (
    select
        ledger.place,
        ledger.began_at,
        (ledger.place - 1) // ceil(ledger.rollouts / $points)::bigint as stretch,
        episodes.*
    from episodes
    join ledger on ledger.rollout_id = episodes.first_rollout_id
    where ($run is null or episodes.run_id = $run)
        and ($version is null or episodes.policy_version = $version)
        and episodes.whole
        and episodes.return is not null
)
select
    min(place) as rollout_first,
    max(place) as rollout_last,
    min(began_at) as began_at,
    min(policy_version_min) as version_min,
    max(policy_version_max) as version_max,
    count(*) as episodes,
    avg(return) as return_mean,
    quantile_cont(return, 0.1) as return_low,
    median(return) as return_median,
    quantile_cont(return, 0.9) as return_high,
    avg(length) as length_mean,
    avg((ended = 'terminated')::integer) as terminated_share
from driven
group by stretch
order by rollout_first
