-- One row per rejected file or experience, resolved ones included.
--
-- Columns:
--   reject_id    number of the reject
--   file_name    name of the file
--   row_index    position in the file, from 0; NULL for a whole file
--   reason       what was there and what was wanted
--   raw          the experience as it stood in the file; NULL for a whole file, whose bytes are kept beside the lake
--   rejected_at  when, UTC
--   resolved_by  rollout that brought it in after all; NULL while it is open
--   file_path    where the file lay
--   content_id   sha256 of the file's bytes
select
    reject_id,
    file_name,
    nullif(row_index, -1) as row_index,
    reason,
    raw,
    rejected_at,
    resolved_by,
    file_path,
    content_id
from catalog.rejects
