-- One row per driving loop.
--
-- Its rollouts are those of the runs <loop_id>.<session>.
-- Columns:
--   loop_id      name of the loop
--   iterations   laps that it is meant to have
--   laps         that it has made a version in
--   rollouts     live rollouts of it in the lake
--   sessions     how often it was begun or continued, as far as it drove
--   started_at   when it was begun, UTC
--   finished_at  when it came to its end, UTC; NULL before
--   settings     JSON: what it was begun with
select
    loops.loop_id,
    loops.iterations,
    (select count(*) from catalog.laps as laps where laps.loop_id = loops.loop_id and laps.version is not null)::integer
        as laps,
    count(rollouts.rollout_id)::integer as rollouts,
    count(distinct rollouts.run_id)::integer as sessions,
    loops.started_at,
    loops.finished_at,
    loops.settings
from catalog.loops as loops
left join catalog.rollouts as rollouts
    on regexp_full_match(rollouts.run_id, loops.loop_id || '\.[0-9]+') and rollouts.superseded_by is null
    and rollouts.dropped_at is null
group by loops.loop_id, loops.iterations, loops.started_at, loops.finished_at, loops.settings
