"""Colour: on a terminal, unless NO_COLOR; in a pipe only with FORCE_COLOR."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pitwall import colour

ROOT = Path(__file__).parents[2]
ESCAPE = "\x1b"


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("given", "screen", "pipe"),
    [
        ({}, True, False),
        ({"NO_COLOR": ""}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_who_wins(given: dict[str, str], screen: bool, pipe: bool, monkeypatch: pytest.MonkeyPatch):
    for name, value in {"NO_COLOR": "", "FORCE_COLOR": "", "TERM": "xterm", **given}.items():
        monkeypatch.setenv(name, value)
    assert (colour.wanted(Screen()), colour.wanted(io.StringIO())) == (screen, pipe)


@pytest.mark.parametrize("arguments", [["--help"], ["nothing"]])
def test_a_pipe_holds_no_escape_unless_it_is_forced(arguments: list[str], tmp_path: Path):
    def said(**given: str) -> str:
        usual = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
        environment = {**usual, "PYTHONPATH": str(ROOT), "PITWALL_HOME": str(tmp_path), **given}
        command = [sys.executable, "-m", "pitwall", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    assert ESCAPE not in said() and ESCAPE not in said(FORCE_COLOR="1", NO_COLOR="1")
    assert ESCAPE in said(FORCE_COLOR="1")
