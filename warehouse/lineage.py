"""Which data made which model, asked of the catalog.

Arrives: rollouts, or the ingredients of a training. Leaves: what was used before.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from schemas.space import Space
from warehouse import tables as t
from warehouse.lake import Lake

_CHUNK = 500


def untrained(lake: Lake, rollout_ids: Sequence[str]) -> int:
    """How many of these rollouts no version was trained on."""
    used = sa.select(t.window_rollouts.c.rollout_id).join(
        t.models, t.models.c.window_id == t.window_rollouts.c.window_id
    )
    known: set[str] = set()
    with lake.catalog.read() as connection:
        for start in range(0, len(rollout_ids), _CHUNK):
            some = rollout_ids[start : start + _CHUNK]
            known.update(connection.scalars(used.where(t.window_rollouts.c.rollout_id.in_(some))))
    return len(set(rollout_ids) - known)


def twin(lake: Lake, parent: int | None, window_id: str, config: dict[str, Any]) -> int | None:
    """The first version of the same parent, window and configuration, if there is one."""
    m = t.models.c
    query = sa.select(m.version, m.config).where(
        m.parent.is_(None) if parent is None else m.parent == parent, m.window_id == window_id
    )
    with lake.catalog.read() as connection:
        same = [row.version for row in connection.execute(query) if row.config == config]
    return min(same, default=None)


def environment(lake: Lake, space: Space) -> str | None:
    """Where the newest rollout of this space was driven, as its file says."""
    r = t.rollouts.c
    query = (
        sa.select(r.environment)
        .where(r.space_id == space.space_id, r.environment.is_not(None))
        .order_by(r.ingested_at.desc())
        .limit(1)
    )
    with lake.catalog.read() as connection:
        return connection.scalar(query)


def is_empty(lake: Lake) -> bool:
    """Whether no rollout has ever come in."""
    with lake.catalog.read() as connection:
        return not connection.scalar(sa.select(sa.exists(sa.select(t.rollouts.c.rollout_id))))
