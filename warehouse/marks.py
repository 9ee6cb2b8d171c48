"""Files that say what a folder is where it is no lake: a backup, or a home that a restore has not filled yet.

Arrives: folders. Leaves: marks, and refusals to open as a lake what is none.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from schemas.errors import SettingsRejected, StorageBusy
from warehouse.outside_file import put_outside
from warehouse.paths import sync_folder, what_helps

_BACKUP, _RESTORE = "BACKUP.txt", "RESTORING.txt"
_BACKUP_SAYS = b"A backup of a lake: pitwall --home NEW restore THIS_FOLDER\n"


def mark_backup(folder: Path) -> None:
    """Say that `folder` is a backup, before anything else is in it; raises StorageBusy."""
    put_outside(folder / _BACKUP, _BACKUP_SAYS)


def is_backup(folder: Path) -> bool:
    """Whether it is one, whole or not."""
    try:
        return (folder / _BACKUP).read_bytes() == _BACKUP_SAYS
    except OSError:
        return False


def mark_restore(home: Path, source: Path, catalog_sha256: str) -> None:
    """Say that `home` is being filled from a backup whose catalog has this hash; raises StorageBusy."""
    text = (
        "A restore is at work here, or was cut off: this is no lake yet.\n"
        f"The same command goes on: pitwall --home {home} restore {source}\n"
        f"sha256 of the backup's catalog: {catalog_sha256}\n"
    )
    put_outside(home / _RESTORE, text.encode("utf-8", "backslashreplace"))


def restore_begun(home: Path) -> str | None:
    """Hash of the catalog of the backup from which `home` is being filled; None where no restore is unfinished."""
    try:
        text = (home / _RESTORE).read_text("utf-8", "replace")
    except FileNotFoundError:
        return None
    found = re.search(r"[0-9a-f]{64}(?=\n$)", text)
    return "" if found is None else found[0]


def end_restore(home: Path) -> None:
    """Take the mark away: `home` is a lake now."""
    (home / _RESTORE).unlink()
    sync_folder(home)


def refuse_marked(home: Path, *, restoring: bool) -> None:
    """Raise SettingsRejected where `home` is a backup, or (unless `restoring`) half restored."""
    if is_backup(home):
        raise SettingsRejected(
            f"{home} is a backup, and is kept as it is. Bring it back into a new home, and use that: "
            f"pitwall --home NEW restore {home}"
        )
    if not restoring and restore_begun(home) is not None:
        raise SettingsRejected(
            f"{home} is no whole lake: a restore is at work here, or was cut off. The same command goes on with it "
            f"({home / _RESTORE} names it): pitwall --home {home} restore FOLDER. To give it up, delete the home"
        )


@contextmanager
def alone(lock: Path, told: str) -> Iterator[None]:
    """Hold a lock file, or raise StorageBusy(`told`); the system lets go of it when a process dies, however it does."""
    held = FileLock(lock, timeout=0)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        held.acquire()
    except Timeout as error:
        raise StorageBusy(told) from error
    except OSError as error:
        raise StorageBusy(
            f"{lock}: cannot be written ({error.strerror or error}). {what_helps(error)}, then try again"
        ) from error
    try:
        yield
    finally:
        held.release()
