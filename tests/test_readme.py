"""Every command of the README and of the pages that show a console runs, and says what they show."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ("README.md", "docs/concepts.md", "docs/rescoring.md", "docs/lineage.md")


def _tour(page: str) -> list[tuple[str, list[str]]]:
    """(command, shown lines) of the console blocks of a page, in order."""
    steps: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            else:
                steps[-1][1].append(line)
    return steps


def _shape(text: str) -> str:
    """What must be the same: words, without figures, paths, rules and spacing."""
    return " ".join(re.sub(r"[\d.,]+(e[+-]?\d+)?|\S*[/\\]\S*|[─━]+", "", text).split())


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_tour_runs_as_it_is_shown(page: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    scripts = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": scripts, "OMP_NUM_THREADS": "1"}
    steps = _tour(page)
    assert len(steps) > 7
    for command, shown in steps:
        words = shlex.split(command)
        assert words[0] == "pitwall"
        done = subprocess.run(
            [sys.executable, "-m", "pitwall", *words[1:]], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        said = _shape(done.stdout)
        for line in shown:
            assert _shape(line) in said, f"{command}\nshown: {line}\nsaid: {done.stdout}"


def test_what_the_readme_names_is_there() -> None:
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make (\w+)", README):
        assert re.search(rf"^{target}:", targets, re.MULTILINE), target
    for path in re.findall(r"\]\(([\w/.]+)\)", README):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"^(\w+)/  ", README, re.MULTILINE):
        assert (ROOT / name).is_dir(), name


def test_the_toml_of_the_readme_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from schemas.settings import Settings

    (block,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "pitwall.toml").write_text(block, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert Settings.load().engine_models_dir == Path("C:/Projects/Racer/Saved/Training/Models")
