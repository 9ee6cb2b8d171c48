-- Which rollouts does a window select?
--
-- Asked of the catalog itself, SQLite or PostgreSQL. A condition is off where its parameter is null.
-- Parameters:
--   run, space: text              only this run, this space (null: that of the newest fitting rollout)
--   since, until: timestamp       engine's time of writing, else time of ingest
--   max_age: integer              versions behind the latest one
--   refuted: boolean              also where a claimed author was refuted
--   choose: boolean               only those in chosen
--   chosen: text                  JSON object whose keys are rollout ids
--   scores: text                  JSON object: mean episode return by rollout id
--   rewarded: boolean             only rollouts that a named reward can score
--   layouts: text                 JSON object whose keys are space and terms of partitions that it can score
--   bare: text                    JSON object whose keys are rollouts that it cannot score all the same
--   newest, best: integer         so many rollouts, by time and then by score
--   max_rows: integer             whole rollouts, newest first, while they fit
-- Columns:
--   rollout_id, run_id            the rollout and its run
--   position                      its place in the run
--   space_id                      its space
--   partition_id, path            the file that holds its rows
--   first_row, rows, rows_sha256  where they lie in it, and their hash
--   fitting                       rollouts that fit the conditions and can be scored, of any space
--   fitting_space                 of these, the ones of this space
--   not_scored                    rollouts that fit the conditions, but that the reward cannot score
with fitting as (
    select
        rollouts.rollout_id,
        rollouts.run_id,
        rollouts.position,
        rollouts.space_id,
        rollouts.partition_id,
        rollouts.first_row,
        rollouts.rows,
        rollouts.rows_sha256,
        row_number() over (
            order by
                coalesce(rollouts.written_at, rollouts.ingested_at) desc,
                rollouts.run_id desc,
                rollouts.position desc
        ) as age,
        case when not :rewarded
                or (partitions.space_id || ' ' || cast(partitions.terms as text) in (select key from json_each(:layouts))
                    and rollouts.rollout_id not in (select key from json_each(:bare)))
            then 1 else 0 end as can_score
    from rollouts
    join partitions on partitions.partition_id = rollouts.partition_id
    left join attributions on attributions.rollout_id = rollouts.rollout_id
    where rollouts.superseded_by is null
      and rollouts.dropped_at is null
      and (cast(:run as text) is null or rollouts.run_id = :run)
      and (cast(:since as timestamp) is null or coalesce(rollouts.written_at, rollouts.ingested_at) >= :since)
      and (cast(:until as timestamp) is null or coalesce(rollouts.written_at, rollouts.ingested_at) < :until)
      and (cast(:max_age as integer) is null
          or attributions.version >= (select max(version) from models) - cast(:max_age as integer))
      and (:refuted or coalesce(attributions.verdict, '') <> 'claim_refuted')
      and (not :choose or rollouts.rollout_id in (select key from json_each(:chosen)))
),
candidate as (
    select * from fitting where can_score = 1
),
one_space as (
    select *
    from candidate
    where space_id = coalesce(cast(:space as text), (select space_id from candidate order by age limit 1))
),
scored as (
    select one_space.*, cast(cast(scores.value as text) as double precision) as score
    from one_space
    left join json_each(:scores) as scores on scores.key = one_space.rollout_id
),
newest as (
    select *, row_number() over (order by age) as place from scored
),
best as (
    select *, row_number() over (order by score desc, age) as place_by_score
    from newest
    where (cast(:newest as integer) is null or place <= :newest)
      and (cast(:best as integer) is null or score is not null)
),
bounded as (
    select *, sum(rows) over (order by age) as rows_so_far
    from best
    where cast(:best as integer) is null or place_by_score <= :best
)
select
    bounded.rollout_id, bounded.run_id, bounded.position, bounded.space_id,
    bounded.partition_id, partitions.path, bounded.first_row, bounded.rows, bounded.rows_sha256,
    (select count(*) from candidate) as fitting,
    (select count(*) from one_space) as fitting_space,
    (select count(*) from fitting where can_score = 0) as not_scored
from bounded
join partitions on partitions.partition_id = bounded.partition_id
where cast(:max_rows as integer) is null or rows_so_far <= :max_rows
