-- One row per named reward; the recorded one has no name.
--
-- Columns:
--   name        as it is chosen with --reward
--   reward_id   sha256 of the definition
--   kind        weights or sql
--   expression  what a row is worth, in SQL
--   clamp       the result is held within plus and minus this; NULL without
--   definition  JSON: all of it
--   note        the person's own words
--   versions    how many versions were trained on it under this name
--   created_at  when the name was given, UTC
select
    names.name,
    names.reward_id,
    rewards.kind,
    rewards.definition::json ->> 'expression' as expression,
    (rewards.definition::json ->> 'clamp')::double as clamp,
    rewards.definition,
    names.note,
    count(models.version)::integer as versions,
    names.created_at
from catalog.reward_names as names
join catalog.rewards as rewards on rewards.reward_id = names.reward_id
left join catalog.windows as windows
    on windows.reward_id = names.reward_id and (windows.request::json ->> 'reward') = names.name
left join catalog.models as models on models.window_id = windows.window_id
group by all
order by names.created_at, names.name
