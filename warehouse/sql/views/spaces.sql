-- One row per observation or action of every space that the lake has seen.
--
-- Columns:
--   space_id     identity of the space
--   kind         observation or action
--   ordinal      place among the network's inputs or outputs, from 0
--   name         name of the feature
--   column_name  its column in experiences
--   low          smallest value it can have; NULL where unknown
--   high         largest value it can have; NULL where unknown
with kinds as (
    select space_id, 'observation' as kind, 'obs_' as prefix, (definition::json -> 'observations')::json[] as features
    from catalog.spaces
    union all
    select space_id, 'action', 'action_', (definition::json -> 'actions')::json[] from catalog.spaces
),
features as (
    select space_id, kind, prefix, generate_subscripts(features, 1)::integer - 1 as ordinal, unnest(features) as feature
    from kinds
)
select
    space_id,
    kind,
    ordinal,
    feature ->> 'name' as name,
    prefix || (feature ->> 'name') as column_name,
    (feature ->> 'low')::double as low,
    (feature ->> 'high')::double as high
from features
