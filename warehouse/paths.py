"""The one module that spells paths.

Arrives: the home folder, identities. Leaves: paths below the home, as the catalog stores them (relative, posix).
"""

import errno
import os
import re
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from schemas.errors import StorageBusy

CATALOG = "catalog.sqlite"
"""Of a backup, and of a home without another catalog; a backup gets it last."""
_UNFINISHED = re.compile(r"pitwall-[0-9a-f]{32}\.tmp")


@dataclass(frozen=True)
class Paths:
    """Every place below the home of one lake."""

    home: Path

    @property
    def experiences(self) -> Path:
        """Parquet partitions, hive folders by run."""
        return self.home / "experiences"

    @property
    def models(self) -> Path:
        """One immutable folder per version."""
        return self.home / "models"

    def drives(self, loop_id: str) -> Path:
        """Where the rollouts of a driving loop are written; they are the engine's files, not the lake's."""
        return self.home / "drives" / loop_id

    def imports(self, run_id: str) -> Path:
        """Where a dataset of another tool lies as rollout files; like drives, they are not the lake's."""
        return self.home / "imports" / hive_value(run_id)

    @property
    def scratch(self) -> Path:
        """Unfinished files; same disk as the lake, so that a rename is atomic."""
        return self.home / "scratch"

    def lock(self, work: str) -> Path:
        """What a process holds that must be the only one in this home at that work."""
        return self.home / f"{work}.lock"

    def claim(self, share: int) -> Path:
        """What a process holds while it reads this share of an engine's files."""
        return self.home / "claims" / f"{share}.lock"

    def partition(self, run: str, sha256: str) -> Path:
        """Where a partition of this content lies."""
        return self.experiences / f"run={hive_value(run)}" / f"part-{sha256[:32]}.parquet"

    @property
    def rejects(self) -> Path:
        """Bytes of rejected files."""
        return self.home / "rejects"

    def reject(self, content_sha256: str) -> Path:
        """Where the bytes of a rejected file are kept."""
        return self.rejects / content_sha256[:2] / f"{content_sha256}.gz"

    def model(self, version: int) -> Path:
        """The folder of a version."""
        return self.models / f"v{version:05d}"

    def report(self, version: int) -> Path:
        """The report of a version: a page that can be made again, and no part of the lake."""
        return self.home / "reports" / f"v{version:05d}.html"

    def relative(self, path: Path) -> str:
        """As the catalog stores it."""
        return path.relative_to(self.home).as_posix()

    def absolute(self, relative: str) -> Path:
        """A stored path, here."""
        return self.home / relative


def hive_value(text: str) -> str:
    """A run as one safe folder name: percent-encoded as hive readers decode it, bounded in length."""
    encoded = quote(text, safe=" ()+,;@").replace(".", "%2E")
    return re.sub(r"%[0-9A-F]?$", "", encoded[:120]) or "%00"


@contextmanager
def whole_file(target: Path, scratch: Path) -> Iterator[IO[bytes]]:
    """Write `target` completely or not at all: temporary name, fsync, rename, fsync of the folder.

    Raises:
        StorageBusy: the disk is full or another program holds the file.
    """
    unfinished = scratch / f"pitwall-{uuid.uuid4().hex}.tmp"
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StorageBusy(
            f"{target}: cannot be written ({error.strerror or error}). {what_helps(error)}, then try again"
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def remove_unfinished(folder: Path, older_than: float = 0) -> list[Path]:
    """Delete what killed processes left half-written in `folder`, last written to so many seconds ago; returns it."""
    removed = []
    for path in unfinished_files(folder, older_than):
        with suppress(OSError):  # of another user, or gone meanwhile: the next call looks again
            path.unlink()
            removed.append(path)
    return removed


def unfinished_files(folder: Path, older_than: float = 0) -> list[Path]:
    """Temporary files of `whole_file` in a folder, by a name that nobody else gives."""
    ours = [path for path in folder.glob("pitwall-*.tmp") if _UNFINISHED.fullmatch(path.name)]
    return sorted(path for path in ours if (found := _age(path)) is not None and found >= older_than)


def what_helps(error: OSError) -> str:
    """What a person can do where a file cannot be written."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and os.name != "nt":
        return "Give this user the right to write there"
    return "Free the disk or close the program that holds it"


def _age(path: Path) -> float | None:
    """Seconds since a file was last written to; None when it is gone, or no file."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return time.time() - found.st_mtime if stat.S_ISREG(found.st_mode) else None


def made_young(target: Path) -> bool:
    """Set a file's time to now; False when there is none. Garbage collection leaves young files alone."""
    try:
        os.utime(target)
    except FileNotFoundError:
        return False
    except OSError:  # the file of another user: its age stays, and it is there
        return target.exists()
    return True


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system can (Windows has no such call)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
