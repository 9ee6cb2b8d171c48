"""`pitwall sql` and `pitwall ask` as the person types them."""

import json
import os
import signal
import threading
from pathlib import Path

import polars as pl
import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from typer.testing import CliRunner

from pitwall import cli, prompt
from schemas.errors import PitwallError, QueryRejected, SettingsRejected
from schemas.settings import Settings
from tests.warehouse.rows import Row, add_rollout
from warehouse.lake import Lake
from warehouse.query import run
from warehouse.questions import questions
from warehouse.views import views


@pytest.fixture
def home(tmp_path: Path):
    lake = Lake.open(Settings.load(home=tmp_path))
    add_rollout(lake, "a", 0, [Row(0, step, reward=step, terminated=True) for step in range(60)])
    lake.catalog.engine.dispose()
    return tmp_path


def pitwall(home: Path, *arguments: str, text: str | None = None) -> str:
    result = CliRunner().invoke(cli.app, ["--home", str(home), *arguments], input=text)
    if isinstance(result.exception, PitwallError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_table_says_how_many_rows_it_leaves_out(home: Path):
    shown = pitwall(home, "sql", "select step from experiences order by step")
    assert "showing 50 of 60 rows; --limit 0 or --format csv for all" in shown
    assert "60 rows" in pitwall(home, "sql", "--limit", "0", "select step from experiences")


def test_a_table_that_is_too_wide_says_which_columns_it_leaves_out(home: Path):
    assert "of 38 columns fit" in pitwall(home, "sql", "from experiences")


def test_a_question_names_no_columns_and_is_not_told_to(home: Path):
    told = pitwall(home, "ask", "episode-list")
    assert "columns fit" in told and "--format csv for all" in told and "name the ones you want" not in told


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            "observation-shift --version_a 2 --version_b 1",
            "version 2 has driven nothing in this lake; versions that have: none",
        ),
        ("action-use --version 7", "there is no version or alias '7' in this lake"),
        ("drift", "the lake holds 1 rollouts, which all count as newest"),
    ],
)
def test_a_question_without_an_answer_says_why(home: Path, words: str, reason: str):
    said = CliRunner().invoke(cli.app, ["--home", str(home), "ask", *words.split()])
    assert said.exit_code == 0 and f"nothing: {reason}" in said.stderr


def test_options_of_other_commands_are_told_by_their_names_here(home: Path):
    for option, wanted in (("--json", "--format json"), ("--to", "--output FILE")):
        with pytest.raises(QueryRejected, match=f"health: there is no {option}; wanted {wanted}"):
            pitwall(home, "ask", "health", option)
        said = CliRunner().invoke(cli.app, ["--home", str(home), "sql", "from rollouts", option])
        assert said.exit_code == 2 and f"no such option: {option}, wanted {wanted}. See: " in " ".join(
            said.stderr.split()
        )


def test_a_word_that_is_nearly_ours_brings_up_ours(home: Path):
    with pytest.raises(QueryRejected, match="Did you mean 'best-episodes'"):
        pitwall(home, "ask", "bestepisodes")
    assert "Did you mean 'models'? See: " in " ".join(CliRunner().invoke(cli.app, ["modles"]).stderr.split())


def test_csv_json_and_parquet_hold_every_row(home: Path, tmp_path: Path):
    statement = "select step, [step] as steps, null as nothing, 'nan'::float as odd from experiences order by step"
    lines = pitwall(home, "sql", statement, "--format", "csv").splitlines()
    assert (lines[0], lines[60]) == ('"step","steps","nothing","odd"', '59,"[59]",,nan')
    rows = json.loads(pitwall(home, "sql", statement, "--format", "json"))
    assert rows[59] == {"step": 59, "steps": [59], "nothing": None, "odd": None}
    target = tmp_path / "out.parquet"
    pitwall(home, "sql", statement, "--output", str(target))
    assert pl.read_parquet(target)["step"].to_list() == list(range(60))


def test_statements_come_from_standard_input_and_are_answered_one_after_another(home: Path):
    shown = pitwall(home, "sql", text="select 'first' as a; -- and then\nselect 'second' as b;\n")
    assert shown.index("first") < shown.index("second")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["sql", "drop table x"], "DROP is refused"),
        (["sql", ""], "no statement"),
        (["sql", "select 1; select 2", "--format", "csv"], "cannot share one csv output"),
        (["ask", "nothing"], "there is no question 'nothing'"),
        (["ask", "best-episodes", "--n", "many"], "wanted an integer"),
        (["ask", "best-episodes", "--n"], "has no value"),
        (["ask", "best-episodes", "--count", "3"], "no parameter 'count'"),
        (["ask", "best-episodes", "3"], "stands alone"),
    ],
)
def test_wrong_usage_is_answered_with_what_is_possible(home: Path, arguments: list[str], answer: str):
    with pytest.raises(QueryRejected, match=answer):
        pitwall(home, *arguments)


def test_a_table_has_no_place_in_a_file(home: Path, tmp_path: Path):
    with pytest.raises(SettingsRejected, match="--format csv"):
        pitwall(home, "sql", "select 1", "--output", str(tmp_path / "x.txt"))


def test_the_help_lists_every_view_and_every_question(home: Path):
    assert all(name in pitwall(home, "sql", "--help") for name in views())
    for asked in (["ask"], ["ask", "--help"]):
        assert all(name in pitwall(home, *asked) for name in questions())


@pytest.mark.parametrize("name", questions())
def test_the_help_of_a_question_lists_its_parameters_and_columns(home: Path, name: str):
    shown = pitwall(home, "ask", name, "--help")
    assert questions()[name].summary in shown
    assert all(f"--{parameter}" in shown for parameter in questions()[name].parameters)
    assert all(column in shown for column in questions()[name].columns)


def test_a_question_takes_its_parameters_as_options(home: Path):
    assert len(json.loads(pitwall(home, "ask", "best-episodes", "--n", "3", "--format", "json"))) == 3
    assert len(json.loads(pitwall(home, "ask", "best-episodes", "--n=4", "-f", "json"))) == 4
    assert json.loads(pitwall(home, "ask", "rejects-by-reason", "--resolved", "-f", "json")) == []


def test_the_prompt_takes_statements_of_several_lines_and_commands(home: Path, capsys: pytest.CaptureFixture[str]):
    lake = Lake.open(Settings.load(home=home))
    with create_pipe_input() as keys:
        keys.send_text(
            "select\n count(*) as rows_there\nfrom experiences;\n.views\n.columns episodes\ndrop table x;\n.exit\n"
        )
        prompt.converse(lake, input=keys, output=DummyOutput())
    lake.catalog.engine.dispose()
    shown = capsys.readouterr()
    assert "rows_there" in shown.out and "60" in shown.out
    assert "noise_scale" in shown.out and "lineage" in shown.out
    assert "DROP is refused" in shown.err
    assert "select" in (home / "sql_history").read_text()


def test_the_prompt_ends_with_ctrl_d_and_survives_ctrl_c(home: Path, capsys: pytest.CaptureFixture[str]):
    lake = Lake.open(Settings.load(home=home))
    with create_pipe_input() as keys:
        keys.send_text("select \x03select 42 as answer;\n\x04")
        prompt.converse(lake, input=keys, output=DummyOutput())
    lake.catalog.engine.dispose()
    assert "answer" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal for one process's Ctrl-C")
def test_ctrl_c_cancels_a_statement_and_the_lake_goes_on_answering(home: Path, request: pytest.FixtureRequest):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has it ignored
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    lake = Lake.open(Settings.load(home=home))
    alarm = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
    alarm.start()
    with pytest.raises(KeyboardInterrupt):
        run(lake, "select count(*) from range(1000000) a, range(1000000) b where a.range % 7 = b.range % 5")
    assert run(lake, "select 1 as a").to_pylist() == [{"a": 1}]
    lake.catalog.engine.dispose()


@pytest.mark.parametrize(
    ("misspelt", "near"), [("experience", "experiences"), ("run", "runs"), ("EPISODE", "episodes"), ("indexes", None)]
)
def test_a_misspelt_view_brings_up_the_nearest_of_ours_and_none_of_duckdb_s(
    home: Path, misspelt: str, near: str | None
):
    """Left alone DuckDB suggests pg_indexes, since no view is there that a statement does not name."""
    with pytest.raises(QueryRejected) as caught:
        pitwall(home, "sql", f"select * from {misspelt}")
    told = str(caught.value)
    assert [line for line in told.splitlines() if "Did you mean" in line] == [f'Did you mean "{near}"?'] * bool(near)
    assert "LINE 1: select * from" in told and "Views: " in told


@pytest.mark.parametrize("form", ["table", "json"])
@pytest.mark.parametrize("value", ["date '290000-01-01'", "timestamp '200000-01-01'", "[date '290000-01-01']"])
def test_a_time_that_python_has_not_is_refused_with_what_helps(home: Path, form: str, value: str):
    with pytest.raises(QueryRejected, match=r'column far holds .* as text: "far"::varchar'):
        pitwall(home, "sql", f"select 1 as near, {value} as far", "--format", form)
    assert "200000" in pitwall(home, "sql", "select (timestamp '200000-01-01')::varchar as far", "--format", form)
