"""Places and limits that a test of faults needs from the system: a tiny disk, a user without rights.

Each says why where the system does not give it.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


class TinyDisk:
    """A tmpfs of so many KiB, which can grow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, but: int) -> None:
        """Leave only so many bytes free."""
        with (self.folder / "ballast").open("wb") as file:
            while (room := os.statvfs(self.folder)).f_bavail * room.f_bsize > but:
                file.write(b"b" * room.f_bsize)
                file.flush()

    def resize(self, kib: int) -> None:
        _mount("-o", f"remount,size={kib}k", str(self.folder))


@contextmanager
def tiny_disk(folder: Path, kib: int) -> Iterator[TinyDisk]:
    """Mounted at `folder` for the time of the block; skips the test where that is not allowed."""
    folder.mkdir(parents=True)
    if not shutil.which("mount") or not hasattr(os, "geteuid") or os.geteuid():
        pytest.skip("only root may mount a tmpfs")
    if said := _mount("-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(folder)):
        pytest.skip(f"a tmpfs cannot be mounted here: {said}")
    try:
        yield TinyDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that every user can walk into."""
    with tempfile.TemporaryDirectory(prefix="pitwall-", ignore_cleanup_errors=True) as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path
        everybody(path)


def read_only(folder: Path) -> None:
    """Take the right to write from every file and folder below, itself included."""
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def everybody(folder: Path) -> None:
    """Give it back, to all."""
    folder.chmod(0o777)
    for path in folder.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o666)


def become_nobody() -> None:
    """Root may write anywhere; in a process of its own it gives that up for good."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def _mount(*words: str) -> str:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""
