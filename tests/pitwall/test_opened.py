"""`pitwall.open()`: what the commands do, in Python."""

import datetime
import gc
import inspect
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import pitwall
from flows.importing import import_policy
from flows.landing import bring_in
from flows.reporter import Reporter
from flows.summary import window_words
from pitwall.cli import app
from pitwall.opened import Pitwall
from pitwall.window_request import Conditions
from schemas.errors import NotRegistered, PitwallError, QueryRejected, SettingsRejected, WindowEmpty
from schemas.settings import Settings
from schemas.training import TrainConfig
from tests.flows.sessions import collect, driver
from tests.ppo.contract import leaves_files_open
from warehouse.lake import Lake

pytestmark = leaves_files_open


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 drove two rollouts of 20 rows; version 2 was trained on both."""
    folder = tmp_path_factory.mktemp("home")
    lake = Lake.open(Settings.load(home=folder))
    import_policy(lake, driver(1).raw, "a.json")
    bring_in(lake, [collect(driver(1), folder / "in" / "<a>", k, 20).parent for k in range(2)], Reporter())
    lake.catalog.engine.dispose()
    with pitwall.open(folder) as pit:
        assert pit.train(newest=2, set={"epochs": 1}, device="cpu").version == 2
    return folder


@pytest.fixture
def pit(home: Path):
    with pitwall.open(str(home)) as opened:
        yield opened


def said(home: Path, *words: str) -> str:
    result = CliRunner().invoke(app, ["--home", str(home), *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_importing_pitwall_loads_no_library_that_works() -> None:
    code = "import pitwall, sys; print(sorted({'torch', 'prefect', 'duckdb', 'polars', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_sql_answers_in_polars_what_the_command_answers(pit: Pitwall, home: Path) -> None:
    statement = "select run_id, count(*) as rows from experiences where agent_index = $agent group by all"
    answer = pit.sql(statement, agent=1)
    assert isinstance(answer, pl.DataFrame)
    assert answer.to_dicts() == [{"run_id": "<a>", "rows": 20}]
    command = json.loads(said(home, "sql", statement.replace("$agent", "1"), "--format", "json"))
    assert answer.to_dicts() == command


def test_what_is_closed_answers_no_more(home: Path) -> None:
    with pitwall.open(home) as pit:
        pass
    for call in (lambda: pit.sql("select 1"), lambda: pit.window(newest=1), lambda: pit.models.list()):
        with pytest.raises(PitwallError, match=r"is closed here. Open it again"):
            call()
    assert "closed" in repr(pit)


def test_words_that_are_none_of_ours_are_told_in_words_of_python(pit: Pitwall, tmp_path: Path) -> None:
    with pytest.raises(SettingsRejected, match=r"^format is 'tflite'; there are engine, onnx, .*torchscript"):
        pit.models.export(2, tmp_path / "x", format="tflite")
    with pytest.raises(SettingsRejected, match=r"^format is 'csv'; there are parquet, minari"):
        pit.window(newest=1).export(tmp_path / "x", format="csv")
    with pytest.raises(SettingsRejected, match=r"^config is 'ppo'; there are engine"):
        pit.train(newest=1, config="ppo")
    assert list(tmp_path.iterdir()) == []


def test_rollouts_that_were_chosen_one_by_one_are_counted_in_words(pit: Pitwall) -> None:
    assert window_words(pit.window(newest=2, reward=None).again()) == "chosen-2"


def test_sql_is_the_same_closed_door(pit: Pitwall, tmp_path: Path) -> None:
    for statement in ("drop table rollouts", f"copy rollouts to '{tmp_path / 'x.csv'}'", "from 'secrets.csv'"):
        with pytest.raises(QueryRejected):
            pit.sql(statement)
    with pytest.raises(NotRegistered, match="no reward"):
        pit.sql("from rollouts", reward="nothing")


def test_a_window_shows_its_manifest_and_its_rows(pit: Pitwall, home: Path) -> None:
    window = pit.window(newest=1)
    assert json.loads(window.manifest.model_dump_json()) == json.loads(said(home, "window", "--newest", "1", "--json"))
    rows = window.rows()
    assert (len(window), rows.height, window.arrow().num_rows) == (20, 20, 20)
    assert rows["rollout_id"].unique().to_list() == list(window.rollouts)
    assert rows["obs_speed_norm"].dtype == pl.Float32 and "in_window" not in rows.columns
    recorded = pit.sql("from experiences where rollout_id = $id order by agent_index, step", id=window.rollouts[0])
    assert np.array_equal(rows["reward"].to_numpy(), recorded["reward"].to_numpy())


def test_a_window_has_the_conditions_of_the_command() -> None:
    options = {name for name in inspect.signature(pitwall.train.window).parameters} - {"context", "as_json"}
    methods = {name for name in inspect.signature(Pitwall.window).parameters} - {"self"}
    assert options - {"export", "to", "end", "force"} == methods == Conditions.__annotations__.keys()


def test_training_is_quiet_and_tells_what_the_command_tells(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pitwall.open(home) as pit:
        before = len(pit.models)
        window = pit.window(newest=2)
        done = pit.train(window, config=TrainConfig(epochs=2, device="cpu"), set={"learning_rate": 1e-4}, parent=1)
        assert done.version == before + 1 == done.published.version
        assert (done.window.window_id, done.parent) == (window.id, 1)
        assert pit.models.get().config["learning_rate"] == 1e-4
        assert "explained variance" in repr(done) and "<th>version</th>" in done._repr_html_()
        nothing = pit.train(newest=2, at_least_new=5)
        assert (nothing.version, "nothing to do" in nothing.reason) == (None, True)
    assert capfd.readouterr().err == ""


def test_the_same_training_by_command_and_by_call_gives_the_same_weights(home: Path) -> None:
    told = json.loads(
        said(home, "train", "--newest", "2", "--parent", "1", "--set", "epochs=2", "--seed", "3", "--json")
    )
    with pitwall.open(home) as pit:
        ours = pit.train(newest=2, parent=1, set={"epochs": 2}, seed=3)
        assert pit.models.diff(told["version"], ours.version).same_weights


def test_what_cannot_be_trained_says_so(pit: Pitwall) -> None:
    for wrong, words in (
        ({"config": "engin"}, "there are engine"),
        ({"set": {"epoch": 1}}, "no field 'epoch'"),
        ({"set": {"epochs": 0}}, "epochs"),
        ({"window": pit.window(), "newest": 3}, "both a window and conditions"),
    ):
        with pytest.raises(SettingsRejected, match=words):
            pit.train(**wrong)
    with pytest.raises(WindowEmpty):
        pit.window(since=datetime.datetime(2999, 1, 1))


def test_models_are_listed_compared_promoted_and_exported(home: Path, tmp_path: Path) -> None:
    with pitwall.open(home) as pit:
        assert [model.version for model in pit.models][-2:] == [2, 1]
        assert pit.models[1].start == "imported" and pit.models["v2"].parent == 1
        assert pit.models.diff(1, 2).config["epochs"] == (None, 1)
        assert pit.models.promote(2, reason="faster").from_version == 1
        assert pit.models["champion"].version == 2
        assert pit.models.rollback().to_version == 1
        assert pit.models.export(2, tmp_path / "driver.json") == [tmp_path / "driver.json"]
        assert (tmp_path / "driver.json").read_bytes() == (pit.models[2].folder / "policy.engine.json").read_bytes()
        with pytest.raises(NotRegistered):
            pit.models["99"]


def test_a_notebook_shows_tables_and_runs_nothing_of_a_run_s_name(pit: Pitwall) -> None:
    assert repr(pit).startswith("Pitwall(home=")
    assert "&lt;a&gt;" in pit.window()._repr_html_() and "<a>" not in pit.window()._repr_html_()
    assert "<td>champion</td>" in pit.models._repr_html_() and "champion" in repr(pit.models)


def test_letting_go_closes_the_catalog(home: Path) -> None:
    pit = pitwall.open(home)
    pool = pit.lake.catalog.engine.pool
    pit.sql("from rollouts")
    assert pool.checkedin() == 1
    closed = pit._close
    del pit
    gc.collect()
    assert not closed.alive


def test_a_setting_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsRejected, match="no setting 'hom'"):
        pitwall.open(tmp_path, hom="x")


def test_moves_of_an_alias_are_told_to_a_server_as_the_commands_do(home, tmp_path, monkeypatch):
    import shutil
    import socket

    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pitwall.open(shutil.copytree(home, tmp_path / "home")) as pit,
    ):
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/api")
        with pytest.warns(UserWarning, match=r"the event pitwall.version.promoted was not taken") as told:
            pit.models.promote(2)
        assert [Path(each.filename) for each in told] == [Path(__file__)]
        with pytest.warns(UserWarning, match=r"the event pitwall.version.rolled-back was not taken"):
            pit.models.rollback()
