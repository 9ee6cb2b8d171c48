"""A child ends with everything that it started."""

import os
import sys
import time
from pathlib import Path

import pytest

from pitwall.processes import Child


@pytest.mark.skipif(sys.platform == "win32", reason="there taskkill ends the tree")
def test_a_child_that_does_not_listen_ends_with_its_own_children(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    sleeper = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    code = (
        f"import pathlib, signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"inner = subprocess.Popen([sys.executable, '-c', {sleeper!r}])\n"
        f"pathlib.Path({str(told)!r} + '.new').write_text(str(inner.pid))\n"
        f"pathlib.Path({str(told)!r} + '.new').rename({str(told)!r}); time.sleep(60)\n"
    )
    child = Child("deaf", [sys.executable, "-c", code], dict(os.environ))
    while not told.exists():
        assert child.code is None
        time.sleep(0.05)
    child.stop(patience=0.2)
    assert child.code == -9
    inner = int(told.read_text())
    for _ in range(100):
        state = Path(f"/proc/{inner}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    pytest.fail(f"{inner} lives on")
