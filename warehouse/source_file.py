"""One file of the engine, as it was when it was read.

Arrives: where it lies. Leaves: its bytes with the size and time that belong to them. The file is the user's: it is
moved or deleted only when a setting says so, and only after its rows are committed.
"""

import datetime
import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import RolloutRejected
from schemas.rollout import RolloutFile, RolloutRows
from schemas.settings import Settings
from warehouse.landing import Landed
from warehouse.reader import content_id, unpack

FRESH_SECONDS = 10.0
"""A file written to within this time may still be growing."""


@dataclass(frozen=True)
class SourceFile:
    """Bytes of a file, whole or not, and its identity."""

    landed: Landed
    size: int
    mtime_ns: int
    content: bytes
    content_id: str
    damage: str = ""  # why the bytes could not even be unpacked

    @classmethod
    def read(cls, landed: Landed) -> "SourceFile | str":
        """Read the file; a text instead says why it is left for the next time."""
        before = stat(landed.path)
        try:
            raw = landed.path.read_bytes()
        except OSError as error:
            return f"cannot be read ({error.strerror or error})"
        if before is None or before != stat(landed.path):
            return "still growing"
        try:
            content = unpack(raw)
        except RolloutRejected as error:
            return cls(landed, *before, raw, hashlib.sha256(raw).hexdigest(), str(error))
        return cls(landed, *before, content, content_id(content))

    @property
    def path(self) -> str:
        """The engine's path."""
        return str(self.landed.path)

    @property
    def fresh(self) -> bool:
        """Whether it was written to a moment ago (or, by a wrong clock, in the future)."""
        return time.time() - self.mtime_ns / 1e9 < FRESH_SECONDS

    @property
    def changed(self) -> bool:
        """Whether it is no longer what was read."""
        return stat(self.landed.path) != (self.size, self.mtime_ns)

    def sighting(self, verdict: str) -> dict[str, Any]:
        """The row of `sightings` that lets the next ingest skip it unread."""
        return {
            "path": self.landed.path.as_posix(),
            "bytes": self.size,
            "mtime_ns": self.mtime_ns,
            "content_id": self.content_id,
            "verdict": verdict,
        }

    def reject(self, row_index: int, reason: str, raw: bytes | None, at: datetime.datetime) -> dict[str, Any]:
        """A row of `rejects`; `row_index` -1 is the whole file."""
        return {
            "content_id": self.content_id,
            "file_name": self.landed.path.name,
            "file_path": self.landed.path.as_posix(),
            "row_index": row_index,
            "reason": reason,
            "raw": raw,
            "rejected_at": at,
        }

    def ledger_row(self, head: RolloutFile | RolloutRows) -> dict[str, Any]:
        """What name and head say, as columns of `rollouts`."""
        landed = self.landed
        return {
            "file_name": landed.path.name,
            "file_path": landed.path.as_posix(),
            "source": landed.source,
            "explicit_run": head.run_id,
            "rollout_index": landed.rollout_index if head.rollout_index is None else head.rollout_index,
            "written_at": landed.written_at or _engine_time(head.timestamp),
            "environment": head.environment,
            "seed": head.seed,
            "claimed_version": head.policy_version,
        }

    def dispose(self, settings: Settings) -> str | None:
        """Do with the committed file what the settings say; returns what hindered it, if anything."""
        try:
            if settings.source_files == "delete" and not self.changed:
                self.landed.path.unlink()
            elif settings.source_files == "archive" and not self.changed:
                target = _free(self._archive(settings))
                target.parent.mkdir(parents=True, exist_ok=True)
                os.rename(self.landed.path, target)  # noqa: PTH104 - fails rather than overwrites on Windows
        except OSError as error:
            return f"is in the lake, but could not be moved away ({error})"
        return None

    def _archive(self, settings: Settings) -> Path:
        archive = settings.archive or settings.home / "archived"
        return archive / self.landed.label / self.landed.path.name


def stat(path: Path) -> tuple[int, int] | None:
    """Size (bytes) and time of last change (ns), or None when the file is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _free(target: Path) -> Path:
    """`target`, or with a number where another file has that name already."""
    number = 2
    free = target
    while free.exists():
        free = target.with_name(f"{target.name}.{number}")
        number += 1
    return free


def _engine_time(timestamp: str | None) -> datetime.datetime | None:
    try:
        return datetime.datetime.strptime(timestamp or "", "%Y.%m.%d-%H.%M.%S")
    except ValueError:
        return None
