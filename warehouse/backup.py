"""Backup of a lake, correct while the lake is in use; warehouse/restore.py is the way back.

Arrives: a lake and a folder. Leaves: in the folder the files that the catalog names, under the same paths, and
`catalog.sqlite`, a copy of the catalog from whichever database. The copy is taken first: files are only ever added
behind it, and those that it names stay for the time of grace. It is put in place last: a backup that is cut off leaves
the one before it as it was, and a first one has no catalog and is refused. Files that lie there already are not copied
again.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from schemas.errors import SettingsRejected
from warehouse import tables as t
from warehouse.catalog import Catalog
from warehouse.catalog_copy import copy_catalog, open_copy, remove_copy
from warehouse.lake import Lake
from warehouse.marks import alone, is_backup, mark_backup
from warehouse.named_files import NamedFile, named_files
from warehouse.paths import CATALOG, Paths, remove_unfinished, whole_file

Progress = Callable[[int, int], None]
"""Called with (files done, files to do)."""
PROOF = "catalog.sha256"
"""Hashes of the backup's catalog: of the one in place, and of the one that takes its place."""
TAKEN = "catalog.taken"
"""In the scratch of a backup while it is being made, or where it was cut off."""


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
    note: str = ""
    """What a person should know of it besides."""


def backup(lake: Lake, target: Path, *, progress: Progress | None = None) -> BackupReport:
    """Bring the copy in `target` to the state of the lake at this moment.

    Raises:
        SettingsRejected: the target lies inside the home, or is another lake's home.
        StorageBusy: the disk is full or cannot be written, or another backup writes there; the same call goes on from
            there.
        CatalogBusy: the catalog is locked or out of reach.
    """
    target = target.absolute()
    home = lake.paths.home.resolve()
    if home == target.resolve() or home in target.resolve().parents:
        raise SettingsRejected(f"{target} lies in the home {home}: a backup there is lost with it. Give another folder")
    if not is_backup(target) and any((target / name).exists() for name in (CATALOG, "experiences", "models")):
        raise SettingsRejected(f"{target} is the home of another lake, and no backup. Give another folder")
    copies = Paths(target)
    report = BackupReport()
    busy = f"{target}: another backup is writing there. Wait for its end, then try again"
    with alone(target / "backup.lock", busy):
        mark_backup(target)
        remove_unfinished(target)
        remove_unfinished(copies.scratch)
        taken = copies.scratch / TAKEN
        remove_copy(taken)
        snapshot = open_copy(taken)
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
        _put_in_place(taken, copies)
        remove_copy(taken)
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


def _put_in_place(taken: Path, copies: Paths) -> None:
    """The copied catalog, and before it the hashes of both that can lie there: a cut between the two harms neither."""
    content, place = taken.read_bytes(), copies.home / CATALOG
    proofs = [content, *([place.read_bytes()] if place.is_file() else [])]
    with whole_file(copies.home / PROOF, copies.scratch) as out:
        out.write("".join(f"{hashlib.sha256(proof).hexdigest()}\n" for proof in proofs).encode())
    with whole_file(place, copies.scratch) as out:
        out.write(content)


def _removed_meanwhile(lake: Lake, snapshot: Catalog, gone: Sequence[str]) -> None:
    """What was collected while we copied is marked so in the copy, as it is in the lake by now."""
    p = t.partitions.c
    with lake.catalog.read() as connection:
        removed = {row.path: row.removed_at for row in connection.execute(sa.select(p.path, p.removed_at))}
    with snapshot.begin() as connection:
        for path in gone:
            if (at := removed.get(path)) is not None:
                connection.execute(t.partitions.update().where(p.path == path).values(removed_at=at))
