"""Where a version comes from: its parents, and the rollouts of its window.

Arrives: a number or an alias. Leaves: numbers of versions, `WindowRollout`s.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from warehouse.aliases import resolve
from warehouse.lake import Lake
from warehouse.tables import models, rollouts, window_rollouts


@dataclass(frozen=True, kw_only=True)
class WindowRollout:
    """One rollout of the window that a version was trained on."""

    rollout_id: str
    run_id: str
    file_name: str
    rows: int


def rollouts_of(lake: Lake, version: int | str) -> list[WindowRollout]:
    """The rollouts in the window of a version, in the window's order; none for an imported one."""
    with lake.catalog.read() as connection:
        found = connection.execute(
            sa.select(rollouts.c.rollout_id, rollouts.c.run_id, rollouts.c.file_name, window_rollouts.c.rows)
            .select_from(models)
            .join(window_rollouts, window_rollouts.c.window_id == models.c.window_id)
            .join(rollouts, rollouts.c.rollout_id == window_rollouts.c.rollout_id)
            .where(models.c.version == resolve(connection, version))
            .order_by(window_rollouts.c.ordinal)
        )
        return [WindowRollout(**row) for row in found.mappings()]


def ancestors(lake: Lake, version: int | str) -> list[int]:
    """The chain of parents of a version, nearest first."""
    with lake.catalog.read() as connection:
        chain = [resolve(connection, version)]
        pairs = connection.execute(sa.select(models.c.version, models.c.parent)).all()
    parents: dict[int, int | None] = {row.version: row.parent for row in pairs}
    while (parent := parents[chain[-1]]) is not None:
        chain.append(parent)
    return chain[1:]
