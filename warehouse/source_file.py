"""One file of the engine, as it was when it was read.

Arrives: where it lies. Leaves: its bytes with the size and time that belong to them. The file is the user's: it is
moved or deleted only when a setting says so, and only after its rows are committed.
"""

import datetime
import errno
import hashlib
import os
import shutil
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from schemas.rollout import RolloutFile, RolloutRows
from schemas.settings import Settings
from warehouse.landing import Landed
from warehouse.reader import content_id
from warehouse.unpacked import MIB, CannotUnpack, too_large, unpacked

FRESH_SECONDS = 10.0
"""A file written to within this time may still be growing."""
_REASON_LENGTH = 1000
"""Characters; a reason may quote names from the file."""


@dataclass(frozen=True)
class SourceFile:
    """Bytes of a file, whole or not, and its identity."""

    landed: Landed
    size: int
    mtime_ns: int
    content: bytes
    content_id: str
    damage: str = ""  # why the bytes could not even be unpacked
    too_large: bool = False
    """`content` is then its first MiB alone, and `content_id` speaks for that and the size."""

    @classmethod
    def read(cls, landed: Landed, max_mib: int) -> "SourceFile | str":
        """Read the file, unless it is larger than that; a text instead says why it is left for the next time."""
        before = stat(landed.posix)
        is_large = before is not None and before[0] > max_mib * MIB
        try:
            with landed.path.open("rb") as file:
                raw = file.read(MIB if is_large else max_mib * MIB + 1)
        except OSError as error:
            return f"cannot be read ({error.strerror or error})"
        if before is None or before != stat(landed.posix):
            return "still growing"
        if is_large:
            beginning = hashlib.sha256(b"%d bytes that begin with " % before[0] + raw).hexdigest()
            return cls(landed, *before, raw, beginning, too_large(max_mib), too_large=True)
        try:
            content = unpacked(raw, max_mib)
        except CannotUnpack as error:
            return cls(landed, *before, raw, hashlib.sha256(raw).hexdigest(), str(error))
        return cls(landed, *before, content, content_id(content))

    @property
    def path(self) -> str:
        """The engine's path."""
        return self.landed.shown

    @property
    def fresh(self) -> bool:
        """Whether it was written to a moment ago (or, by a wrong clock, in the future)."""
        return time.time() - self.mtime_ns / 1e9 < FRESH_SECONDS

    @property
    def changed(self) -> bool:
        """Whether it is no longer what was read."""
        return stat(self.landed.posix) != self.look

    @property
    def look(self) -> tuple[int, int]:
        """Size (bytes) and time of last change (ns)."""
        return self.size, self.mtime_ns

    def sighting(self, verdict: str) -> dict[str, Any]:
        """The row of `sightings` that lets the next ingest skip it unread."""
        return {
            "path": self.landed.posix,
            "bytes": self.size,
            "mtime_ns": self.mtime_ns,
            "content_id": self.content_id,
            "verdict": verdict,
        }

    def reject(self, row_index: int, reason: str, raw: bytes | None, at: datetime.datetime) -> dict[str, Any]:
        """A row of `rejects`; `row_index` -1 is the whole file."""
        return {
            "content_id": self.content_id,
            "file_name": self.landed.name,
            "file_path": self.landed.posix,
            "row_index": row_index,
            "reason": reason[:_REASON_LENGTH],
            "raw": raw,
            "rejected_at": at,
        }

    def ledger_row(self, head: RolloutFile | RolloutRows) -> dict[str, Any]:
        """What name and head say, as columns of `rollouts`."""
        landed = self.landed
        return {
            "file_name": landed.name,
            "file_path": landed.posix,
            "source": landed.source,
            "explicit_run": head.run_id or None,
            "rollout_index": landed.rollout_index if head.rollout_index is None else head.rollout_index,
            "written_at": landed.written_at or _engine_time(head.timestamp),
            "environment": head.environment,
            "seed": head.seed,
            "claimed_version": head.policy_version,
        }

    def dispose(self, settings: Settings) -> str | None:
        """Do with the committed file what the settings say; returns what hindered it, if anything."""
        archive = (settings.archive or settings.home / "archived").resolve()
        if settings.source_files == "keep" or archive in self.landed.path.parents or self.changed:
            return None
        try:
            if settings.source_files == "delete":
                self.landed.path.unlink()
            else:
                _move(self.landed.path, archive / self.landed.label / self.landed.path.name)
        except FileNotFoundError:
            return None  # another process was quicker
        except OSError as error:
            return f"is in the lake, but could not be moved away ({error})"
        return None


def stat(path: Path | str) -> tuple[int, int] | None:
    """Size (bytes) and time of last change (ns), or None when the file is gone."""
    try:
        found = os.stat(path)  # noqa: PTH116 - tens of thousands of files in a folder need no Path each
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _move(path: Path, target: Path) -> None:
    """To `target`, with a number where another file has that name already; also to another disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    free = _claimed(target)
    try:
        try:
            path.replace(free)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.copy2(path, free)
            path.unlink()
    except OSError:
        if path.exists() or not free.stat().st_size:
            free.unlink()
        raise


def _claimed(target: Path) -> Path:
    """A new empty file of this name, so that no other process takes it."""
    stem, dot, suffix = target.name.partition(".")
    for number in count(2):
        try:
            target.touch(exist_ok=False)
        except FileExistsError:
            target = target.with_name(f"{stem}~{number}{dot}{suffix}")
        else:
            break
    return target


def _engine_time(timestamp: str | None) -> datetime.datetime | None:
    try:
        return datetime.datetime.strptime(timestamp or "", "%Y.%m.%d-%H.%M.%S")
    except ValueError:
        return None
