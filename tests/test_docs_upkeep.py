"""The commands of docs/upkeep.md run, and say what it shows."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_readme import ROOT, _shape

UPKEEP = (ROOT / "docs" / "upkeep.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_upkeep_runs_as_it_is_shown(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    (block,) = re.findall(r"```console\n(.*?)```", UPKEEP, re.DOTALL)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for step in block.removeprefix("$ ").split("\n$ "):
        command, *shown = step.strip().splitlines()
        words = shlex.split(command)
        assert words[0] == "pitwall"
        done = subprocess.run(
            [sys.executable, "-m", "pitwall", *words[1:]], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        for line in shown:
            assert _shape(line) in _shape(done.stdout), f"{command}\nshown: {line}\nsaid: {done.stdout}"


def test_every_setting_that_the_page_names_is_there() -> None:
    from schemas.settings import Settings

    named = set(re.findall(r"`((?:keep|grace|compact|release)_\w+)", UPKEEP))
    assert named == {
        name for name in Settings.model_fields if name.startswith(("keep_", "grace", "compact", "release"))
    }
