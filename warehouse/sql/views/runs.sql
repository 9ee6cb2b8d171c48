-- One row per run: one session of the engine.
--
-- Columns:
--   run_id              name of the run
--   rollouts            live rollouts
--   rows                their experiences
--   agents              most agents in one rollout
--   rejected_rows       experiences that were rejected in them
--   missing_rollouts    indices that the engine's numbering skips between the first and the last
--   policy_version_min  oldest known version that collected
--   policy_version_max  newest known version that collected
--   first_written_at    engine's local time of the first rollout
--   last_written_at     engine's local time of the last rollout
--   source              folder; empty for a run that the files name themselves
--   explicit            the files name the run
--   created_at          when the lake first saw it, UTC
select
    runs.run_id,
    count(rollouts.rollout_id)::integer as rollouts,
    coalesce(sum(rollouts.rows), 0)::bigint as rows,
    max(rollouts.agents) as agents,
    coalesce(sum(rollouts.rejected_rows), 0)::bigint as rejected_rows,
    greatest(
        max(rollouts.rollout_index) - min(rollouts.rollout_index) + 1 - count(distinct rollouts.rollout_index), 0
    )::bigint as missing_rollouts,
    min(rollouts.policy_version) as policy_version_min,
    max(rollouts.policy_version) as policy_version_max,
    min(rollouts.written_at) as first_written_at,
    max(rollouts.written_at) as last_written_at,
    runs.source,
    runs.explicit,
    runs.created_at
from catalog.runs as runs
left join rollouts on rollouts.run_id = runs.run_id
group by runs.run_id, runs.source, runs.explicit, runs.created_at
