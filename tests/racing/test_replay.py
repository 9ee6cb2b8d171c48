"""A recorded drive, driven again: the positions that its file does not hold."""

import json

import numpy as np
import pytest

from racing import ENVIRONMENT
from racing.collector import Collector
from racing.driver import Driver
from racing.environment import Environment
from racing.errors import DriveRejected
from racing.replay import Replay
from tests.ppo.contract import leaves_files_open
from tests.racing import policies

pytestmark = leaves_files_open
SEED, AGENTS = 11, 3


class Watched(Environment):
    """Notes where every car was after each step, (T, N, 2), and on which track."""

    seen: list

    def step(self, actions):
        found = super().step(actions)
        infos = found[-1]
        self.__dict__.setdefault("seen", []).append(np.stack([infos["x"], infos["y"], infos["track"]], 1))
        return found


@pytest.fixture(scope="module", params=[0, 8], ids=["without lidar", "with lidar"])
def session(request, tmp_path_factory):
    """What one session's file tells of each agent, row by row, and where its cars really were."""
    lidar = request.param
    environment = Watched.open(ENVIRONMENT, AGENTS, lidar=lidar)
    driver = Driver.read(policies.raw(15 + lidar))
    folder = tmp_path_factory.mktemp("exports")
    options = {"folder": folder, "run_id": "run", "steps": 900, "seed": SEED, "say": lambda line: None}
    [rows] = [json.loads(Collector(environment, driver, **options).collect().path.read_text())["experiences"]]
    environment.close()
    return lidar, [[row for row in rows if row["agent_index"] == agent] for agent in range(AGENTS)], environment.seen


def arrays(rows):
    actions = [[row["action"][name] for name in ("steer", "throttle", "brake")] for row in rows]
    return np.array(actions, np.float32), np.array([row["state"] for row in rows], np.float32)


def test_every_episode_s_positions_come_back_to_the_bit(session):
    lidar, agents, watched = session
    where = np.array(watched)
    replayed = 0
    for agent, rows in enumerate(agents):
        ends = [at + 1 for at, row in enumerate(rows) if row["done"]]
        for number, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
            replay = Replay.drive(SEED, agent, number, *arrays(rows[begin:end]), lidar)
            assert replay.difference == 0
            assert (np.stack([replay.x, replay.y], 1) == where[begin:end, agent, :2]).all()
            assert replay.track == where[begin, agent, 2]
            replayed += 1
    assert replayed > AGENTS


def test_an_episode_that_is_not_that_drive_is_refused(session):
    lidar, agents, _ = session
    end = next(at + 1 for at, row in enumerate(agents[0]) if row["done"])
    actions, seen = arrays(agents[0][:end])
    for seed, agent, number in [(SEED + 100, 0, 0), (SEED, 1, 0), (SEED, 0, 1)]:
        with pytest.raises(DriveRejected, match="sees something else than what was recorded"):
            Replay.drive(seed, agent, number, actions, seen, lidar)
    with pytest.raises(DriveRejected, match="observations were recorded, the car has"):
        Replay.drive(SEED, 0, 0, actions, seen[:, :-1], lidar)
    bent = seen.copy()
    bent[3, 0] = np.nan
    with pytest.raises(DriveRejected, match="at step 3"):
        Replay.drive(SEED, 0, 0, actions, bent, lidar)
