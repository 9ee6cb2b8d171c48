"""Which of several processes reads which files.

Arrives: files of the engine. Leaves: whether they are this process's to read until it lets go. A claim saves work and
promises nothing: who reads a file that another one brings in meanwhile is told so by the ledger.
"""

import zlib
from contextlib import suppress

from filelock import FileLock, Timeout

from warehouse.landing import Landed
from warehouse.paths import Paths

NEIGHBOURS = 16
"""Rollouts of a session, one behind another, that are claimed together."""
SHARES = 256
"""More than the processes on one folder hold at a time, so that they seldom want the same one."""
PATIENCE = 60.0
"""Seconds; who holds a claim for longer has come to a halt, and its files are read twice."""


def share_of(landed: Landed) -> int:
    """The share that a file belongs to; every process finds the same one."""
    index = landed.rollout_index
    which = landed.name if index is None else str(index // NEIGHBOURS)
    return zlib.crc32(f"{landed.source}/{which}".encode()) % SHARES


class Claims:
    """The shares that this process works at. The system lets go of them when it dies, however it does."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.held: dict[int, FileLock] = {}

    def take(self, share: int, patience: float = 0.0) -> bool:
        """Whether the share is ours now, or was already. With `patience` it is in any case, after so many seconds.

        Wait only while nothing is held: two that wait for each other wait in vain.
        """
        if share not in self.held:
            lock = FileLock(self.paths.claim(share), timeout=patience)
            try:
                self.paths.claim(share).parent.mkdir(exist_ok=True)
                lock.acquire()
            except OSError as error:
                if isinstance(error, Timeout) and not patience:
                    return False
                # else who holds it has halted, or this disk has no locks: then the ledger alone tells who was first
            self.held[share] = lock
        return True

    def let_go(self, keep: int | None = None) -> None:
        """Of all shares but one; what was read is in the lake."""
        for share in [share for share in self.held if share != keep]:
            self.held.pop(share).release()
            with suppress(OSError):  # another process has it open by now
                self.paths.claim(share).unlink()
