"""Programs that tests need and that no Python package brings: where they are missing, root on Debian installs them."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from filelock import FileLock

SECONDS = 300
APT_GET = ["apt-get", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::http::Timeout=30"]
# RUNLEVEL=1: a server that a package brings stays off.
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
T = TypeVar("T")


def found_or_installed(look: Callable[[], T | None], *packages: str) -> T:
    """What `look` finds, after Debian's packages are installed if need be; else skips the test and says why."""
    found, why = look(), "only root on Debian installs them here"
    if found is None and may_install():
        # Of two processes of tests that want the same, one installs and the other waits for it.
        with FileLock(Path(tempfile.gettempdir()) / "pitwall-tests-apt.lock"):
            if (found := look()) is None:
                why = _apt_get("update") or _apt_get("install", "--yes", "--no-install-recommends", *packages)
                found = look()
    if found is None:
        pytest.skip(f"{' and '.join(packages)} not found; on Debian: apt-get install {' '.join(packages)} ({why})")
    return found


def may_install() -> bool:
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return root and Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def _apt_get(*words: str) -> str:
    """Why it failed, or nothing."""
    command, environment = [*APT_GET, *words], os.environ | QUIET
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"apt-get {words[0]} took more than {SECONDS} s"
    said = done.stderr.decode(errors="replace").strip()
    return f"apt-get {words[0]} gave {done.returncode}: {said[-300:]}" if done.returncode else ""
