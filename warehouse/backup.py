"""Backup and restore of a lake, correct while the lake is in use.

Arrives: a lake and a folder. Leaves: in the folder the files that the catalog names, under the same paths, and
`catalog.sqlite`, a copy of the catalog from whichever database. The copy is taken first: files are only ever added
behind it, and those that it names stay for the time of grace. It is put in place last: a backup that is cut off leaves
the one before it as it was. Files that lie there already are not copied again.

Restoring is the same way back: every file is proven by its hash, then one transaction fills the catalog.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout

from schemas.errors import LakeDamaged, SettingsRejected, StorageBusy
from warehouse import tables as t
from warehouse.catalog import Catalog
from warehouse.catalog_copy import copy_catalog, refuse_filled
from warehouse.lake import Lake
from warehouse.named_files import NamedFile, named_files
from warehouse.outside_file import put_outside
from warehouse.paths import Paths, whole_file

Progress = Callable[[int, int], None]
"""Called with (files done, files to do)."""
CATALOG = "catalog.sqlite"
_MARK = "BACKUP.txt"
_SHOWN = 10


@dataclass
class BackupReport:
    """What was copied."""

    files: int = 0
    """That the catalog names and the copy holds."""
    copied: int = 0
    bytes: int = 0
    """Copied."""
    damaged: dict[str, str] = field(default_factory=dict)
    """Path -> what is wrong with the lake's own file; a good copy from before stays."""


def backup(lake: Lake, target: Path, *, progress: Progress | None = None) -> BackupReport:
    """Bring the copy in `target` to the state of the lake at this moment.

    Raises:
        SettingsRejected: the target lies inside the home, or is another lake's home.
        StorageBusy: the disk is full, or another backup writes there; the same call goes on from there.
        CatalogBusy: the catalog is locked or out of reach.
    """
    target = target.absolute()
    home = lake.paths.home.resolve()
    if home == target.resolve() or home in target.resolve().parents:
        raise SettingsRejected(f"{target} lies in the home {home}: a backup there is lost with it. Give another folder")
    if (target / CATALOG).exists() and not (target / _MARK).exists():
        raise SettingsRejected(f"{target} is the home of another lake, and no backup. Give another folder")
    copies = Paths(target)
    report = BackupReport()
    with _alone(target):
        put_outside(target / _MARK, b"A backup of a lake: pitwall --home NEW restore THIS_FOLDER\n")
        taken = copies.scratch / "catalog.taken"
        _remove_catalog(taken)
        snapshot = _sqlite(taken)
        try:
            copy_catalog(lake.catalog, snapshot)
            files = named_files(snapshot, copies)
            gone = []
            for done, file in enumerate(files, 1):
                if not _back_up(lake, copies, file, report):
                    gone.append(file.path)
                if progress is not None:
                    progress(done, len(files))
            _removed_meanwhile(lake, snapshot, gone)
            with snapshot.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = DELETE")  # one file, and no log beside it
        finally:
            snapshot.engine.dispose()
        with whole_file(target / CATALOG, copies.scratch) as out:
            out.write(taken.read_bytes())
        _remove_catalog(taken)
    return report


def restore(lake: Lake, source: Path, *, progress: Progress | None = None) -> BackupReport:
    """Fill an empty lake from a backup; cut off, the same call goes on from there.

    Raises:
        SettingsRejected: `source` is no backup, a later release made it, or the lake is not empty.
        LakeDamaged: files of the backup are missing or not what its catalog says. The catalog stays empty.
        StorageBusy: the disk is full.
    """
    source = source.absolute()
    if not (source / CATALOG).is_file():
        raise SettingsRejected(f"{source}: there is no {CATALOG}, so it is no backup. Make one: pitwall backup FOLDER")
    with lake.catalog.read() as connection:
        refuse_filled(connection, lake.catalog)
    taken = lake.paths.scratch / "catalog.restored"
    _remove_catalog(taken)
    with whole_file(taken, lake.paths.scratch) as out:
        out.write((source / CATALOG).read_bytes())  # a copy: an older one is upgraded, and the backup is only read
    snapshot = _sqlite(taken)
    report, wrong = BackupReport(), {}
    try:
        files = named_files(snapshot, lake.paths)
        for done, file in enumerate(files, 1):
            if damage := _bring_back(source, lake.paths, file, report):
                wrong[file.path] = damage
            if progress is not None:
                progress(done, len(files))
        if wrong:
            raise LakeDamaged(_told(source, wrong))
        copy_catalog(snapshot, lake.catalog)
    finally:
        snapshot.engine.dispose()
    _remove_catalog(taken)
    return report


def _back_up(lake: Lake, copies: Paths, file: NamedFile, report: BackupReport) -> bool:
    """Copy one file, unless it is there; False when collection has removed it since the catalog was copied."""
    target = copies.absolute(file.path)
    if target.is_file() and (file.size is None or target.stat().st_size == file.size):
        report.files += 1
        return True
    try:
        content = lake.paths.absolute(file.path).read_bytes()
    except FileNotFoundError:
        if file.may_lack:
            return False
        report.damaged[file.path] = "it is gone"
        return True
    except OSError as error:
        report.damaged[file.path] = f"cannot be read ({error.strerror or error})"
        return True
    if damage := file.damage(content):
        report.damaged[file.path] = damage
        return True
    with whole_file(target, copies.scratch) as out:
        out.write(content)
    report.files += 1
    report.copied += 1
    report.bytes += len(content)
    return True


def _bring_back(source: Path, home: Paths, file: NamedFile, report: BackupReport) -> str:
    """Copy one file, proven; what is wrong with it, else an empty text."""
    try:
        content = (source / file.path).read_bytes()
    except FileNotFoundError:
        return "" if file.may_lack else "it is not in the backup"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    if damage := file.damage(content):
        return damage
    report.files += 1
    target = home.absolute(file.path)
    if not (target.is_file() and target.read_bytes() == content):
        with whole_file(target, home.scratch) as out:
            out.write(content)
        report.copied += 1
        report.bytes += len(content)
    return ""


def _removed_meanwhile(lake: Lake, snapshot: Catalog, gone: Sequence[str]) -> None:
    """What was collected while we copied is marked so in the copy, as it is in the lake by now."""
    p = t.partitions.c
    with lake.catalog.read() as connection:
        removed = {row.path: row.removed_at for row in connection.execute(sa.select(p.path, p.removed_at))}
    with snapshot.begin() as connection:
        for path in gone:
            if (at := removed.get(path)) is not None:
                connection.execute(t.partitions.update().where(p.path == path).values(removed_at=at))


def _alone(target: Path) -> FileLock:
    target.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target / "backup.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise StorageBusy(f"{target}: another backup is writing there. Wait for its end, then try again") from error
    return lock


def _sqlite(path: Path) -> Catalog:
    return Catalog.open(sa.URL.create("sqlite", database=str(path)))


def _remove_catalog(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _told(source: Path, wrong: dict[str, str]) -> str:
    lines = [f"{path}: {why}" for path, why in list(wrong.items())[:_SHOWN]]
    more = [f"... and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
    told = "\n".join([*lines, *more])
    return (
        f"{source}: {len(wrong)} files of the backup are not what its catalog says; the catalog here stays empty."
        f"\n{told}\n"
        "Bring them from another copy of the backup, then call restore again"
    )
