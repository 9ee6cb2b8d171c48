"""What lies in the home and is of no use, found by holding every file against the catalog.

Arrives: a lake. Leaves: `Litter`, each with its reason and, where the catalog tells, the time since which it is.
"""

import datetime
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.manifest import CARD, MANIFEST
from warehouse import tables as t
from warehouse.lake import Lake
from warehouse.pins import pinned_partitions

_VERSION = re.compile(r"v(\d{5,9})")
_REJECT = re.compile(r"([0-9a-f]{64})\.gz")


@dataclass(frozen=True)
class Litter:
    """One file or folder."""

    path: str  # below the home, posix
    reason: str
    bytes: int
    changed: float  # seconds since 1970
    since: datetime.datetime | None = None  # it is garbage, UTC; None: nobody has seen it yet
    partition_id: str | None = None
    pinned: bool = False

    def dated(self, since: datetime.datetime | None) -> "Litter":
        """The same with the time at which it was first seen."""
        return replace(self, since=since)


@dataclass(frozen=True)
class Known:
    """What the catalog knows of files, in one view."""

    partitions: dict[str, tuple[str, datetime.datetime | None, datetime.datetime | None]]
    """path -> id, retired_at, removed_at."""
    pinned: set[str]
    versions: dict[int, datetime.datetime | None]
    """version -> dropped_at."""
    open_rejects: dict[str, bool]
    """content id -> whether any reject of the whole file is still open."""

    @classmethod
    def read(cls, connection: Connection, lake: Lake, since: datetime.datetime) -> "Known":
        """`since`: windows that were selected later pin what they name."""
        p, m, j = t.partitions.c, t.models.c, t.rejects.c
        rejects: dict[str, bool] = defaultdict(bool)
        for content_id, resolved_by in connection.execute(
            sa.select(j.content_id, j.resolved_by).where(j.row_index == -1)
        ):
            rejects[content_id] |= resolved_by is None
        return cls(
            {
                row.path: (row.partition_id, row.retired_at, row.removed_at)
                for row in connection.execute(sa.select(p.path, p.partition_id, p.retired_at, p.removed_at))
            },
            pinned_partitions(connection, since, released=lake.settings.release_pinned),
            dict(connection.execute(sa.select(m.version, m.dropped_at)).tuples().all()),
            dict(rejects),
        )

    def partition(self, path: str) -> tuple[str, datetime.datetime | None, str | None, bool]:
        """Reason (empty: in use), since when, id, pinned."""
        if path not in self.partitions:
            return "no row of the catalog names it", None, None, False
        identity, retired_at, removed_at = self.partitions[path]
        if removed_at is not None:
            return "it was removed before and came back", None, identity, False
        if retired_at is None:
            return "", None, identity, False
        return "retired", retired_at, identity, identity in self.pinned

    def version_file(self, version: int, name: str) -> tuple[str, datetime.datetime | None]:
        """Reason (empty: in use), since when."""
        dropped_at = self.versions.get(version)
        if dropped_at is None or name in (MANIFEST, CARD):
            return "", None
        return "its version was dropped", dropped_at

    def reject(self, content_id: str) -> str:
        """Reason; empty while it is open."""
        if content_id not in self.open_rejects:
            return "no row of the catalog names it"
        return "" if self.open_rejects[content_id] else "the file came in after all"

    def is_garbage(self, litter: Litter) -> bool:
        """Whether it still is, now that nobody else writes."""
        room, *rest = litter.path.split("/")
        if room == "experiences":
            reason, _, _, pinned = self.partition(litter.path)
            return bool(reason) and not pinned
        if room == "models":
            version = int(rest[0].removeprefix("v"))
            return version not in self.versions if len(rest) == 1 else bool(self.version_file(version, rest[1])[0])
        if room == "rejects":
            return bool(self.reject(rest[-1].removesuffix(".gz")))
        return room == "scratch"


def find(lake: Lake, since: datetime.datetime) -> list[Litter]:
    """All litter, by path."""
    with lake.catalog.read() as connection:
        known = Known.read(connection, lake, since)
    found = [*_partitions(lake, known), *_versions(lake, known), *_rejects(lake, known), *_scratch(lake)]
    return sorted(found, key=lambda litter: litter.path)


def _partitions(lake: Lake, known: Known) -> Iterator[Litter]:
    seen = set[str]()
    for path, size, changed in _files(lake.paths.experiences):
        name = lake.paths.relative(path)
        reason, since, identity, pinned = known.partition(name)
        seen.add(name)
        if reason:
            yield Litter(name, reason, size, changed, since, identity, pinned)
    for name, (identity, retired_at, removed_at) in known.partitions.items():
        if retired_at is not None and removed_at is None and name not in seen and identity not in known.pinned:
            yield Litter(name, "retired, and its file is gone already", 0, 0.0, retired_at, identity)


def _versions(lake: Lake, known: Known) -> Iterator[Litter]:
    for folder in _entries(lake.paths.models):
        match = _VERSION.fullmatch(folder.name)
        if match is None or not folder.is_dir():
            continue  # not ours
        version, name = int(match[1]), lake.paths.relative(folder)
        if version not in known.versions:
            yield _whole(folder, name, "no version owns it")
            continue
        for path, size, changed in _files(folder):
            reason, since = known.version_file(version, path.name)
            if reason:
                yield Litter(lake.paths.relative(path), reason, size, changed, since)


def _rejects(lake: Lake, known: Known) -> Iterator[Litter]:
    for path, size, changed in _files(lake.paths.rejects):
        match = _REJECT.fullmatch(path.name)
        if match and (reason := known.reject(match[1])):
            yield Litter(lake.paths.relative(path), reason, size, changed)


def _scratch(lake: Lake) -> Iterator[Litter]:
    for path in _entries(lake.paths.scratch):
        yield _whole(path, lake.paths.relative(path), "left unfinished, or moved aside")


def _whole(path: Path, name: str, reason: str) -> Litter:
    """A file, or a folder with all that is in it: as young as its youngest file."""
    try:
        own = path.stat()
    except OSError:
        return Litter(name, reason, 0, float("inf"))
    inside = list(_files(path)) if path.is_dir() else [(path, own.st_size, own.st_mtime)]
    return Litter(
        name, reason, sum(size for _, size, _ in inside), max([own.st_mtime, *(changed for *_, changed in inside)])
    )


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _files(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """Regular files below a folder: (path, bytes, time of last change); links are not followed, nor taken."""
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root) / name
            try:
                found = path.lstat()
            except OSError:
                continue  # gone meanwhile
            if not path.is_symlink():
                yield path, found.st_size, found.st_mtime
