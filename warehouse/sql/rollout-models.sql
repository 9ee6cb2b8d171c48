-- Which models were trained on this rollout?
--
-- Parameters:
--   rollout: text      its id, the beginning of it, or its file's name
-- Columns:
--   version            model version
--   parent             version it went on from
--   aliases            names that point to it now
--   rows               experiences of the rollout in its window
--   share              their share of the window
--   rollout_id         rollout
--   file_name          file that it came in
--   created_at         when the version was published, UTC
select
    lineage.version, lineage.parent, models.aliases, lineage.rows, lineage.rows / models.rows as share,
    lineage.rollout_id, lineage.file_name, models.created_at
from lineage
join models on models.version = lineage.version
where starts_with(lineage.rollout_id, $rollout) or lineage.file_name = $rollout
order by lineage.version, lineage.rollout_id
