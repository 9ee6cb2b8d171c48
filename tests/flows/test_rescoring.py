"""Driven history is scored again, and drivers learn from it what the engine never paid for."""

import json

import numpy as np
import pytest

from flows.critics import critics_of
from flows.driving import Driving, driver_of, space_in
from flows.fresh import fresh
from flows.landing import bring_in
from flows.reporter import Reporter
from flows.reproducing import reproduce
from flows.training import train
from ppo.batch import Batch
from ppo.policy import Policy
from schemas.errors import RewardRejected
from schemas.loop import DriveConfig
from schemas.manifest import WEIGHTS
from schemas.settings import Settings
from schemas.training import TrainConfig
from schemas.window import Window
from tests.ppo.contract import leaves_files_open
from tests.warehouse.rollouts import sql
from warehouse import registry, rescoring, rewards
from warehouse.account import account
from warehouse.lake import Lake
from warehouse.query import run
from warehouse.window_rows import window_rows
from warehouse.windows import select, stored

pytestmark = leaves_files_open
DRIVE = DriveConfig(agents=8, steps=1024, noise=1.0)
CONFIG = TrainConfig(
    hidden=(32, 32), batch_size=256, learning_rate=1e-3, gamma=0.9, entropy_coef=0.0, scale_returns=True,
    initial_std=0.5, clone_epochs=4, clone_updates=50, device="cpu", max_behaviour_kl=None,
    min_effective_sample_size=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    """A lake with two rollouts of a random policy, and the documents that it drove."""
    folder = tmp_path_factory.mktemp("driven")
    lake = Lake.open(Settings.load(home=folder / "home", settle_seconds=0))
    fresh(lake, space_in(DRIVE), CONFIG)
    with Driving(DRIVE, folder / "in", "session") as cars:
        for _ in range(2):
            cars.collect(driver_of(lake, 1))
    bring_in(lake, [folder / "in"], Reporter())
    documents = [json.loads(path.read_bytes()) for path in sorted((folder / "in").iterdir())]
    yield lake, documents
    lake.catalog.engine.dispose()


def oracle(documents, weights):
    """(rollout_index, row) -> the sum of weighted terms in float64, from the files alone."""
    return {
        (document["rollout_index"], at): sum(
            weight * np.float64(row["reward_terms"][t]) for t, weight in weights.items()
        )
        for document in documents
        for at, row in enumerate(document["experiences"])
    }


def episode_returns(documents, rewards_of):
    """Sorted returns of drives that begin and end in the session, by a loop over the rows."""
    running, found = dict.fromkeys(range(DRIVE.agents), 0.0), []
    for document in documents:
        for at, row in enumerate(document["experiences"]):
            running[row["agent_index"]] += float(np.float32(rewards_of[document["rollout_index"], at]))
            if row["done"] or row.get("truncated"):
                found.append(running[row["agent_index"]])
                running[row["agent_index"]] = 0.0
    return sorted(found)


def test_versions_learn_what_the_new_reward_pays_and_the_recorded_one_stays(driven):
    lake, _ = driven
    recorded = "select rollout_index, row_index, reward from experiences order by all"
    before, partitions = run(lake, recorded), sql(lake, "select rollout_id, rows, file_name from rollouts order by all")
    rewards.define(lake, rescoring.expressed(lake, "throttle", "action_throttle - action_brake", clamp=None))
    versions = []
    for _ in range(3):
        parent = versions[-1] if versions else None
        report = train(lake, Window(reward="throttle"), CONFIG, Reporter(), parent=parent, to_engine=False)
        versions.append(report.published.version)
        if not parent:
            assert report.metrics["first_ratio_deviation"] < 1e-4
            assert any("fitted to Monte Carlo returns of the reward throttle" in note for note in report.notes)
        else:
            assert any("every value is the start's own" in note for note in report.notes)
    observations = Batch.from_arrow(window_rows(lake, select(lake, Window())), space_in(DRIVE)).observations
    policies = [Policy.from_safetensors(registry.read_file(lake, v, WEIGHTS)) for v in (1, *versions)]
    pays = [float((mean[:, 1] - mean[:, 2]).mean()) for mean in (policy(observations)[0] for policy in policies)]
    assert pays == sorted(pays) and pays[-1] > pays[0] + 0.05, pays
    assert run(lake, recorded).equals(before)
    assert sql(lake, "select rollout_id, rows, file_name from rollouts order by all") == partitions
    manifest = registry.read_manifest(lake, versions[-1])
    assert manifest.window.reward == rewards.get(lake, "throttle")
    assert manifest.window.reward.expression == "(action_throttle - action_brake)"
    card = registry.read_file(lake, versions[-1], "CARD.md").decode()
    assert "Trained on the reward `throttle`, not on the recorded one: `(action_throttle - action_brake)`" in card
    assert sql(lake, "select version, reward from models order by 1")[:2] == [(1, None), (2, "throttle")]
    assert sql(lake, "select versions from rewards where name = 'throttle'") == [(3,)]
    with pytest.raises(RewardRejected, match=r"'throttle' is taken: version 2 .* pitwall rescore throttle-2"):
        rewards.define(lake, rescoring.expressed(lake, "throttle", "action_throttle", clamp=None))


def test_the_batch_s_rewards_and_the_returns_in_sql_are_the_float64_oracles(driven):
    lake, documents = driven
    weights = {"speed": 0.5, "collision": 2.0, "progress": 0.3}
    rewards.define(lake, rescoring.weighted(lake, "oracle", weights, only=True, clamp=None))
    manifest = select(lake, Window(reward="oracle"))
    table = window_rows(lake, stored(lake, manifest.window_id))
    batch = Batch.from_arrow(
        table, manifest.space, own_values=critics_of(lake, manifest, table, 1).recorded_are_foreign
    )
    truth = oracle(documents, {term: weights[term] for term in sorted(weights)})
    index = dict(sql(lake, "select rollout_id, rollout_index from rollouts"))
    rows = zip(batch.addresses["rollout_id"].to_pylist(), batch.addresses["row_index"].to_pylist(), strict=True)
    wanted = np.array([truth[index[rollout], row] for rollout, row in rows])
    assert len(batch) > 2000
    assert np.allclose(batch.reward.numpy(), wanted, rtol=1e-6, atol=1e-9), "terms are stored as float32"
    returns = run(lake, "select return from episodes where whole order by 1", None, manifest.reward)["return"]
    assert np.allclose(returns.to_numpy(), episode_returns(documents, truth), rtol=1e-5, atol=1e-5)


def test_weights_of_one_are_the_recorded_reward_where_the_engine_did_not_clamp(driven):
    lake, _ = driven
    whole = rescoring.weighted(lake, "whole", {"speed": 1.0}, only=False, clamp=None)
    assert set(whole.weights.values()) == {1.0} and len(whole.weights) == 6
    both = run(lake, "select reward, recorded_reward from experiences", None, whole)
    new, old = both["reward"].to_numpy(), both["recorded_reward"].to_numpy()
    inside = np.abs(new) < 3
    assert inside.mean() > 0.9
    assert np.allclose(new[inside], old[inside], rtol=1e-6, atol=1e-6)
    clamped = run(
        lake, "select reward, recorded_reward from experiences", None, whole.model_copy(update={"clamp": 3.0})
    )
    assert np.allclose(clamped["reward"].to_numpy(), clamped["recorded_reward"].to_numpy(), rtol=1e-6, atol=1e-6)


def test_going_back_to_the_recorded_reward_refits_the_critic_again(driven):
    lake, _ = driven
    rewards.define(lake, rescoring.weighted(lake, "back", {"speed": 1.0}, only=True, clamp=None))
    there = train(lake, Window(reward="back"), CONFIG, Reporter(), to_engine=False)
    back = train(lake, Window(), CONFIG, Reporter(), parent=there.published.version, to_engine=False)
    assert any("Monte Carlo returns of the recorded reward" in note for note in back.notes)
    plain = train(lake, Window(), CONFIG, Reporter(), parent=1, to_engine=False)
    assert not any("Monte Carlo" in note for note in plain.notes)
    metrics = registry.get(lake, there.published.version).metrics
    assert metrics["critic_explained_variance"] > metrics["critic_explained_variance_before"]


def test_a_version_of_a_named_reward_is_made_again_bit_for_bit(driven):
    """Also where its critic had to be fitted first; its account balances."""
    lake, _ = driven
    rewards.define(lake, rescoring.weighted(lake, "again", {"progress": 2.0}, only=True, clamp=None))
    made = train(lake, Window(reward="again"), CONFIG.model_copy(update={"epochs": 1}), Reporter(), parent=1)
    assert "critic_explained_variance" in registry.get(lake, made.published.version).metrics
    again = reproduce(lake, made.published.version, Reporter())
    assert (again.identical, again.differs) == (True, [])
    assert account(lake, made.published.version).wrong == []
