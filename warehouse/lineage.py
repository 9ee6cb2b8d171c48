"""Which data made which model, asked of the catalog.

Arrives: rollouts, or the ingredients of a training. Leaves: what was used before.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.training import engine
from warehouse import tables as t
from warehouse.lake import Lake

_CHUNK = 500
_USED = sa.select(t.window_rollouts.c.rollout_id).join(t.models, t.models.c.window_id == t.window_rollouts.c.window_id)
"""Rollouts that a version was trained on."""


def untrained(lake: Lake, rollout_ids: Sequence[str]) -> int:
    """How many of these rollouts no version was trained on; those that retention dropped do not count."""
    return len(new_to_training(lake, rollout_ids))


def new_to_training(lake: Lake, rollout_ids: Sequence[str]) -> list[str]:
    """Which of these rollouts no version was trained on, in their order; without those that retention dropped."""
    dropped = sa.select(t.rollouts.c.rollout_id).where(t.rollouts.c.dropped_at.is_not(None))
    known: set[str] = set()
    with lake.catalog.read() as connection:
        for start in range(0, len(rollout_ids), _CHUNK):
            some = rollout_ids[start : start + _CHUNK]
            known.update(connection.scalars(_USED.where(t.window_rollouts.c.rollout_id.in_(some))))
            known.update(connection.scalars(dropped.where(t.rollouts.c.rollout_id.in_(some))))
    return [rollout for rollout in dict.fromkeys(rollout_ids) if rollout not in known]


def waiting(lake: Lake) -> int:
    """How many rollouts of the lake no version was trained on; of a mended file only the newest counts."""
    r = t.rollouts.c
    live = r.superseded_by.is_(None), r.dropped_at.is_(None)
    with lake.catalog.read() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).where(*live, r.rollout_id.not_in(_USED))) or 0)


def in_lake(lake: Lake, rollout_ids: Sequence[str]) -> set[str]:
    """Those of these rollouts whose rows lie in the lake."""
    found: set[str] = set()
    with lake.catalog.read() as connection:
        for start in range(0, len(rollout_ids), _CHUNK):
            some = t.rollouts.c.rollout_id.in_(rollout_ids[start : start + _CHUNK])
            found.update(
                connection.scalars(sa.select(t.rollouts.c.rollout_id).where(some, t.rollouts.c.dropped_at.is_(None)))
            )
    return found


def runs_of(lake: Lake, rollout_ids: Sequence[str]) -> list[str]:
    """The runs of these rollouts, by name."""
    found: set[str] = set()
    with lake.catalog.read() as connection:
        for start in range(0, len(rollout_ids), _CHUNK):
            some = t.rollouts.c.rollout_id.in_(rollout_ids[start : start + _CHUNK])
            found.update(connection.scalars(sa.select(t.rollouts.c.run_id).where(some).distinct()))
    return sorted(found)


def twin(lake: Lake, parent: int | None, window_id: str, config: dict[str, Any]) -> int | None:
    """The first version of the same parent, rows and configuration, if there is one.

    Rows that were moved into another partition since are the same rows of another window; a field of the configuration
    that is new since had its default.
    """
    defaults = engine().model_dump(mode="json")
    m, w = t.models.c, t.windows.alias("asked").c
    rows = sa.select(w.rows_sha256).where(w.window_id == window_id).scalar_subquery()
    query = (
        sa.select(m.version, m.config, m.window_id)
        .join_from(t.models, t.windows)
        .where(m.parent.is_(None) if parent is None else m.parent == parent, t.windows.c.rows_sha256 == rows)
        .order_by(m.version)
    )
    with lake.catalog.read() as connection:
        asked = _members(connection, window_id)
        for row in connection.execute(query).all():
            if defaults | row.config == defaults | config and _members(connection, row.window_id) == asked:
                return int(row.version)
    return None


def _members(connection: Connection, window_id: str) -> list[str]:
    wr = t.window_rollouts.c
    return list(connection.scalars(sa.select(wr.rollout_id).where(wr.window_id == window_id).order_by(wr.ordinal)))


def environment(lake: Lake, version: int) -> str | None:
    """Where a version learned to drive, as files say; None where none does, or they do not agree.

    It is that of the rollouts that the version, or the nearest ancestor with any that tell, was trained on or drove.
    """
    r, m, wr, a = t.rollouts.c, t.models.c, t.window_rollouts.c, t.attributions.c
    at: int | None = version
    with lake.catalog.read() as connection:
        while at is not None:
            head = connection.execute(sa.select(m.parent, m.window_id).where(m.version == at)).one()
            seen = sa.select(wr.rollout_id).where(wr.window_id == head.window_id)
            driven = sa.select(a.rollout_id).where(a.version == at)
            told = sa.select(r.environment).where(r.environment.is_not(None)).distinct()
            for rollouts in (seen, driven):
                if found := connection.scalars(told.where(r.rollout_id.in_(rollouts))).all():
                    return found[0] if len(found) == 1 else None
            at = head.parent
    return None


def is_empty(lake: Lake) -> bool:
    """Whether no rollout has ever come in."""
    with lake.catalog.read() as connection:
        return not connection.scalar(sa.select(sa.exists(sa.select(t.rollouts.c.rollout_id))))
