"""Where the car of a recorded episode was, or why nobody knows."""

import numpy as np
import pytest

from flows.driven_line import DrivenLine, NoLine, driven_line
from flows.driving import Driving
from flows.landing import bring_in
from flows.reporter import Reporter
from racing.driver import Driver
from schemas.loop import DriveConfig
from schemas.settings import Settings
from schemas.space import ENGINE_ACTIONS, Space
from tests.ppo.contract import leaves_files_open
from tests.racing import policies
from tests.warehouse.rows import Row, add_rollout
from warehouse.lake import Lake
from warehouse.questions import ask

pytestmark = leaves_files_open


@pytest.fixture
def home(tmp_path):
    lake = Lake.open(Settings.load(home=tmp_path / "home"))
    yield lake
    lake.catalog.engine.dispose()


def lines(lake):
    return {row["episode_id"]: driven_line(lake, row) for row in ask(lake, "episode-list", n=6).to_pylist()}


def test_our_own_cars_are_driven_again_on_their_track_also_across_rollouts(home, tmp_path):
    with Driving(DriveConfig(agents=2, steps=256, seed=5), tmp_path / "exports", "own") as driving:
        for _ in range(2):
            driving.collect(Driver.read(policies.raw()))
    bring_in(home, [tmp_path / "exports"], Reporter())
    found = lines(home)
    lengths = {row["episode_id"]: row["length"] for row in ask(home, "episode-list").to_pylist()}
    assert len(found) > 4
    for name, line in found.items():
        assert isinstance(line, DrivenLine), (name, line)
        assert "the car sees exactly what was recorded" in line.source
        assert len(line.x) == lengths[name] and line.speed_kmh is not None and line.walls is not None
        walls = np.concatenate(line.walls)
        assert (walls.min(0) < [line.x.min(), line.y.min()]).all() and (
            walls.max(0) > [line.x.max(), line.y.max()]
        ).all()


def test_an_engine_that_says_x_and_y_is_believed(home):
    space = Space.of(3, list(ENGINE_ACTIONS), ["X", "speed", "Y"])
    rows = [Row(0, step, terminated=step == 2) for step in range(3)]
    add_rollout(home, "a", 0, rows, space=space, features={"obs_X": [0.0, 1.0, 2.0], "obs_Y": [5.0, 6.0, 7.0]})
    [line] = lines(home).values()
    assert isinstance(line, DrivenLine) and line.walls is None and line.speed_kmh is None
    assert (line.x.tolist(), line.y.tolist()) == ([0, 1, 2], [5, 6, 7])


def test_where_nobody_says_it_the_reason_tells_how_to_get_it(home):
    add_rollout(home, "a", 0, [Row(0, 0, terminated=True)])
    add_rollout(home, "b", 0, [Row(0, 0, terminated=True)], environment="Pitwall/Racing-v0", seed=3)
    found = lines(home)
    assert found["a/0/0"] == NoLine(
        "The rollouts of this run do not say where the car was. A producer can tell: by observations named x and y."
    )
    other = found["b/0/0"]
    assert isinstance(other, NoLine) and "cannot be driven again: seed 3, agent 0, episode 0: at step 0" in other.reason
