"""Help pages: what each command's says. That its examples run is seen in tests/test_docs.py."""

import re

import pytest
from typer.testing import CliRunner

from pitwall import cli
from pitwall.page import Page
from schemas.settings import Settings
from tests.pages import HELP


def test_a_docstring_is_taken_apart():
    page = Page(
        "Do it.\n\nA paragraph\nof two lines.\n\n    pitwall do 1\n    pitwall do 2   # again\n\n"
        "Exit codes: 1 nothing\n    was done; 3 half.\nSettings: home, landing.\nSee also: pitwall undo."
    )
    assert (page.summary, page.paragraphs) == ("Do it.", ["A paragraph of two lines."])
    assert page.examples == ["pitwall do 1", "pitwall do 2   # again"]
    assert page.codes == {0: "done", 1: "nothing was done", 2: "wrong usage", 3: "half", 130: "interrupted"}
    assert page.settings == ["home", "landing"] and page.parts["See also"] == "pitwall undo."


@pytest.mark.parametrize("words", HELP)
def test_a_page_says_in_a_line_what_a_command_does_and_shows_it(words: str):
    page = HELP[words]
    assert 10 < len(page.summary) <= 80 and page.summary.endswith((".", "?"))
    assert page.examples
    assert set(page.settings) <= Settings.model_fields.keys()
    for named in re.findall(r"pitwall (models [a-z]+|[a-z]+)", page.parts.get("See also", "")):
        assert named in HELP or named == "models", named


def test_every_command_has_its_panel_and_the_page_fits_on_a_screen():
    told = CliRunner().invoke(cli.app, ["--help"], env={"COLUMNS": "100"}).output
    assert "More commands" not in told
    assert "\nTraining:\n  train " in told
    assert all(f"\n  {words.split()[0]} " in told for words in HELP)
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
