-- One row per move of an alias, newest last; `latest` moves with every version and is left out.
--
-- Columns:
--   move_id       number of the move
--   alias         name that moved, champion before all
--   from_version  version that it pointed to; NULL when it was new
--   to_version    version that it points to since
--   reason        why: a person's words, or the figures that decided
--   moved_at      when, UTC
select move_id, alias, from_version, to_version, reason, moved_at
from catalog.alias_moves
where alias <> 'latest'
order by move_id
