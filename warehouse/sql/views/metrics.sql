-- One row per figure of a model version.
--
-- Columns:
--   version  model version
--   name     name of the figure
--   step     epoch for a curve, 0 for a single figure
--   value    the figure
select version, name, step, value from catalog.metrics
