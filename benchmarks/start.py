"""How long a person waits for a command that does next to nothing: the interpreter and the imports.

Each command is a process of its own; the figure is the median of several. `ratio` is how often it fits into its goal.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.row import Row

ROOT = Path(__file__).parents[1]
POLICY = ROOT / "samples" / "policy.json.gz"
ROUNDS = 7
GOALS = {("--help",): 0.3, ("sql", "select 1"): 0.8, ("status",): 1.0}
"""Seconds."""


def rows() -> list[Row]:
    """A row per command, seconds."""
    with tempfile.TemporaryDirectory() as folder:
        _seconds(folder, ("models", "import", str(POLICY)))  # makes the lake
        found, bare = {}, statistics.median(_bare() for _ in range(ROUNDS))
        for command in GOALS:
            found[command] = statistics.median(_seconds(folder, command) for _ in range(ROUNDS))
    told = {command: f"pitwall {' '.join(command)}" for command in GOALS}
    return [
        Row(
            "start",
            told[command],
            seconds,
            "goal",
            GOALS[command],
            "s",
            GOALS[command] / seconds,
            1.0,
            bare,
            "python alone",
        )
        for command, seconds in found.items()
    ]


def _bare() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - began


def _seconds(home: str, command: tuple[str, ...]) -> float:
    words = [sys.executable, "-m", "pitwall", "--home", home, *command]
    began = time.perf_counter()
    subprocess.run(words, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=True)
    return time.perf_counter() - began
