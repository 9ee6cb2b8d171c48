import dataclasses
import json

import numpy as np
import pytest
import torch

from ppo.authorship import attribute
from ppo.normaliser import Normaliser
from ppo.policy import Policy
from ppo.return_scale import ReturnScale
from schemas.policy_file import read_policy
from schemas.space import Space
from tests.ppo.tables import SPACE, collect, policy_json, session, table, with_noise


@pytest.fixture(scope="module")
def author():
    return Policy.from_engine(read_policy(policy_json()))


@pytest.fixture(scope="module")
def documents():
    return session()


def true_noise(window):
    """The engine's rule: 0.2 at first, times 0.9995 after each end, per agent."""
    factors, agent, factor = [], None, 0.0
    for row_agent, done in zip(window["agent_index"].to_pylist(), window["terminated"].to_pylist(), strict=True):
        if row_agent != agent:
            agent, factor = row_agent, 0.2
        factors.append(factor)
        factor = max(0.05, factor * 0.9995) if done else factor
    return np.array(factors)


def test_every_rollout_finds_its_author_and_the_noise_comes_out(author, documents):
    window = table(documents)
    found = attribute(window, SPACE, {1: author, 2: Policy.fresh(15, 3)})
    assert [(rollout.version, rollout.verdict) for rollout in found.rollouts] == [(1, "author")] * 5
    solved = with_noise(window, found.noise)["noise_scale"].to_numpy()
    assert np.abs(solved / true_noise(window) - 1).max() < 1e-5


def test_the_author_of_other_environments_has_an_identity_mean_and_large_values():
    """An actor far outside tanh, a critic of normalised observations in units of 512, factor 1 as CleanRL's noise."""
    random, rows, space = np.random.default_rng(0), 500, Space.of(11, ["thigh", "leg", "foot"])
    states = random.normal(2, 3, (rows, 11)).astype(np.float32)
    author = dataclasses.replace(
        Policy.fresh(11, 3, (64, 64), mean="identity"),
        normaliser=Normaliser.identity(11).seen(torch.from_numpy(states)),
        return_scale=ReturnScale.identity().seen(torch.full((9,), 500.0)),
    )
    author.parameters.mean_weight.mul_(300)
    mean, value = engine_forward(author.to_json(), states)
    assert np.abs(mean).max() > 2 and np.abs(value).max() > 500
    std = np.exp(author.parameters.log_std.numpy())
    actions = (mean + std * random.standard_normal(mean.shape)).astype(np.float32)
    log_prob = (-0.5 * ((actions - mean) / std) ** 2 - np.log(std) - np.float32(0.5 * np.log(2 * np.pi))).sum(1)
    experiences = [
        {"state": state, "action": dict(zip(("thigh", "leg", "foot"), action, strict=True)), "done": step % 100 == 99,
         "reward": 1.0, "log_prob": row_log_prob, "value": row_value, "agent_index": 0}
        for step, (state, action, row_log_prob, row_value) in enumerate(
            zip(states.tolist(), actions.tolist(), log_prob.tolist(), value.tolist(), strict=True))
    ]  # fmt: skip
    tanh = dataclasses.replace(author, mean="tanh")
    window = table([{"experiences": experiences}], space)
    found = attribute(window, space, {1: author, 2: tanh})
    assert (found.rollouts[0].version, found.rollouts[0].verdict) == (1, "author")
    solved = with_noise(window, found.noise)["noise_scale"].to_numpy()
    assert np.abs(solved - 1).max() < 1e-5
    assert attribute(window, space, {2: tanh}).rollouts[0].verdict == "log_prob_disagrees"


def engine_forward(raw, states):
    """Float32 outputs of a policy file whose mean is the head itself."""
    document, outputs = json.loads(raw), []
    for trunk in ("policy", "value"):
        out = states
        for layer in [*document[f"{trunk}_layers"], document[f"{trunk}_head"]]:
            biases = np.array(layer["biases"], np.float32)
            linear = out @ np.array(layer["weights"], np.float32).reshape(len(biases), -1).T + biases
            out = np.maximum(linear, 0)
        outputs.append(linear)
    return outputs[0], outputs[1][:, 0]


def test_a_policy_one_small_step_away_is_not_the_author(author, documents):
    near = Policy(author.sizes, author.actions, author.flat * 1.0001)
    found = attribute(table(documents[:1]), SPACE, {1: near})
    assert (found.rollouts[0].version, found.rollouts[0].verdict) == (None, "unknown")
    assert found.noise.num_rows == 0


def test_no_candidate_is_no_author(documents):
    assert attribute(table(documents[:1]), SPACE, {}).rollouts[0].verdict == "unknown"


def test_of_identical_policies_the_claimed_one_is_the_author_else_the_newest(author, documents):
    candidates = {3: author, 4: author}
    assert attribute(table(documents[:1]), SPACE, candidates).rollouts[0].version == 4
    assert attribute(table(documents[:1], claimed_version=3), SPACE, candidates).rollouts[0].version == 3


def test_a_wrong_claim_is_an_error_in_the_data(author, documents):
    window = table(documents[:1], claimed_version=2)
    found = attribute(window, SPACE, {1: author, 2: Policy.fresh(15, 3)}).rollouts[0]
    assert (found.version, found.verdict) == (None, "claim_refuted")
    assert "claims version 2, but its values are version 1's" in found.message


def test_a_claim_of_a_number_that_nobody_has_is_no_claim(author, documents):
    window = table(documents[:1], claimed_version=17)
    found = attribute(window, SPACE, {1: author}).rollouts[0]
    assert (found.version, found.verdict) == (1, "author")
    assert found.message.endswith("it claims version 17, a count of the collector's own")
    refuted = attribute(window, SPACE, {1: author}, range(1, 18)).rollouts[0]  # it has, but not these weights
    assert (refuted.version, refuted.verdict) == (None, "claim_refuted")


def test_another_density_behind_log_prob_is_found_and_spoils_no_neighbour(author, documents):
    log_prob = [
        {**row, "log_prob": row["log_prob"] + 0.01 * (i % 7)} for i, row in enumerate(documents[1]["experiences"])
    ]
    found = attribute(table([documents[0], {"experiences": log_prob}, documents[2]]), SPACE, {1: author})
    assert [rollout.verdict for rollout in found.rollouts] == ["author", "log_prob_disagrees", "author"]
    assert set(found.noise["rollout_id"].to_pylist()) == {"rollout_0", "rollout_2"}


@pytest.mark.parametrize("length", [1, 2, 3])
def test_episodes_of_a_few_rows_take_the_root_near_their_neighbours(author, length):
    """A row alone has two roots, and hardly any precision where they meet."""
    episode = np.arange(300) // length
    truth = 0.2 * 0.9995**episode
    document = collect(author, truth, rows=300)
    for row, ends in zip(document["experiences"], np.append(np.diff(episode) > 0, True), strict=True):
        row["done"] = bool(ends)
    window = table([document])
    found = attribute(window, SPACE, {1: author})
    assert found.rollouts[0].verdict == "author"
    solved = with_noise(window, found.noise)["noise_scale"].to_numpy()
    assert np.abs(solved / truth - 1).max() < 1e-4


def test_no_rollouts_have_no_authors(author, documents):
    found = attribute(table(documents[:1]).slice(0, 0), SPACE, {1: author})
    assert found.rollouts == [] and found.noise.num_rows == 0


def test_a_rollout_without_noise_has_the_factor_one(author, documents):
    found = attribute(table([collect(author, noise=1.0, rows=64)]), SPACE, {1: author})
    assert found.noise["noise_scale"].to_numpy() == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("noise", [0.05, 0.1, 0.3])
def test_actions_that_lie_at_their_clamps_hide_no_author(author, noise):
    leaning = Policy(author.sizes, author.actions, author.flat.clone(), None)
    leaning.parameters.mean_bias.sub_(1.0)  # throttle and brake want to be negative: nearly all are clamped to 0
    documents = [collect(leaning, noise, rows=400, seed=seed) for seed in range(3)]
    pressed = [row["action"]["throttle"] == 0 and row["action"]["brake"] == 0 for row in documents[0]["experiences"]]
    assert sum(pressed) > 200
    found = attribute(table(documents), SPACE, {1: leaning, 2: author})
    assert [rollout.version for rollout in found.rollouts] == [1, 1, 1]
    assert np.abs(np.array(found.noise["noise_scale"].to_pylist()) / noise - 1).max() < 1e-4


def test_a_foreign_value_is_named_with_its_row(author, documents):
    spoilt = json.loads(json.dumps(documents[0]))
    spoilt["experiences"][412]["value"] += 0.1
    (found,) = attribute(table([spoilt]), SPACE, {1: author}).rollouts
    assert found.verdict == "unknown"
    assert "2047 of 2048 rows have its values, experiences[412] has not" in found.message
