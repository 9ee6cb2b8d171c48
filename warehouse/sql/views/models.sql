-- One row per model version, newest last.
--
-- Columns:
--   version          dense number from 1
--   parent           version it went on from; NULL for a first one
--   start            warm, clone, imported or fresh
--   aliases          names that point to it now, joined by ", "; NULL without any
--   window_id        window it was trained on; NULL when imported or fresh
--   rows             experiences in that window
--   space_id         observations and actions; see the view spaces
--   fingerprint      sha256 over the float32 weights as the engine sees them
--   folder           where its files lie, below the home
--   manifest_sha256  sha256 of its manifest
--   config           JSON: the training's configuration
--   created_at       when it was published, UTC
--   reward           named reward that it was trained on; NULL for the recorded one
--   dropped_at       when retention dropped it, UTC; only manifest and card stay. NULL while it is whole
--   dropped_by       the rule
with pointers as (
    select version, string_agg(alias, ', ' order by alias) as aliases from catalog.aliases group by version
)
select
    models.version,
    models.parent,
    models.start,
    pointers.aliases,
    models.window_id,
    windows.rows,
    models.space_id,
    models.fingerprint,
    models.folder,
    models.manifest_sha256,
    models.config,
    models.created_at,
    case when windows.reward_id is not null then windows.request::json ->> 'reward' end as reward,
    models.dropped_at,
    models.dropped_by
from catalog.models as models
left join pointers on pointers.version = models.version
left join catalog.windows as windows on windows.window_id = models.window_id
order by models.version
