-- Which models saw this rollout, run or row, and what did they make of it?
--
-- Versions saw it themselves, or inherited what an ancestor learned from it. Without any parameter everything counts.
-- Parameters:
--   rollout: text = null     its id, the beginning of it, or its file's name
--   run: text = null         every rollout of this run
--   row: integer = null      only this row of the file, from 0
-- Columns:
--   version       model version
--   through       nearest ancestor that learned from it; NULL where the version itself saw it
--   generations   how many trainings lie between them
--   role          what the version made of the rows; inherited where an ancestor learned from them
--   reason        why they were not trained on
--   rollouts      how many rollouts
--   rows          how many rows
--   aliases       names that point to the version now
--   created_at    when it was published, UTC
with recursive seen as (
    select *
    from training_rows
    where ($rollout is null or starts_with(rollout_id, $rollout) or file_name = $rollout)
      and ($run is null or run_id = $run)
      and ($row is null or ranges is null
          or len(list_filter(ranges, lambda stretch: $row between stretch[1] and stretch[2])) > 0)
),
taught as (
    select version, count(distinct rollout_id) as rollouts,
        case when $row is null then sum(rows) else count(*) end::bigint as rows
    from seen
    where role in ('trained', 'bootstrap', 'unrecorded')
    group by version
),
heirs as (
    select version, version as through, 0 as generations from taught
    union all
    select models.version, heirs.through, heirs.generations + 1
    from heirs
    join models on models.parent = heirs.version
    where models.version not in (select version from taught)
),
told as (
    select version, null::integer as through, 0 as generations, role, reason,
        count(distinct rollout_id) as rollouts,
        case when $row is null then sum(rows) else count(*) end::bigint as rows
    from seen
    group by version, role, reason
    union all
    select heirs.version, heirs.through, heirs.generations, 'inherited', '', taught.rollouts, taught.rows
    from heirs
    join taught on taught.version = heirs.through
    where heirs.generations > 0
)
select
    told.version, told.through, told.generations, told.role, told.reason, told.rollouts, told.rows,
    models.aliases, models.created_at
from told
join models on models.version = told.version
order by told.version, told.rows desc, told.role, told.reason
