"""Driving loops that can be interrupted anywhere and go on where they were.

Arrives: settings; what each lap did, when it did it. Leaves: `Loop`s, and how far their laps are. The rollouts of a
loop are those of the runs `<loop_id>.<session>`, with sessions counted from 1.
"""

import datetime
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.errors import NotRegistered, SettingsRejected
from warehouse import tables as t
from warehouse.catalog import now
from warehouse.lake import Lake


@dataclass(frozen=True, kw_only=True)
class Loop:
    """One loop, as it was begun."""

    loop_id: str
    """Such as loop-0007."""
    settings: dict[str, Any]
    iterations: int
    started_at: datetime.datetime
    """UTC, as the next one."""
    finished_at: datetime.datetime | None


@dataclass(frozen=True, kw_only=True)
class LapRecord:
    """How far one lap is: what is None is still to be done."""

    lap: int
    """From 1."""
    rollout_id: str
    """That it drove."""
    head: int
    """The version that it trains further."""
    version: int | None = None
    """That it made."""
    promoted: bool | None = None
    """None also where it is not judged."""
    goes_on: int | None = None
    """The head of the next lap."""


def begin(lake: Lake, settings: Mapping[str, Any], iterations: int) -> Loop:
    """A new loop, of so many iterations.

    Raises:
        SettingsRejected: the settings are no JSON, or there is less than one iteration.
    """
    if iterations < 1:
        raise SettingsRejected(f"a loop of {iterations} iterations; wanted 1 or more")
    try:
        kept = json.loads(json.dumps(dict(settings), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise SettingsRejected(f"settings of a loop are no JSON ({error}): {dict(settings)!r}") from error
    with lake.catalog.begin() as connection:
        lake.catalog.lock(connection, "loops")
        number = 1 + max(map(_number, connection.scalars(sa.select(t.loops.c.loop_id))), default=0)
        while _runs(connection, loop_id := f"loop-{number:04d}"):  # a loop of another home that drove into this lake
            number += 1
        row = {"loop_id": loop_id, "settings": kept, "iterations": iterations, "started_at": now()}
        connection.execute(t.loops.insert(), row)
    return Loop(**row, finished_at=None)


def get(lake: Lake, loop_id: str) -> Loop:
    """A loop by its id; raises NotRegistered where there is none."""
    with lake.catalog.read() as connection:
        row = connection.execute(sa.select(t.loops).where(t.loops.c.loop_id == loop_id)).mappings().first()
    if row is None:
        raise NotRegistered(f"no loop {loop_id!r}; see: pitwall sql 'from loops'")
    return Loop(**row)


def unfinished(lake: Lake) -> Loop | None:
    """The loop that was begun last, if it has not come to its end."""
    with lake.catalog.read() as connection:
        rows = connection.execute(sa.select(t.loops)).mappings().all()
    last = max(rows, key=lambda row: _number(row["loop_id"]), default=None)  # by number: a clock may be set back
    return None if last is None or last["finished_at"] is not None else Loop(**last)


def finish(lake: Lake, loop_id: str) -> Loop:
    """Write down that a loop came to its end; the first time counts. Raises NotRegistered where there is none."""
    ended = t.loops.update().where(t.loops.c.loop_id == loop_id, t.loops.c.finished_at.is_(None))
    with lake.catalog.begin() as connection:
        connection.execute(ended.values(finished_at=now()))
    return get(lake, loop_id)


def laps(lake: Lake, loop_id: str) -> list[LapRecord]:
    """The laps of a loop in order; only the last one may be unfinished."""
    query = sa.select(t.laps).where(t.laps.c.loop_id == loop_id).order_by(t.laps.c.lap)
    with lake.catalog.read() as connection:
        rows = connection.execute(query).mappings().all()
    return [LapRecord(**{name: value for name, value in row.items() if name != "loop_id"}) for row in rows]


def write(lake: Lake, loop_id: str, lap: LapRecord) -> LapRecord:
    """Write down how far a lap is; returns it."""
    with lake.catalog.begin() as connection:
        lake.catalog.upsert(connection, t.laps, [{"loop_id": loop_id, **asdict(lap)}])
    return lap


def sessions(lake: Lake, loop_id: str) -> int:
    """Number of the last session of a loop that has a rollout in the lake; 0 before the first."""
    with lake.catalog.read() as connection:
        return max(_runs(connection, loop_id).values(), default=0)


def waiting(lake: Lake, loop_id: str) -> str | None:
    """The first rollout of a loop that no lap has; those without a known author cannot be trained on, and are left."""
    r = t.rollouts.c
    taken = sa.select(t.laps.c.rollout_id).where(t.laps.c.loop_id == loop_id)
    with lake.catalog.read() as connection:
        runs = _runs(connection, loop_id)
        query = (
            sa.select(r.rollout_id, r.run_id, r.position)
            .join_from(t.rollouts, t.attributions)
            .where(
                r.run_id.in_(runs),
                r.superseded_by.is_(None),
                r.dropped_at.is_(None),
                r.rollout_id.not_in(taken),
                t.attributions.c.version.is_not(None),
            )
        )
        found = connection.execute(query).all()
    ordered = sorted(found, key=lambda row: (runs[row.run_id], row.position))
    return ordered[0].rollout_id if ordered else None


def made(lake: Lake, lap: LapRecord, config: Mapping[str, Any]) -> int | None:
    """The version that a lap made before it could write that down: same head, rollout and configuration."""
    m, wr = t.models.c, t.window_rollouts.c
    query = (
        sa.select(m.version, m.config)
        .join(t.window_rollouts, wr.window_id == m.window_id)
        .where(m.parent == lap.head, wr.rollout_id == lap.rollout_id)
        .order_by(m.version)
    )
    with lake.catalog.read() as connection:
        return next((row.version for row in connection.execute(query) if row.config == config), None)


def _number(loop_id: str) -> int:
    return int(loop_id.removeprefix("loop-"))


def _runs(connection: Connection, loop_id: str) -> dict[str, int]:
    """Runs of a loop in the lake and the numbers of their sessions."""
    start = f"{loop_id}."
    column = t.runs.c.run_id
    # not LIKE: SQLite's knows no small and capital letters
    found = connection.scalars(sa.select(column).where(sa.func.substr(column, 1, len(start)) == start))
    numbers = {run_id: run_id.removeprefix(start) for run_id in found}
    return {run_id: int(number) for run_id, number in numbers.items() if number.isascii() and number.isdecimal()}
