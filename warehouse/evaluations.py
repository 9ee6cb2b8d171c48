"""How well a version drives: deterministic drives, stored once for a version, a task and settings.

Arrives: drives, as mappings or an Arrow table with the fields of schemas/drive.py. Leaves: `Evaluation`s, and their
drives, in the catalog.
"""

import datetime
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Connection

from schemas.drive import Drive
from schemas.errors import EvaluationRejected
from warehouse import tables as t
from warehouse.aliases import resolve
from warehouse.bootstrap import Interval, interval
from warehouse.catalog import now
from warehouse.lake import Lake

_MEANS = {
    "finished": "finished_share",
    "crashed": "crashed_share",
    "progress": "progress_mean",
    "speed": "speed_mean",
    "return": "return_mean",
}
"""What is summed up over the drives, and the column of its mean; its interval is in `<name>_low` and `<name>_high`."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Means over all drives, with 95 % bootstrap intervals; drives on one track are drawn together."""

    evaluation_id: int
    version: int
    task: str
    """Id of the environment."""
    settings: dict[str, Any]
    drives: int
    finished: Interval | None
    """Share of drives that finished a lap; None, as the next three, where the task knows no laps."""
    crashed: Interval | None
    progress: Interval | None
    """Laps."""
    speed: Interval | None
    """m/s."""
    return_: Interval
    """Undiscounted."""
    created_at: datetime.datetime
    """UTC."""

    def words(self) -> str:
        """In a few words."""
        if self.finished is None or self.speed is None:
            return f"return {self.return_.mean:.1f} (evaluated)"
        return f"{self.finished.mean:.0%} of drives finish a lap, {self.speed.mean:.1f} m/s"


def store(
    lake: Lake,
    version: int | str,
    task: str,
    settings: Mapping[str, Any],
    drives: "Iterable[Mapping[str, Any]] | pa.Table",
) -> Evaluation:
    """Write an evaluation down; one of the same version, task and settings that is there already stays as it is.

    Raises:
        EvaluationRejected: there are no drives, a number is there twice, or a figure is not finite or missing.
        NotRegistered: no such version.
    """
    rows = _rows(f"evaluation of version {version} on {task}", drives)
    canonical = _canonical(settings)
    head = {
        "task": task,
        "settings": json.loads(canonical),
        "settings_id": _settings_id(canonical),
        "drives": len(rows),
        **_summary(rows),
        "created_at": now(),
    }
    with lake.catalog.begin() as connection:
        number = resolve(connection, version)
        is_new = lake.catalog.insert_new(connection, t.evaluations, [head | {"version": number}])
        found = find_in(connection, number, task, settings)
        assert found is not None
        if is_new:
            connection.execute(t.drives.insert(), [{"evaluation_id": found.evaluation_id, **row} for row in rows])
    return found


def find(lake: Lake, version: int | str, task: str, settings: Mapping[str, Any]) -> Evaluation | None:
    """The evaluation of a version (number or alias) on a task with exactly these settings, if it was made."""
    with lake.catalog.read() as connection:
        return find_in(connection, resolve(connection, version), task, settings)


def find_in(connection: Connection, version: int, task: str, settings: Mapping[str, Any]) -> Evaluation | None:
    """The same, within the caller's transaction."""
    e = t.evaluations.c
    same = e.version == version, e.task == task, e.settings_id == _settings_id(_canonical(settings))
    row = connection.execute(sa.select(t.evaluations).where(*same)).mappings().first()
    return None if row is None else _evaluation(row)


def newest_in(connection: Connection, version: int) -> Evaluation | None:
    """The evaluation of a version that was made last, whatever its task, within the caller's transaction."""
    e = t.evaluations.c
    query = sa.select(t.evaluations).where(e.version == version).order_by(e.evaluation_id.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else _evaluation(row)


def comparable(lake: Lake, task: str, settings: Mapping[str, Any]) -> list[Evaluation]:
    """All evaluations on a task with exactly these settings, the oldest version first."""
    e = t.evaluations.c
    query = sa.select(t.evaluations).where(e.task == task, e.settings_id == _settings_id(_canonical(settings)))
    with lake.catalog.read() as connection:
        return [_evaluation(row) for row in connection.execute(query.order_by(e.version)).mappings()]


def _rows(where: str, drives: "Iterable[Mapping[str, Any]] | pa.Table") -> list[dict[str, Any]]:
    """Rows of `drives`, less the evaluation's id; each figure is there in all of them or in none."""
    rows: list[dict[str, Any]] = []
    for place, drive in enumerate(drives.to_pylist() if isinstance(drives, pa.Table) else drives):
        try:
            rows.append(Drive.model_validate(drive).model_dump(by_alias=True))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise EvaluationRejected(
                f"{where}: drives[{place}].{field} is {first.get('input')!r}: {first['msg']}. Nothing is stored"
            ) from error
    if not rows or len({row["number"] for row in rows}) < len(rows):
        raise EvaluationRejected(
            f"{where}: {len(rows)} drives, wanted 1 or more of different numbers. Nothing is stored"
        )
    for name in rows[0]:
        if len({row[name] is None for row in rows}) > 1:
            raise EvaluationRejected(f"{where}: some drives have {name} and others do not. Nothing is stored")
    return rows


def _summary(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    """Mean, low and high of each figure."""
    tracks = None if rows[0]["track"] is None else [row["track"] for row in rows]
    figures: dict[str, float | None] = {}
    for name, column in _MEANS.items():
        known = rows[0][name] is not None
        found = interval([row[name] for row in rows], tracks) if known else None
        mean, low, high = (found.mean, found.low, found.high) if found else (None, None, None)
        figures |= {column: mean, f"{name}_low": low, f"{name}_high": high}
    return figures


def _canonical(settings: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(settings), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise EvaluationRejected(f"settings of an evaluation are no JSON ({error}): {dict(settings)!r}") from error


def _settings_id(canonical: str) -> str:
    return hashlib.sha256(canonical.encode()).hexdigest()


def _evaluation(row: sa.RowMapping) -> Evaluation:
    def known(name: str) -> Interval:
        return Interval(row[_MEANS[name]], row[f"{name}_low"], row[f"{name}_high"])

    finished, crashed, progress, speed = (
        None if row[_MEANS[name]] is None else known(name) for name in ("finished", "crashed", "progress", "speed")
    )
    return Evaluation(
        evaluation_id=row["evaluation_id"],
        version=row["version"],
        task=row["task"],
        settings=row["settings"],
        drives=row["drives"],
        finished=finished,
        crashed=crashed,
        progress=progress,
        speed=speed,
        return_=known("return"),
        created_at=row["created_at"],
    )
