"""A version as the catalog knows it.

Arrives: a transaction and numbers of versions. Leaves: `Model`s, whose files lie in their folder.
"""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.manifest import FileEntry
from schemas.space import Space
from warehouse.paths import Paths
from warehouse.tables import aliases, metrics, model_files, models, spaces


@dataclass(frozen=True, kw_only=True)
class Model:
    """One version. Its metrics are the single figures; curves lie in the view `metrics`."""

    version: int
    parent: int | None
    start: Literal["warm", "clone", "imported"]
    window_id: str | None
    config: dict[str, Any]
    space: Space
    fingerprint: str
    created_at: datetime.datetime
    folder: Path
    aliases: tuple[str, ...]
    metrics: dict[str, float]
    files: dict[str, FileEntry]

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        return {
            "version": self.version,
            "parent": self.parent,
            "start": self.start,
            "window_id": self.window_id,
            "config": self.config,
            "space": self.space.model_dump(mode="json"),
            "fingerprint": self.fingerprint,
            "created_at": self.created_at.isoformat() + "Z",
            "folder": self.folder.as_posix(),
            "aliases": list(self.aliases),
            "metrics": self.metrics,
            "files": {name: entry.model_dump() for name, entry in self.files.items()},
        }


def load_models(connection: Connection, paths: Paths, numbers: Sequence[int] | None = None) -> list[Model]:
    """The versions of these numbers (None: all), oldest first."""

    def of(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
        return sa.true() if numbers is None else column.in_(numbers)

    names = defaultdict[int, list[str]](list)
    figures = defaultdict[int, dict[str, float]](dict)
    files = defaultdict[int, dict[str, FileEntry]](dict)
    for row in connection.execute(sa.select(aliases).where(of(aliases.c.version)).order_by(aliases.c.alias)):
        names[row.version].append(row.alias)
    single = sa.select(metrics).where(of(metrics.c.version), metrics.c.step == 0).order_by(metrics.c.name)
    for row in connection.execute(single):
        figures[row.version][row.name] = row.value
    for row in connection.execute(sa.select(model_files).where(of(model_files.c.version)).order_by(model_files.c.name)):
        files[row.version][row.name] = FileEntry(sha256=row.sha256, bytes=row.bytes)
    found = sa.select(models, spaces.c.definition).join(spaces).where(of(models.c.version)).order_by(models.c.version)
    return [
        Model(
            version=row.version,
            parent=row.parent,
            start=row.start,
            window_id=row.window_id,
            config=row.config,
            space=Space.model_validate(row.definition),
            fingerprint=row.fingerprint,
            created_at=row.created_at,
            folder=paths.absolute(row.folder),
            aliases=tuple(names[row.version]),
            metrics=figures[row.version],
            files=files[row.version],
        )
        for row in connection.execute(found)
    ]
