"""A version as the catalog knows it.

Arrives: a transaction and numbers of versions. Leaves: `Model`s, whose files lie in their folder.
"""

import datetime
from collections import defaultdict
from collections.abc import Collection, Sequence
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
    start: Literal["warm", "clone", "imported", "fresh"]
    window_id: str | None
    config: dict[str, Any]
    space: Space
    fingerprint: str
    created_at: datetime.datetime
    folder: Path
    aliases: tuple[str, ...]
    metrics: dict[str, float]
    files: dict[str, FileEntry]
    dropped_at: datetime.datetime | None = None
    """By retention; of the files only manifest and card stay."""
    dropped_by: str | None = None

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
            "dropped_at": self.dropped_at and self.dropped_at.isoformat() + "Z",
            "dropped_by": self.dropped_by,
        }


def load_models(connection: Connection, paths: Paths, numbers: Sequence[int] | None = None) -> list[Model]:
    """The versions of these numbers (None: all), oldest first."""

    def of(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
        return sa.true() if numbers is None else column.in_(numbers)

    names = defaultdict[int, list[str]](list)
    figures = defaultdict[int, dict[str, float]](dict)
    files = defaultdict[int, dict[str, FileEntry]](dict)
    for version, alias in connection.execute(
        sa.select(aliases.c.version, aliases.c.alias).where(of(aliases.c.version)).order_by(aliases.c.alias)
    ).all():
        names[version].append(alias)
    m, f = metrics.c, model_files.c
    for version, name, value in connection.execute(
        sa.select(m.version, m.name, m.value).where(of(m.version), m.step == 0).order_by(m.version, m.name)
    ).all():
        figures[version][name] = value
    for version, name, sha256, size in connection.execute(
        sa.select(f.version, f.name, f.sha256, f.bytes).where(of(f.version)).order_by(f.version, f.name)
    ).all():
        files[version][name] = FileEntry(sha256=sha256, bytes=size)
    found = connection.execute(sa.select(models).where(of(models.c.version)).order_by(models.c.version)).all()
    known = load_spaces(connection, {row.space_id for row in found})
    return [
        Model(
            version=row.version,
            parent=row.parent,
            start=row.start,
            window_id=row.window_id,
            config=row.config,
            space=known[row.space_id],
            fingerprint=row.fingerprint,
            created_at=row.created_at,
            folder=paths.absolute(row.folder),
            aliases=tuple(names[row.version]),
            metrics=figures[row.version],
            files=files[row.version],
            dropped_at=row.dropped_at,
            dropped_by=row.dropped_by,
        )
        for row in found
    ]


def load_spaces(connection: Connection, space_ids: Collection[str]) -> dict[str, Space]:
    """Spaces by id."""
    used = sa.select(spaces).where(spaces.c.space_id.in_(space_ids))
    return {row.space_id: Space.model_validate(row.definition) for row in connection.execute(used)}
