"""The page for an Unreal project, in both languages: the same commands, run as they are shown."""

import gzip
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_readme import ROOT, _shape, _tour

ENGLISH, GERMAN = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("unreal.md", "unreal.de.md"))
PLUGIN = Path("Plugins") / "Racing" / "Scripts"


def blocks(page: str) -> list[str]:
    return re.findall(r"```\w*\n.*?```|^ {4}pitwall [^\n]*$", page, re.DOTALL | re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project of the page, with two of its five rollouts, which is quicker, and the policy that drove them."""
    folder = tmp_path / "Racer"
    exports, models = (folder / "Saved" / "Training" / name for name in ("Exports", "Models"))
    models.mkdir(parents=True)
    exports.mkdir()
    for rollout in sorted((ROOT / "samples" / "session_a").iterdir())[:2]:
        shutil.copy(rollout, exports)
    policy = gzip.decompress((ROOT / "samples" / "policy.json.gz").read_bytes())
    (models / "model_epoch_7.json").write_bytes(policy)
    (models / "best_model_path.txt").write_text("Saved/Training/Models/model_epoch_7.json")
    (folder / "Racer.uproject").write_text("{}")
    (folder / PLUGIN).mkdir(parents=True)
    (from_checkout,) = re.findall(r"copy C:\\Tools\\pitwall\\(\S+) Plugins\\Racing\\Scripts\\train_pytorch.py", ENGLISH)
    shutil.copy(ROOT / from_checkout.replace("\\", "/"), folder / PLUGIN / "train_pytorch.py")
    (toml,) = re.findall(r"```toml\n(.*?)```", ENGLISH, re.DOTALL)
    (folder / "pitwall.toml").write_text(toml, encoding="utf-8")
    return folder


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def program(words: list[str]) -> list[str]:
    return [sys.executable, *{"python": [], "pitwall": ["-m", "pitwall"]}[words[0]], *words[1:]]


def test_both_languages_have_the_same_commands_figures_and_chapters():
    assert blocks(GERMAN) == blocks(ENGLISH)
    for mark in (r"^#+ ", r"^\| ", r"^\*\*\w"):
        assert len(re.findall(mark, GERMAN, re.MULTILINE)) == len(re.findall(mark, ENGLISH, re.MULTILINE))
    seconds = r"\d+(?:[.,]\d+)? s\b"
    assert [figure.replace(",", ".") for figure in re.findall(seconds, GERMAN)] == re.findall(seconds, ENGLISH)


def test_what_the_troubleshooting_quotes_is_what_is_said():
    rooms = ("pitwall", "flows", "warehouse", "integrations")
    sources = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    quoted = re.findall(r"^\| `([^`\\]+)` \|", ENGLISH, re.MULTILINE)
    assert len(quoted) == 10
    for message in quoted:
        for part in re.split(r"rollout_\.\.\.:?|\.\.\.", message):
            assert part.strip(" ,") in code, part


@pytest.mark.slow
def test_the_page_runs_as_it_is_shown(project: Path) -> None:
    steps = _tour("docs/unreal.md")
    assert len(steps) == 7
    for command, shown in steps:
        done = subprocess.run(
            program(shlex.split(command)), cwd=project, env=environment(), capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        for line in shown:
            assert _shape(line) in _shape(done.stdout), f"{command}\nshown: {line}\nsaid: {done.stdout}"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a child cannot be sent Ctrl-C there")
@pytest.mark.parametrize("command", re.findall(r"^ {4}(pitwall watch (?!.*--set)[^#\n]*)", ENGLISH, re.MULTILINE))
def test_a_watch_of_the_page_begins_and_ctrl_c_ends_it(command: str, project: Path) -> None:
    with subprocess.Popen(
        program(shlex.split(command)),
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "2 of 5 new rollouts are there" in line:
                process.send_signal(signal.SIGINT)
    assert process.returncode == 130 and "a version is trained whenever 5 new rollouts are there" in said, said
    assert "stopped\n" in said and "Traceback" not in said
