"""What a shell gets for Tab, through the variables that it sets."""

import hashlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from pitwall import cli
from tests.pitwall import homes


def completed(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The words that bash offers for the last word of a line."""
    words = shlex.split(line) + ([""] if line.endswith(" ") else [])
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    monkeypatch.setenv("_PITWALL_COMPLETE", "complete_bash")
    with pytest.raises(SystemExit) as left:
        typer.main.get_command(cli.app).main(prog_name="pitwall")
    assert left.value.code == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out.split()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("models sh", ["show"]),
        ("models show ", ["champion", "latest", "2", "1"]),
        ("models show c", ["champion"]),
        ("models promote 1 --alias ", ["champion"]),
        ("evaluate 1 l", ["latest"]),
        ("trace --run ", ["session_a"]),
        ("ask be", ["best-episodes"]),
        ("train --config pl", ["plugin_script"]),
        ("loop --named h", ["half_cheetah", "hopper"]),
        ("sql --format p", ["parquet"]),
        ("rejects ", ["rollout_9_bad.json"]),
    ],
)
def test_names_are_completed(typed, offered, made_home, monkeypatch, capsys):
    assert completed(f"pitwall --home {made_home} {typed}", monkeypatch, capsys) == offered


def test_where_there_is_no_lake_there_are_no_words_and_none_is_made(tmp_path, monkeypatch, capsys):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "catalog.sqlite").write_bytes(b"no database at all" * 100)
    for home in (tmp_path / "nowhere", broken):
        assert completed(f"pitwall --home {home} models show ", monkeypatch, capsys) == []
    wrong = f"pitwall --catalog postgresql+psycopg://ada@127.0.0.1:9/none --home {broken} models show "
    assert completed(wrong, monkeypatch, capsys) == []
    assert sorted(tmp_path.rglob("*")) == [broken, broken / "catalog.sqlite"]


def test_completion_writes_nothing(made_home, tmp_path, monkeypatch, capsys):
    home = homes.copy(made_home, tmp_path / "home")

    def state() -> dict[str, str]:
        files = [path for path in home.rglob("*") if path.is_file()]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = state()
    assert completed(f"pitwall --home {home} reproduce ", monkeypatch, capsys)
    assert state() == before


@pytest.mark.skipif(sys.platform == "win32", reason="bash is no part of Windows")
def test_the_script_for_bash_completes_in_a_real_bash(made_home: Path, tmp_path: Path):
    program = tmp_path / "pitwall"
    start = "import sys; from pitwall.cli import main; sys.argv[0] = 'pitwall'; main()"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{start}" "$@"\n')
    program.chmod(0o755)
    typed = ["pitwall", "--home", str(made_home), "models", "show", "ch"]
    words = " ".join(map(shlex.quote, typed))
    script = (
        'eval "$(_PITWALL_COMPLETE=source_bash pitwall)"\n'
        f"COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}\n"
        '_pitwall_completion pitwall; echo "${COMPREPLY[@]}"\n'
    )
    paths = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    environment = {**os.environ, "PATH": paths, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["champion"]
