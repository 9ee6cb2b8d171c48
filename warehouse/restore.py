"""Restore of a lake from a backup.

Arrives: an empty lake and the folder that `warehouse.backup.backup` wrote. Leaves: the lake that was copied. A mark in
the home says from before the first file until after the catalog's transaction that it is no lake yet, and every command
but restore refuses it. Every file is proven by its hash, then one transaction fills the catalog, then the mark goes.
"""

import hashlib
from pathlib import Path

from schemas.errors import LakeDamaged, SettingsRejected, StorageBusy
from warehouse.backup import PROOF, TAKEN, BackupReport, Progress
from warehouse.catalog_copy import copy_catalog, filled, holds, open_copy, refuse_filled, remove_copy
from warehouse.lake import Lake
from warehouse.marks import alone, end_restore, is_backup, mark_restore, restore_begun
from warehouse.named_files import NamedFile, named_files
from warehouse.paths import CATALOG, Paths, whole_file

_SHOWN = 10


def restore(lake: Lake, source: Path, *, progress: Progress | None = None) -> BackupReport:
    """Fill an empty lake (opened with `restoring`) from a backup; cut off, the same call goes on from there.

    Raises:
        SettingsRejected: `source` is no backup or one that was cut off, a later release made it, the lake is not empty,
            or what was begun here is the restore of another state.
        LakeDamaged: files of the backup are missing or not what its catalog says. The catalog stays empty.
        StorageBusy: the disk is full or cannot be written, or another restore is at work here.
    """
    source, home = source.absolute(), lake.paths.home
    _refuse_no_backup(source)
    busy = f"{home}: another restore is at work there. Wait for its end, then try again"
    with alone(home / "restore.lock", busy):
        raw = _catalog(source)
        is_filled = _begin(lake, source, hashlib.sha256(raw).hexdigest())
        taken = lake.paths.scratch / "catalog.restored"
        remove_copy(taken)
        with whole_file(taken, lake.paths.scratch) as out:
            out.write(raw)  # a copy: an older one is upgraded, and the backup is only read
        snapshot = open_copy(taken)
        report, wrong = BackupReport(), {}
        try:
            if is_filled and not holds(snapshot, lake.catalog):
                raise SettingsRejected(_another(home))
            files = named_files(snapshot, lake.paths)
            for done, file in enumerate(files, 1):
                if damage := _bring_back(source, lake.paths, file, report):
                    wrong[file.path] = damage
                if progress is not None:
                    progress(done, len(files))
            if wrong:
                raise LakeDamaged(_told(source, wrong))
            if not is_filled:
                copy_catalog(snapshot, lake.catalog)
        finally:
            snapshot.engine.dispose()
        remove_copy(taken)
        end_restore(home)
    if (source / "scratch" / TAKEN).exists():
        report.note = "A later backup into that folder was cut off, or is under way: this is the one before it"
    return report


def _refuse_no_backup(source: Path) -> None:
    if is_backup(source):
        if not (source / CATALOG).is_file():
            raise SettingsRejected(
                f"{source}: this backup was cut off before its end, or is under way: it has no {CATALOG} yet. "
                "The same call goes on with it: pitwall --home LAKE backup " + str(source)
            )
    elif (source / CATALOG).is_file():
        raise SettingsRejected(
            f"{source} is a lake's home, and no backup. Make one first: pitwall --home {source} backup FOLDER"
        )
    else:
        raise SettingsRejected(f"{source}: there is no {CATALOG}, so it is no backup. Make one: pitwall backup FOLDER")


def _catalog(source: Path) -> bytes:
    """The backup's catalog, proven."""
    for _ in range(2):  # a backup that ends in this moment puts the hashes in place first, then the catalog
        try:
            raw, proof = (source / CATALOG).read_bytes(), (source / PROOF).read_text("ascii", "replace").split()
        except OSError as error:
            raise StorageBusy(
                f"{error.filename}: cannot be read ({error.strerror or error}). Mend that, then call restore again"
            ) from error
        if hashlib.sha256(raw).hexdigest() in proof:
            return raw
    raise LakeDamaged(
        f"{source / CATALOG} is not what {PROOF} beside it says; nothing was restored. Bring both from another copy of "
        f"the backup, or make it anew: pitwall --home LAKE backup {source}"
    )


def _begin(lake: Lake, source: Path, catalog_sha256: str) -> bool:
    """Mark the home; returns whether an earlier call came so far that the catalog is filled."""
    begun = restore_begun(lake.paths.home)
    with lake.catalog.read() as connection:
        if begun is None:
            refuse_filled(connection, lake.catalog)
        is_filled = filled(connection) is not None
    if is_filled and begun != catalog_sha256:
        raise SettingsRejected(_another(lake.paths.home))
    if not is_filled:
        mark_restore(lake.paths.home, source, catalog_sha256)
    return is_filled


def _another(home: Path) -> str:
    return (
        f"the catalog of {home} was filled by a restore of another state of this backup (it has been renewed since), "
        "or of another lake. Restore into a new home, and a new database where the catalog is PostgreSQL: "
        "pitwall --home FOLDER restore SOURCE"
    )


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


def _told(source: Path, wrong: dict[str, str]) -> str:
    lines = [f"{path}: {why}" for path, why in list(wrong.items())[:_SHOWN]]
    more = [f"... and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
    told = "\n".join([*lines, *more])
    return (
        f"{source}: {len(wrong)} files of the backup are not what its catalog says; the catalog here stays empty."
        f"\n{told}\n"
        "Bring them from another copy of the backup, then call restore again"
    )
