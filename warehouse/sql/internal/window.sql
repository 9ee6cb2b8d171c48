-- Which rollouts does a window select?
--
-- A condition is off where its parameter is null. The answer is in the order of the runs, oldest first.
-- Parameters:
--   run, space: text              only this run, this space (null: that of the newest fitting rollout)
--   since, until: timestamp       engine's time of writing, else time of ingest
--   max_age: integer              versions behind the latest one
--   refuted: boolean              also where a claimed author was refuted
--   choose: boolean               only those in chosen
--   chosen: text[]                rollout ids
--   newest, best: integer         so many rollouts, by time and then by score
--   scored, scores: text[], double[]   rollout ids and their mean episode return
--   max_rows: integer             whole rollouts, newest first, while they fit
-- Columns:
--   rollout_id                    the rollout
--   space_id                      its space
--   fitting                       rollouts that fit the conditions, of any space
--   fitting_space                 of these, the ones of this space
with score as (
    select unnest($scored::varchar[]) as rollout_id, unnest($scores::double[]) as score
),
candidate as (
    select
        rollouts.*,
        coalesce(written_at, ingested_at) as moment,
        score.score
    from rollouts
    left join score using (rollout_id)
    where ($run is null or run_id = $run)
      and ($since is null or coalesce(written_at, ingested_at) >= $since::timestamp)
      and ($until is null or coalesce(written_at, ingested_at) < $until::timestamp)
      and ($max_age is null or policy_version >= (select max(version) from models) - $max_age)
      and ($refuted or verdict is distinct from 'claim_refuted')
      and (not $choose or rollout_id in (select unnest($chosen::varchar[])))
),
one_space as (
    select *
    from candidate
    where space_id = coalesce($space, (
        select space_id from candidate order by moment desc, run_id desc, position desc limit 1
    ))
),
newest as (
    select *
    from one_space
    qualify $newest is null or row_number() over (order by moment desc, run_id desc, position desc) <= $newest
),
best as (
    select *
    from newest
    where $best is null or score is not null
    qualify $best is null or row_number() over (order by score desc, moment desc, run_id desc, position desc) <= $best
),
bounded as (
    select *
    from best
    qualify $max_rows is null or sum(rows) over (
        order by moment desc, run_id desc, position desc rows unbounded preceding
    ) <= $max_rows
)
select
    rollout_id,
    space_id,
    (select count(*) from candidate) as fitting,
    (select count(*) from one_space) as fitting_space
from bounded
order by run_id, position
