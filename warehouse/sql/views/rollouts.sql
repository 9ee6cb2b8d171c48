-- One row per live rollout (file). One that a mended file replaced is left out; lineage still names it. So is one that
-- retention dropped: it is in the view dropped, and what came in is the rows of both.
--
-- Columns:
--   rollout_id       sha256 of the file's (uncompressed) bytes
--   run_id           the engine session it belongs to
--   position         order within the run, from 0
--   rollout_index    the engine's own index
--   rows             experiences in the lake
--   rows_in_file     experiences in the file
--   rejected_rows    experiences that were rejected; see the view rejects
--   agents           how many agents it holds
--   policy_version   version that collected it, found from the values; NULL while unknown
--   claimed_version  version that the file claims
--   verdict          outcome of the attribution; NULL before it
--   attribution      the attribution's message
--   value_error      largest difference between the stored and the author's values
--   log_prob_error   largest difference between the stored and the author's log densities (nats)
--   written_at       when the engine wrote it, engine's local time
--   ingested_at      when the lake took it, UTC
--   environment      name of the environment, where the producer gives it
--   seed             its seed, where the producer gives it
--   space_id         observations and actions; see the view spaces
--   file_name        name of the file
--   file_path        where it lay
--   warnings         JSON list: what was odd but accepted
select
    rollouts.rollout_id,
    rollouts.run_id,
    rollouts.position,
    rollouts.rollout_index,
    rollouts.rows,
    rollouts.rows_in_file,
    rollouts.rejected_rows,
    rollouts.agents,
    attributions.version as policy_version,
    rollouts.claimed_version,
    attributions.verdict,
    attributions.message as attribution,
    attributions.value_error,
    attributions.log_prob_error,
    rollouts.written_at,
    rollouts.ingested_at,
    rollouts.environment,
    rollouts.seed,
    rollouts.space_id,
    rollouts.file_name,
    rollouts.file_path,
    rollouts.warnings
from catalog.rollouts as rollouts
left join catalog.attributions as attributions on attributions.rollout_id = rollouts.rollout_id
where rollouts.superseded_by is null and rollouts.dropped_at is null
