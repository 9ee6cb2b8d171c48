"""Every command that a page under docs/ shows is one of ours, with options that it has; questions and SQL run."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pitwall.cli import app
from schemas.settings import Settings
from warehouse.lake import Lake

DOCS = Path(__file__).parents[1] / "docs"


def shown() -> list[str]:
    """Commands in indented blocks; what follows a # is a remark. Those of `console` blocks are run as they stand."""
    commands = []
    for page in sorted(DOCS.glob("*.md")):
        for line in page.read_text(encoding="utf-8").splitlines():
            if found := re.match(r" {4}(pitwall .*?)(?:\s{2,}#.*)?$", line):
                commands.append(found[1])
    return list(dict.fromkeys(commands))


@pytest.mark.parametrize("command", [*shown(), "pitwall drive --to nowhere --wings 2"])
def test_a_command_of_the_docs_is_there_and_has_the_options_that_are_shown(command: str) -> None:
    done = CliRunner().invoke(app, [*shlex.split(command)[1:], "--help"])  # options are read first, then help is shown
    assert done.exit_code == (2 if "--wings" in command else 0), done.output


def test_questions_and_sql_of_the_docs_run(tmp_path: Path) -> None:
    lake = Lake.open(Settings.load(home=tmp_path))
    lake.catalog.engine.dispose()
    asked = [command for command in shown() if re.match(r"pitwall (ask|sql) \S", command)]
    assert asked
    for command in asked:
        done = CliRunner().invoke(app, ["--home", str(tmp_path), *shlex.split(command)[1:]])
        assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception!r}"
