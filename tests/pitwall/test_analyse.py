"""The analysis app without a browser: its cells on a lake of our own cars, on an empty one, and its free SQL."""

import json
import math
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from pitwall import analyse
from pitwall.cli import app as commands
from schemas.errors import QueryRejected, SettingsRejected
from schemas.settings import Settings
from schemas.space import ENGINE_ACTIONS, Space
from tests.pitwall.running import Running
from tests.ppo.contract import leaves_files_open
from tests.warehouse.rows import WITH_LIDAR, Row, add_rollout
from warehouse.lake import Lake
from warehouse.query import run
from warehouse.questions import ask

pytest.importorskip("marimo", reason="the analysis app is an extra: pip install 'pitwall[analyse]'")

pytestmark = leaves_files_open
Page = Callable[..., dict[str, Any]]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    """What one section of the app has come to, by the names of its variables."""
    from pitwall.analysis.app import app

    def opened(home: Path, section: str, **chosen: Any) -> dict[str, Any]:
        monkeypatch.setenv("PITWALL_HOME", str(home))
        values = {"section": section, "run_id": None, "version": None} | chosen
        _, found = app.run(defs={name: SimpleNamespace(value=value) for name, value in values.items()})
        found["lake"].catalog.engine.dispose()
        return dict(found)

    return opened


@pytest.fixture
def lake(driven: Path) -> Iterator[Lake]:
    opened = Lake.open(Settings.load(home=driven))
    yield opened
    opened.catalog.engine.dispose()


def marks(chart: Any) -> int:
    """Rows of data that a chart draws."""
    return sum(map(len, chart.to_dict()["datasets"].values()))


def test_what_was_chosen_outlives_reading_the_lake_again(driven: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pitwall.analysis.app import app

    monkeypatch.setenv("PITWALL_HOME", str(driven))
    kept: dict[str, str] = {}
    for wanted in (("all versions", None), ("1", 1)):
        _, found = app.run(defs={"section": SimpleNamespace(value="SQL"), "kept": kept})  # as the button does
        found["lake"].catalog.engine.dispose()
        assert (found["version"].selected_key, found["version"].value) == wanted
        found["version"]._update(["1"])  # as the browser does
        found["run_id"]._update(["all runs"])
    assert kept == {"run": "all runs", "version": "1"} and found["run_id"].value is None
    kept.update(run="gone", version="77")
    _, found = app.run(defs={"section": SimpleNamespace(value="SQL"), "kept": kept})
    found["lake"].catalog.engine.dispose()
    assert found["run_id"].value is not None and found["version"].value is None


def test_returns_are_the_answer_of_their_question(page: Page, driven: Path, lake: Lake) -> None:
    found = page(driven, "Returns")
    wanted = ask(lake, "returns")["return_mean"].to_pylist()
    assert found["returns_found"]["return_mean"].to_pylist() == pytest.approx(wanted)
    assert marks(found["returns_chart"]) == found["returns_found"].num_rows > 0
    assert page(driven, "Returns", run_id="another")["returns_chart"] is None


def test_the_explorer_draws_the_chosen_episode_and_its_line_on_the_track(page: Page, driven: Path) -> None:
    found = page(driven, "Episodes", order="longest")
    episode, line = found["episode"], found["line"]
    assert episode["episode_id"] == found["listed"]["episode_id"][0].as_py()
    steps = found["steps"].to_pylist()
    assert {row["step"] for row in steps} == set(range(episode["length"]))
    assert len(line.x) == episode["length"]
    drawn = found["episode_chart"].to_dict()
    titles = [panel["layer"][1]["encoding"]["y"]["title"] for panel in drawn["hconcat"][0]["vconcat"]]
    assert titles == ["speed", "actions", "rays", "reward", "value"]
    [hover] = drawn["params"]
    assert len(hover["views"]) == 6  # every panel and the map listen to the pointer
    speeds = [row["mean"] for row in steps if row["name"] == "speed_norm"]
    shown = [[row["mean"] for row in data] for data in drawn["datasets"].values() if "mean" in data[0]]
    assert any(len(data) == len(speeds) and data == pytest.approx(speeds, rel=1e-4) for data in shown)


def test_a_long_episode_with_many_rays_stays_below_what_a_page_bears(page: Page, tmp_path: Path) -> None:
    lake = Lake.open(Settings.load(home=tmp_path))
    import altair as alt

    rows = [Row(0, step, reward=math.sin(step), terminated=step == 1499) for step in range(1500)]
    space = Space.of(47, list(ENGINE_ACTIONS))
    waves = {name: [math.sin(step + at) for step in range(1500)] for at, name in enumerate(space.observation_columns)}
    add_rollout(lake, "long", 0, rows, space=space, features=waves, terms={"speed": 0.1})
    lake.catalog.engine.dispose()
    found = page(tmp_path, "Episodes")
    with alt.data_transformers.enable(max_rows=20_000):  # as marimo does
        drawn = found["episode_chart"].to_dict()
    assert max(map(len, drawn["datasets"].values())) <= 20_000
    assert len(json.dumps(drawn)) < 4_000_000
    assert {row["steps"] for row in found["steps"].to_pylist()} == {3}


def test_reward_terms_versions_and_drift_are_drawn(page: Page, driven: Path, lake: Lake) -> None:
    assert "collision" in page(driven, "Reward")["terms_found"]["term"].to_pylist()
    found = page(driven, "Compare", a="2", b="1")
    assert found["compare_charts"].keys() == {"evaluations", "episodes", "actions"}
    wanted = ask(lake, "compare-versions", a="2", b="1")["difference"].to_pylist()
    assert found["compared"]["difference"].to_pylist() == pytest.approx(wanted)
    shift = page(driven, "Drift", new={"run": None, "version": 2}, old={"run": None, "version": 1})
    assert shift["shift_found"].num_rows == 15 and marks(shift["shift_chart"]) > 15


@pytest.mark.parametrize("section", ["Returns", "Episodes", "Reward", "Compare", "Drift", "SQL"])
def test_an_empty_lake_has_every_section_and_says_what_to_do(page: Page, tmp_path: Path, section: str) -> None:
    found = page(tmp_path, section)
    assert len(found["runs"]) == 0 and "pitwall ingest FOLDER" in found["empty"].text
    drawn = [value for name, value in found.items() if name.endswith("_chart")]
    assert drawn in ([], [None])


def test_other_spaces_names_that_are_markup_and_missing_terms_are_shown(page: Page, tmp_path: Path) -> None:
    lake = Lake.open(Settings.load(home=tmp_path))
    rows = [Row(0, step, terminated=step == 3) for step in range(4)]
    hostile = "<img src=x onerror=alert(1)>.[0]"
    add_rollout(lake, hostile, 0, rows)
    add_rollout(lake, "lidar", 0, rows, space=WITH_LIDAR, terms={"reward": 1.0, "a.b[c]": 0.5})
    lake.catalog.engine.dispose()
    found = page(tmp_path, "Episodes", run_id=hostile)
    assert found["episode"]["run_id"] == hostile and found["episode_chart"] is not None
    assert "do not say where the car was" in found["line"].reason
    assert page(tmp_path, "Episodes", run_id="lidar")["episode_chart"] is not None
    assert page(tmp_path, "Reward", run_id=hostile)["terms_missing"]
    sides = {"new": {"run": hostile, "version": None}, "old": {"run": "lidar", "version": None}}
    assert page(tmp_path, "Drift", **sides)["shift_found"].num_rows == 15
    assert page(tmp_path, "Compare")["compared"] is None


def test_free_sql_answers_and_never_brings_more_rows_than_a_page_bears(lake: Lake) -> None:
    from pitwall.analysis.free_sql import MOST, ask_freely

    assert ask_freely(lake, "select 1 as a -- and a remark").table.to_pylist() == [{"a": 1}]
    many = ask_freely(lake, "select range as n from range(1000000) order by n desc;")
    assert (many.table.num_rows, many.cut, many.table["n"][0].as_py()) == (MOST, True, 999_999)
    for statement in (
        "describe episodes",
        "show tables",
        "summarize runs",
        "explain select 1",
        "from runs",
        "values (1)",
    ):
        assert ask_freely(lake, statement).table.num_rows > 0, statement


@pytest.mark.parametrize(
    "statement",
    [
        "drop table catalog.runs",
        "copy (select 1) to 'x.csv'",
        "select 1) to 'x'; copy (select 1",
        "select 1; select 2",
        "select * from read_text('/etc/hostname')",
        "from 'pyproject.toml'",
        "attach 'x.db'",
        "install httpfs",
        "set lock_configuration = false",
        "select 1) ; drop table catalog.runs; --",
    ],
)
def test_free_sql_neither_writes_nor_reads_other_files(lake: Lake, statement: str) -> None:
    from pitwall.analysis.free_sql import LakeConnection, ask_freely

    with pytest.raises(QueryRejected):
        ask_freely(lake, statement)
    with pytest.raises(QueryRejected):
        LakeConnection(lake).cursor().execute(statement)


def test_sql_cells_go_through_the_same_door(lake: Lake) -> None:
    from pitwall.analysis.free_sql import LakeConnection

    cursor = LakeConnection(lake).cursor()
    cursor.execute("select run_id, rollouts from runs where rollouts > ?", [1])
    assert [column[0] for column in cursor.description or []] == ["run_id", "rollouts"]
    assert cursor.fetchall() == [("loop-0001.001", 2)] and cursor.fetchall() == []
    assert run(lake, "from runs").num_rows == 1


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal for one process's Ctrl-C")
@pytest.mark.parametrize("how", [[], ["--edit"]], ids=["run", "edit"])
def test_it_listens_here_wants_its_token_and_ends_without_a_word_too_many(driven: Path, how: list[str]) -> None:
    running = Running(driven, *how)
    try:
        bare, _, token = running.url.partition("?access_token=")
        assert bare.startswith("http://127.0.0.1:") and len(token) > 16
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{bare}/api/status", timeout=20)
        assert refused.value.code in (401, 403)
        refused.value.close()
        with urllib.request.urlopen(running.url, timeout=20) as answer:
            assert answer.status == 200 and "marimo" in answer.read().decode()
    finally:
        code, said = running.stop()
    assert (code, said.splitlines()) == (0, ["Stop it with Ctrl-C", "stopped"])
    if how:
        own = driven / "analysis" / "app.py"
        assert own.read_bytes() == analyse.APP.read_bytes()
        shutil.rmtree(own.parent)


def test_a_copy_that_was_changed_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = analyse.own_copy(tmp_path)
    assert own.read_bytes() == analyse.APP.read_bytes() and "yours to change" in capsys.readouterr().out
    own.write_text("mine")
    assert analyse.own_copy(tmp_path).read_text() == "mine"
    assert "your copy, as you left it" in capsys.readouterr().out


def test_a_port_that_is_taken_and_an_address_of_others_are_refused(tmp_path: Path) -> None:
    import socket

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        for words, told in [
            (["--port", str(holder.getsockname()[1])], "Choose another, or leave out --port"),
            (["--host", "203.0.113.7"], "no address of this machine"),
        ]:
            Lake.open(Settings.load(home=tmp_path)).catalog.engine.dispose()
            done = CliRunner().invoke(commands, ["--home", str(tmp_path), "analyse", "--no-browser", *words])
            assert isinstance(done.exception, SettingsRejected) and told in str(done.exception)


def test_without_the_extra_it_says_how_to_install_it(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['marimo'] = None; from pitwall.cli import main; "
        f"sys.argv = ['pitwall', '--home', {str(tmp_path)!r}, 'analyse']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "pip install 'pitwall[analyse]'" in done.stderr and "Traceback" not in done.stderr
