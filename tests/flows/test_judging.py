import json

import pytest
from typer.testing import CliRunner

from flows.driving import Driving, driver_of, space_in
from flows.fresh import fresh
from flows.judging import judge, judge_if_asked
from flows.landing import bring_in
from flows.reporter import Reporter
from flows.training import train
from pitwall.cli import app
from schemas.loop import DriveConfig
from schemas.settings import Settings
from schemas.training import TrainConfig
from schemas.window import RECENT
from tests.ppo.contract import leaves_files_open
from warehouse import registry
from warehouse.aliases import CHAMPION
from warehouse.engine_folder import POINTER
from warehouse.lake import Lake

pytestmark = leaves_files_open
DRIVE = DriveConfig(agents=4, steps=400)


@pytest.fixture
def lake(tmp_path):
    settings = Settings.load(
        home=tmp_path / "home", engine_models_dir=tmp_path / "engine", promotion="returns", promotion_episodes=5
    )
    opened = Lake.open(settings)
    yield opened
    opened.catalog.engine.dispose()


def drive(lake, folder, version, bonus):
    """An engine's session: rollouts of a version, whose rewards are changed by hand before anybody reads them."""
    with Driving(DRIVE, folder, folder.name) as cars:
        for _ in range(3):
            path = cars.collect(driver_of(lake, version)).path
            document = json.loads(path.read_bytes())
            for row in document["experiences"]:
                row["reward"] = bonus if row["done"] else 0.0
            path.write_text(json.dumps(document))
    bring_in(lake, [folder], Reporter())


def test_the_engine_gets_the_champion_back_when_returns_fall(lake, tmp_path):
    fresh(lake, space_in(DRIVE), TrainConfig(hidden=(8,)))
    drive(lake, tmp_path / "first", 1, 1.0)
    second = train(lake, RECENT, TrainConfig(epochs=1), Reporter()).published.version
    pointer = tmp_path / "engine" / POINTER
    assert pointer.read_text().endswith("pitwall_v2.json")
    assert judge(lake, Reporter()).drive == second  # on trial: it has driven nothing yet
    drive(lake, tmp_path / "second", second, -1.0)
    decision = judge_if_asked(lake, Reporter())
    assert not decision.promoted and decision.champion == 1
    assert pointer.read_text().endswith("pitwall_v1.json")
    assert judge(lake, Reporter()).champion == 1
    third = train(lake, RECENT, TrainConfig(epochs=1), Reporter())
    assert third.parent == 1  # not the version that fell, although it collected last


def test_a_version_whose_returns_rose_becomes_champion(lake, tmp_path):
    fresh(lake, space_in(DRIVE), TrainConfig(hidden=(8,)))
    drive(lake, tmp_path / "first", 1, 1.0)
    second = train(lake, RECENT, TrainConfig(epochs=1), Reporter()).published.version
    drive(lake, tmp_path / "second", second, 2.0)
    assert judge_if_asked(lake, Reporter()).promoted
    assert registry.get(lake, CHAMPION).version == second


def test_an_engine_s_folder_out_of_reach_hides_no_ingest(tmp_path):
    """`pitwall ingest` counts what came in, and the decision stands."""
    (tmp_path / "file").touch()
    home, drives = tmp_path / "home", tmp_path / "drives"
    lake = Lake.open(Settings.load(home=home))
    fresh(lake, space_in(DRIVE), TrainConfig(hidden=(8,)))
    with Driving(DRIVE, drives, "first") as cars:
        cars.collect(driver_of(lake, 1))
    lake.catalog.engine.dispose()
    reach = {"PITWALL_ENGINE_MODELS_DIR": str(tmp_path / "file" / "Models"), "PITWALL_PROMOTION": "returns"}
    told = CliRunner().invoke(app, ["--home", str(home), "ingest", str(drives)], env=reach)
    assert told.exit_code == 0, told.exception
    assert "1 rollout with 400 experiences in" in told.stdout
    assert "the engine does not have version 1 yet" in told.stderr


def test_nobody_is_judged_unless_asked_for(tmp_path):
    opened = Lake.open(Settings.load(home=tmp_path / "home"))
    assert judge(opened, Reporter()) is None
    fresh(opened, space_in(DRIVE), TrainConfig(hidden=(8,)))
    assert judge_if_asked(opened, Reporter()) is None
    opened.catalog.engine.dispose()
