"""Garbage collection: files that nothing refers to any more, deleted a time of grace later.

Arrives: the catalog and the home. Leaves: fewer files, and an account of each with its reason. Garbage is

- a partition that no row of the catalog names, a folder of a version that was never committed, the bytes of a reject
  that no row names or that came in after all, and whatever lies in `scratch`;
- a retired partition, unless a pinned window names it and `release_pinned` is off;
- the files of a version that retention dropped, except manifest and card;
- what a killed delivery left half-written in the engine's folder, by a name that only we give.

Nothing is deleted before both clocks agree that the grace is over: the file's own time, and the catalog's time of when
it became garbage. Where the catalog does not tell when that was, the first collection that sees the file writes it
down, and a later one deletes. What is written down is never behind what was written before (warehouse/moment.py): a
clock that was set back makes everything younger, never older. A retired partition goes only while its successor is
proven whole. A file goes by a rename first, in the transaction in which nothing refers to it; who writes or takes up
the same file meanwhile makes it young (warehouse/partition.py), and then it is put back.
"""

import datetime
import hashlib
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from warehouse import tables as t
from warehouse.catalog import now
from warehouse.engine_folder import unfinished
from warehouse.lake import Lake
from warehouse.litter import Known, Litter, find
from warehouse.moment import moment

Progress = Callable[[int, int], None]
"""Called with (files done, files to do)."""
_AT_ONCE = 100


@dataclass
class CollectionReport:
    """What was deleted (or would be), what waits, and what stays."""

    removed: list[Litter] = field(default_factory=list)
    waiting: list[Litter] = field(default_factory=list)
    """Garbage whose grace is not over."""
    pinned: list[Litter] = field(default_factory=list)
    """Retired partitions that windows name."""
    hindered: dict[str, str] = field(default_factory=dict)
    """Path -> why it could not go, or must not."""

    @property
    def bytes(self) -> int:
        """Bytes that were deleted, or would be."""
        return sum(one.bytes for one in self.removed)


def collect(lake: Lake, *, dry_run: bool = False, progress: Progress | None = None) -> CollectionReport:
    """Delete what has been garbage for the time of grace; `dry_run` writes nothing down and deletes nothing.

    Raises:
        CatalogBusy: the catalog is locked or out of reach; the same call goes on from there.
    """
    report = CollectionReport()
    grace = datetime.timedelta(days=lake.settings.grace_days)
    due = []
    for litter in _dated(lake, find(lake, now() - grace), dry_run):
        if litter.pinned:
            report.pinned.append(litter)
        elif litter.since is None or not _is_over(litter, grace):
            report.waiting.append(litter)
        else:
            due.append(litter)
    sound = _Successors(lake)
    done = 0
    for some in _chunks(due):
        ready = []
        for litter in some:
            if hindrance := sound.hindrance(litter):
                report.hindered[litter.path] = hindrance
            else:
                ready.append(litter)
        report.removed += ready if dry_run else _remove(lake, ready, grace, report)
        done += len(some)
        if progress is not None:
            progress(done, len(due))
    report.removed += _outside(lake, dry_run)
    return report


def _is_over(litter: Litter, grace: datetime.timedelta) -> bool:
    return litter.since is not None and litter.since + grace <= now() and _age(litter.changed) >= grace


def _age(changed: float) -> datetime.timedelta:
    return datetime.timedelta(seconds=time.time() - changed)


def _dated(lake: Lake, found: list[Litter], dry_run: bool) -> list[Litter]:
    """Garbage with the time since which it is known; seen for the first time, it is written down."""
    g = t.garbage.c
    undated = [litter.path for litter in found if litter.since is None]
    with lake.catalog.read() if dry_run else lake.catalog.begin() as connection:
        seen = dict(connection.execute(sa.select(g.path, g.first_seen_at)).tuples().all())
        if not dry_run:
            at = moment(connection)
            new = [{"path": path, "first_seen_at": at} for path in undated if path not in seen]
            lake.catalog.insert_new(connection, t.garbage, new)
            seen |= {row["path"]: at for row in new}
            for mended in _chunks(sorted(seen.keys() - set(undated))):  # it is of use again, or gone
                connection.execute(t.garbage.delete().where(g.path.in_(mended)))
    return [litter if litter.since is not None else litter.dated(seen.get(litter.path)) for litter in found]


def _remove(lake: Lake, some: list[Litter], grace: datetime.timedelta, report: CollectionReport) -> list[Litter]:
    """Rename what is still garbage out of the way and say so, in one transaction; then delete it."""
    aside: list[tuple[Litter, Path]] = []
    with lake.catalog.begin() as connection:
        lake.catalog.lock(connection, "models")
        lake.catalog.lock(connection, "ledger")
        known = Known.read(connection, lake, now() - grace)
        for litter in some:
            path = lake.paths.absolute(litter.path)
            if not known.is_garbage(litter):
                continue
            try:
                taken = _take(lake, path, grace)
            except OSError as error:
                report.hindered[litter.path] = f"cannot be deleted ({error.strerror or error})"
                continue
            if taken is not None:
                aside.append((litter, taken))
        _tell(connection, [litter for litter, _ in aside])
    for _, path in aside:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
    return [litter for litter, _ in aside]


def _take(lake: Lake, path: Path, grace: datetime.timedelta) -> Path | None:
    """Move a file out of the way; None where someone made it young in the very moment."""
    aside = lake.paths.scratch / f"trash-{uuid.uuid4().hex}"
    aside.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.rename(aside)
    except FileNotFoundError:
        return aside  # gone already, and the catalog is to say so
    if _age(aside.stat().st_mtime) < grace:
        if not path.exists():
            aside.rename(path)
        return None
    return aside


def _outside(lake: Lake, dry_run: bool) -> list[Litter]:
    """Half-written files in the engine's folder; the catalog knows nothing of them, so their own time says it all."""
    removed = []
    for path in unfinished(lake.settings):
        with suppress(OSError):  # the engine's folder: whatever hinders here is no matter of the lake's
            found = path.stat()
            if not dry_run:
                path.unlink()
            removed.append(Litter(str(path), "a killed delivery left it", found.st_size, found.st_mtime))
    return removed


def _tell(connection: Connection, removed: list[Litter]) -> None:
    at = moment(connection)
    ids = [litter.partition_id for litter in removed if litter.partition_id is not None]
    gone = t.partitions.update().where(t.partitions.c.partition_id.in_(ids))
    connection.execute(gone.values(removed_at=at))
    connection.execute(t.garbage.delete().where(t.garbage.c.path.in_([litter.path for litter in removed])))


class _Successors:
    """Whether the partition that holds a retired one's rows now is whole; each is read once."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        p = t.partitions.c
        with lake.catalog.read() as connection:
            rows = connection.execute(sa.select(p.partition_id, p.path, p.replaced_by)).all()
        self.rows = {row.partition_id: row for row in rows}
        self.proven: dict[str, str] = {}

    def hindrance(self, litter: Litter) -> str:
        """Why a file must stay, else an empty text."""
        last = litter.partition_id
        while last is not None and self.rows[last].replaced_by is not None:
            last = self.rows[last].replaced_by
        if last is None or last == litter.partition_id:
            return ""
        if last not in self.proven:
            path = self.rows[last].path
            try:
                whole = hashlib.sha256(self.lake.paths.absolute(path).read_bytes()).hexdigest() == last
            except OSError:
                whole = False
            self.proven[last] = "" if whole else f"stays: {path}, which holds its rows now, is damaged"
        return self.proven[last]


def _chunks(items: Iterable) -> Iterator[list]:  # type: ignore[type-arg]
    waiting = list(items)
    for start in range(0, len(waiting), _AT_ONCE):
        yield waiting[start : start + _AT_ONCE]
