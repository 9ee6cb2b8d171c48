"""Help pages: what each command's says, and that its examples run."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pitwall import cli
from pitwall.page import Page
from schemas.settings import Settings
from tests.pitwall import homes

NEED_MORE = {"up": "a server", "lap": "minutes", "loop": "minutes", "watch": "an engine", "analyse": "a browser"}
"""Commands whose examples are only held against their options, and what they need."""


def commands() -> dict[str, str]:
    """Words of each command, and its docstring."""
    found = {}
    for name, command in typer.main.get_command(cli.app).commands.items():
        below = getattr(command, "commands", None)
        found |= {f"{name} {one}": each.help for one, each in below.items()} if below else {name: command.help}
    return found


PAGES = {words: Page(text or "") for words, text in commands().items()}


def test_a_docstring_is_taken_apart():
    page = Page(
        "Do it.\n\nA paragraph\nof two lines.\n\n    pitwall do 1\n    pitwall do 2   # again\n\n"
        "Exit codes: 1 nothing\n    was done; 3 half.\nSettings: home, landing.\nSee also: pitwall undo."
    )
    assert (page.summary, page.paragraphs) == ("Do it.", ["A paragraph of two lines."])
    assert page.examples == ["pitwall do 1", "pitwall do 2   # again"]
    assert page.codes == {0: "done", 1: "nothing was done", 2: "wrong usage", 3: "half", 130: "interrupted"}
    assert page.settings == ["home", "landing"] and page.parts["See also"] == "pitwall undo."


@pytest.mark.parametrize("words", PAGES)
def test_a_page_says_in_a_line_what_a_command_does_and_shows_it(words: str):
    page = PAGES[words]
    assert 10 < len(page.summary) <= 80 and page.summary.endswith((".", "?"))
    assert page.examples
    assert set(page.settings) <= Settings.model_fields.keys()
    for named in re.findall(r"pitwall (models [a-z]+|[a-z]+)", page.parts.get("See also", "")):
        assert named in PAGES or named == "models", named


@pytest.mark.parametrize("words", PAGES)
def test_examples_of_the_help_have_options_that_there_are(words: str):
    for example in PAGES[words].examples:
        arguments = shlex.split(example, comments=True)[1:]
        done = CliRunner().invoke(cli.app, [*arguments, "--help"])  # options are read first, then help is shown
        assert done.exit_code == 0, f"{example}\n{done.output}"


@pytest.mark.slow
@pytest.mark.parametrize("words", [words for words in PAGES if words.split()[0] not in NEED_MORE])
def test_examples_of_the_help_run(words: str, made_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home = homes.copy(made_home, tmp_path / "pitwall-data")
    shutil.copytree(homes.SAMPLES, tmp_path / "samples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PITWALL_ENGINE_MODELS_DIR", str(tmp_path / "engine"))
    monkeypatch.setenv("PITWALL_TENSORBOARD", str(tmp_path / "tensorboard"))
    homes.said(home, "backup", "copy-of-the-lake")
    for example in PAGES[words].examples:
        done = CliRunner().invoke(cli.app, shlex.split(example, comments=True)[1:])
        assert done.exit_code == 0, f"{example}\n{done.output}\n{done.exception!r}"


def test_every_command_has_its_panel_and_the_page_fits_on_a_screen():
    told = CliRunner().invoke(cli.app, ["--help"], env={"COLUMNS": "100"}).output
    assert "More commands" not in told
    assert "\nTraining:\n  train " in told
    assert all(f"\n  {words.split()[0]} " in told for words in PAGES)
    assert max(map(len, told.splitlines())) <= 100 and len(told.splitlines()) < 75


def test_a_page_has_options_with_defaults_examples_codes_and_settings():
    told = CliRunner().invoke(cli.app, ["ingest", "--help"], env={"COLUMNS": "100"}).output
    for shown in ("Usage: ", "Arguments:", "--retry-rejected", "Examples:\n  pitwall ingest", "  3    done, but"):
        assert shown in told
    assert "landing         PITWALL_LANDING, or landing in pitwall.toml" in told and "See also:" in told
    assert "[default: 4" not in told and "default: engine" in CliRunner().invoke(cli.app, ["train", "--help"]).output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["trian"], "no such command 'trian'. Did you mean 'train'"),
        (["train", "--neweest", "3"], "no such option: --neweest"),
        (["train", "--newest", "many"], "invalid value for '--newest'"),
        (["models", "import", "nowhere.json"], "file 'nowhere.json' does not exist. See: "),
        (["sql", "--format", "xml"], "'xml' is not one of 'table', 'csv', 'json', 'parquet'. See: "),
    ],
)
def test_wrong_usage_is_one_line_that_says_where_to_look(arguments: list[str], told: str):
    done = CliRunner().invoke(cli.app, arguments)
    assert done.exit_code == 2 and done.stdout == ""
    assert told in done.stderr and done.stderr.startswith("error ") and done.stderr.rstrip().endswith("--help")
    assert len(done.stderr.splitlines()) == 1
