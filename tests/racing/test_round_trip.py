"""A policy of the learner drives, its rollouts go into the lake, and their author and noise come out again."""

import json

import numpy as np
import pytest

from flows.importing import import_policy
from flows.landing import bring_in
from flows.reporter import Reporter
from flows.training import train
from ppo.policy import Policy
from racing.collector import Collector
from racing.driver import Driver
from racing.environment import Environment
from racing.noise import Noise
from schemas.manifest import ENGINE
from schemas.settings import Settings
from schemas.training import TrainConfig
from schemas.window import Window
from tests.warehouse.rollouts import sql
from warehouse import registry
from warehouse.lake import Lake
from warehouse.window_rows import window_rows


@pytest.fixture
def home(tmp_path):
    opened = Lake.open(Settings.load(home=tmp_path / "home", settle_seconds=0))
    yield opened
    opened.catalog.engine.dispose()


def true_noise(documents, noise, agents):
    """(rollout_index, row) -> the factor with which it was driven, by the engine's rule."""
    factors, truth = noise.first(agents).tolist(), {}
    for document in documents:
        for at, row in enumerate(document["experiences"]):
            agent = row["agent_index"]
            truth[document["rollout_index"], at] = factors[agent]
            if row["done"]:
                factors[agent] = max(factors[agent] * noise.decay, noise.floor)
    return truth


@pytest.mark.parametrize(
    ("env", "agents", "noise", "files"),
    [("Pitwall/Racing-v0", 8, Noise(), 3), ("Pendulum-v1", 4, Noise.constant(1.0), 2)],
)
@pytest.mark.slow
def test_who_drove_and_with_how_much_noise_comes_out_of_the_lake(home, tmp_path, env, agents, noise, files):
    environment = Environment.open(env, agents)
    policy = Policy.fresh(environment.observations, environment.actions, seed=3)
    version = import_policy(home, policy.to_json(), "policy.json")
    driver = Driver.read(registry.read_file(home, version, ENGINE))
    assert driver.version == version
    collector = Collector(
        environment, driver, folder=tmp_path / "in", run_id="session", steps=1024, noise=noise, say=lambda line: None
    )
    collected = [collector.collect() for _ in range(files)]
    documents = [json.loads(one.path.read_text()) for one in collected]
    assert sum(one.episodes for one in collected) > 0

    came = bring_in(home, [tmp_path / "in"], Reporter())
    assert came.experiences == 1024 * files and not came.rejected and not came.warnings
    verdicts = "select distinct run_id, policy_version, claimed_version from rollouts"
    assert sql(home, verdicts) == [("session", version, version)]

    trained = train(home, Window(), TrainConfig(epochs=1, device="cpu"), Reporter())
    assert (trained.start, trained.parent) == ("warm", version)
    assert trained.metrics["first_ratio_mean"] == pytest.approx(1, abs=1e-5)
    assert trained.metrics["first_ratio_deviation"] < 1e-3
    rows = window_rows(home, trained.window).to_pylist()
    truth = true_noise(documents, noise, agents)
    solved = np.array([row["noise_scale"] for row in rows], np.float64)
    wanted = np.array([truth[row["rollout_index"], row["row_index"]] for row in rows])
    assert np.abs(solved / wanted - 1).max() < 1e-6


def test_what_was_driven_is_what_the_lake_returns(home, tmp_path):
    environment = Environment.open("Pitwall/Racing-v0", 4)
    driver = Driver.read(Policy.fresh(15, 3, (16,)).to_json())
    collector = Collector(environment, driver, folder=tmp_path / "in", run_id="r", steps=512, say=lambda line: None)
    rows = [row for _ in range(2) for row in json.loads(collector.collect().path.read_text())["experiences"]]
    bring_in(home, [tmp_path / "in"], Reporter())
    found = sql(
        home,
        "select agent_index, reward, terminated, truncated, next_value, obs_speed_norm, action_steer, "
        "term_progress from experiences order by rollout_index, row_index",
    )
    for row, kept in zip(rows, found, strict=True):
        cut = row.get("truncated", False)
        assert kept == (
            row["agent_index"], row["reward"], row["done"] and not cut, cut, row.get("next_value"), row["state"][0],
            row["action"]["steer"], row["reward_terms"]["progress"],
        )  # fmt: skip
    assert any(row["done"] for row in rows)
