"""Named rewards in the catalog: definitions that never change, and names that point to them.

Arrives: a `Reward`. Leaves: the same by its name or its id, and which versions were trained on which.
"""

import datetime
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.errors import NotRegistered, RewardRejected
from schemas.reward import Reward
from warehouse.catalog import now
from warehouse.lake import Lake
from warehouse.tables import models, reward_names, rewards, windows


@dataclass(frozen=True)
class Named:
    """A name and what it stands for."""

    reward: Reward
    note: str
    created_at: datetime.datetime
    """UTC, naive."""
    versions: tuple[int, ...]
    """Trained on it."""


def define(lake: Lake, reward: Reward, note: str = "") -> bool:
    """Give the name to this definition; False where it has it already.

    Raises:
        RewardRejected: a version was trained on another definition of this name.
    """
    with lake.catalog.begin() as connection:
        lake.catalog.lock(connection, "rewards")
        known = _ids(connection).get(reward.name)
        if known == reward.reward_id:
            return False
        if known is not None and (trained := _versions(connection).get((known, reward.name))):
            raise RewardRejected(
                f"reward {reward.name!r} is taken: version {trained[0]} was trained on it, so it stays "
                f"{_load(connection, reward.name, known).formula}. Define this one under another name: "
                f"pitwall rescore {_next(reward.name, _ids(connection).keys())} ..."
            )
        made = {"kind": reward.kind, "definition": reward.definition, "created_at": now()}
        lake.catalog.insert_new(connection, rewards, [{"reward_id": reward.reward_id, **made}])
        named = {"name": reward.name, "reward_id": reward.reward_id, "note": note, "created_at": now()}
        lake.catalog.upsert(connection, reward_names, [named])
        return True


def get(lake: Lake, name: str) -> Reward:
    """The reward of this name; raises NotRegistered, with what there is."""
    with lake.catalog.read() as connection:
        ids = _ids(connection)
        if name not in ids:
            there = f"there are {', '.join(sorted(ids))}" if ids else "none is defined"
            raise NotRegistered(
                f"there is no reward {name!r}; {there}. Define it: pitwall rescore {name} --weights speed=0.5; "
                "see: pitwall rescore --list"
            )
        return _load(connection, name, ids[name])


def listing(lake: Lake) -> list[Named]:
    """All names, oldest first."""
    with lake.catalog.read() as connection:
        found = connection.execute(sa.select(reward_names).order_by(reward_names.c.created_at, reward_names.c.name))
        used = _versions(connection)
        return [
            Named(_load(connection, row.name, row.reward_id), row.note, row.created_at,
                  tuple(used.get((row.reward_id, row.name), ())))
            for row in found.all()
        ]  # fmt: skip


def load(connection: Connection, window: "sa.Row[tuple[object, ...]]") -> Reward | None:
    """The reward of a row of `windows`, with the name that it then had; None: as recorded."""
    return None if window.reward_id is None else _load(connection, window.request["reward"], window.reward_id)


def learned_by(lake: Lake, versions: Collection[int]) -> dict[int, str | None]:
    """What the critics of these versions estimate: the id of the reward that they were trained on, None: the recorded.

    An imported or fresh version counts as the engine's own.
    """
    query = (
        sa.select(models.c.version, windows.c.reward_id)
        .join(windows, windows.c.window_id == models.c.window_id, isouter=True)
        .where(models.c.version.in_(versions))
    )
    with lake.catalog.read() as connection:
        return {version: reward_id for version, reward_id in connection.execute(query)}


def _ids(connection: Connection) -> dict[str, str]:
    names = connection.execute(sa.select(reward_names.c.name, reward_names.c.reward_id))
    return {name: reward_id for name, reward_id in names}


def _load(connection: Connection, name: str, reward_id: str) -> Reward:
    definition = connection.execute(
        sa.select(rewards.c.definition).where(rewards.c.reward_id == reward_id)
    ).scalar_one()
    return Reward.model_validate({"name": name, **definition})


def _versions(connection: Connection) -> dict[tuple[str, str], list[int]]:
    """Versions by the reward they were trained on and the name that it then had."""
    query = (
        sa.select(windows.c.reward_id, windows.c.request, models.c.version)
        .join(models, models.c.window_id == windows.c.window_id)
        .where(windows.c.reward_id.is_not(None))
        .order_by(models.c.version)
    )
    found: dict[tuple[str, str], list[int]] = {}
    for reward_id, request, version in connection.execute(query):
        found.setdefault((reward_id, request["reward"]), []).append(version)
    return found


def _next(name: str, taken: Collection[str]) -> str:
    """A free name like this one."""
    stem = name[:60]
    return next(spelled for number in range(2, 1000) if (spelled := f"{stem}-{number}") not in taken)
