"""What files and rows say is shown, and does not steer the terminal that shows it."""

import sys

import pytest
from typer.testing import CliRunner

from pitwall import cli, session
from tests.pitwall import homes
from tests.warehouse.rollouts import rows, write, write_json


def test_control_characters_are_spelled_out():
    assert session.shown("a\x1b[2Jb\x07\x9b\u202e é東\nc\td") == "a\\x1b[2Jb\\x07\\x9b\\u202e é東\nc\td"


@pytest.mark.skipif(sys.platform == "win32", reason="no such file names there")
def test_names_of_files_and_runs_do_not_steer_the_terminal(tmp_path):
    odd = "\x1b]0;mine\x07\x1b[2J\nrejected  nothing"
    write_json(tmp_path / "in" / f"rollout_0_{odd}.json", {"experiences": rows(), "run_id": odd})
    (write(tmp_path / "in", 1).parent / f"rollout_2_{odd}.json").write_text("{}")
    said = ""
    for command in (["ingest", str(tmp_path / "in")], ["rejects"], ["sql", "from rollouts"], ["sql", "from runs"]):
        said += CliRunner().invoke(cli.app, ["--home", str(tmp_path / "home"), *command]).output
    assert "\\x1b]0;mine" in said
    assert "\x1b" not in said and "\x07" not in said and "\nrejected  nothing" not in said


def test_an_ingest_names_every_file_that_it_ignores(tmp_path):
    write(tmp_path / "in", 0)
    for name in ("notes.txt", "mine.json", "rollout_1.json.tmp"):
        (tmp_path / "in" / name).write_text("{}")
    said = CliRunner().invoke(cli.app, ["--home", str(tmp_path / "home"), "ingest", str(tmp_path / "in")]).output
    assert "3 ignored" in said and said.count("ignored   ") == 3
    assert "rollout_1.json.tmp: still being written" in said and "notes.txt: not a rollout" in said


@pytest.mark.parametrize(
    ("command", "first"),
    [
        (["doctor"], "· looking at installation"),
        (["report", "1", "--to", "page.html"], "· gathering what is known of version 1"),
    ],
)
def test_what_takes_seconds_begins_with_a_line_and_as_json_with_none(made_home, tmp_path, monkeypatch, command, first):
    monkeypatch.chdir(tmp_path)
    here = ["--home", str(homes.copy(made_home, tmp_path / "home")), *command]
    done = CliRunner().invoke(cli.app, here)
    assert done.stderr.startswith(first) and first not in done.stdout
    assert not CliRunner().invoke(cli.app, [*here, "--json"]).stderr
