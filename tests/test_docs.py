"""Every command that a page under docs/ shows is one of ours, with options that it has; questions and SQL run."""

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pitwall.cli import app
from schemas.settings import Settings
from warehouse.lake import Lake

DOCS = Path(__file__).parents[1] / "docs"
DEPLOYMENTS = yaml.safe_load((DOCS.parent / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]


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


def to_prefect() -> list[str]:
    """What pages tell Prefect to run: indented commands, and those in tables."""
    pages = "\n".join(page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md")))
    found = re.findall(
        r"(?:^ {4}|`)(?:\.venv\S*[/\\])?(prefect deployment run [^`\n]*?)(?:\s{2,}#.*)?(?:$|`)", pages, re.MULTILINE
    )
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("command", [*to_prefect(), "prefect deployment run train/ppo -p wings=2"])
def test_a_run_that_the_docs_ask_for_has_its_deployment_and_takes_the_parameters(command: str) -> None:
    from prefect.exceptions import ParameterTypeError, SignatureMismatchError
    from prefect.flows import load_flow_from_entrypoint

    name, *options = shlex.split(command)[3:]
    given = dict(value.split("=", 1) for option, value in pairwise(options) if option == "-p")
    [deployment] = [one for one in DEPLOYMENTS if name == f"{Path(one['entrypoint']).stem}/{one['name']}"]
    flow = load_flow_from_entrypoint(str(DOCS.parent / deployment["entrypoint"]))
    parameters = {key: _parsed(value) for key, value in given.items()}
    if "wings" in command:
        with pytest.raises((ParameterTypeError, SignatureMismatchError)):
            flow.validate_parameters(parameters)
    else:
        flow.validate_parameters(parameters)


def test_pictures_of_the_docs_are_there_are_small_and_say_what_they_show() -> None:
    pictures = {
        target: words
        for page in (*DOCS.glob("*.md"), DOCS.parent / "README.md")
        for words, target in re.findall(r"!\[(.*)\]\((?:docs/)?(images/\S+\.png)\)", page.read_text(encoding="utf-8"))
    }
    assert len(pictures) >= 7 and all(pictures.values())
    assert {f"images/{path.name}" for path in (DOCS / "images").glob("*.png")} == set(pictures)
    assert all((DOCS / target).stat().st_size < 250_000 for target in pictures)


def _parsed(value: str) -> object:
    """As Prefect's command reads a parameter: JSON, else text."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def test_questions_and_sql_of_the_docs_run(tmp_path: Path) -> None:
    lake = Lake.open(Settings.load(home=tmp_path))
    lake.catalog.engine.dispose()
    asked = [command for command in shown() if re.match(r"pitwall (ask|sql) \S", command)]
    assert asked
    for command in asked:
        done = CliRunner().invoke(app, ["--home", str(tmp_path), *shlex.split(command)[1:]])
        assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception!r}"
