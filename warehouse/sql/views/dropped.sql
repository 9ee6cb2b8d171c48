-- One row per rollout that retention dropped: its rows have left the lake, and its file does not come in again.
--
-- Columns:
--   rollout_id     sha256 of the file's (uncompressed) bytes
--   run_id         the engine session it belongs to
--   position       order within the run, from 0
--   rows           experiences that were in the lake
--   rows_in_file   experiences in the file
--   rejected_rows  experiences that were rejected
--   written_at     when the engine wrote it, engine's local time
--   ingested_at    when the lake took it, UTC
--   dropped_at     when it was dropped, UTC
--   rule           the settings that dropped it
--   superseded     a mended file had replaced it before
--   file_name      name of the file
--   file_path      where it lay
select
    rollouts.rollout_id,
    rollouts.run_id,
    rollouts.position,
    rollouts.rows,
    rollouts.rows_in_file,
    rollouts.rejected_rows,
    rollouts.written_at,
    rollouts.ingested_at,
    rollouts.dropped_at,
    rollouts.dropped_by as rule,
    rollouts.superseded_by is not null as superseded,
    rollouts.file_name,
    rollouts.file_path
from catalog.rollouts as rollouts
where rollouts.dropped_at is not null
