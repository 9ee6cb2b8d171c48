"""The gradient of every objective against differences of a loss that is written out in numpy float64."""

import numpy as np
import pytest
import torch
from safetensors.torch import load

from ppo import loss
from ppo.batch import Batch
from ppo.learner import train
from ppo.policy import Policy
from schemas.space import Space
from schemas.training import TrainConfig
from tests.ppo.oracle import clamped_log_prob, clipped_objective, effective_sample_size, normal_log_prob
from tests.ppo.tables import SPACE, collect, table

ROWS, NOISE = 64, 0.5
OPEN = {"min_effective_sample_size": 0.0, "max_behaviour_kl": None}
ONE_STEP = TrainConfig(
    epochs=1, batch_size=ROWS, learning_rate=1e-6, adam_eps=1e6, max_grad_norm=1e9, value_coef=0.0, entropy_coef=0.0,
    advantage_normalisation="off", value_clip=None, weight_cap=1e6, **OPEN,
)  # fmt: skip
"""Adam with a huge epsilon is one step of plain descent, so the first moment holds the gradient."""


def stale():
    """An older policy, a newer one, rows that the older one collected with noise; rewards are returns, either sign."""
    behaviour = Policy.fresh(15, 3, (8,), seed=1)
    proximal = Policy(behaviour.sizes, 3, behaviour.flat + 0.05 * torch.randn(len(behaviour.flat), generator=_seed(2)))
    rollout = collect(behaviour, NOISE, ROWS)
    for row in rollout["experiences"]:
        row["done"], row["reward"] = True, row["value"] + row["state"][1]  # the advantage is state 1
    return behaviour, proximal, Batch.from_arrow(table([rollout], noise_scale=NOISE), SPACE)


def gradient(policy, batch, config, collectors=None):
    """Of the loss by log_std, as the learner sees it in its first step."""
    return (
        10 * load(train(policy, batch, config, collectors=collectors).optimizer_state)["first"][-3:].numpy()
    )  # first = 0.1 gradient


@pytest.mark.parametrize("objective", ["decoupled", "plain"])
@pytest.mark.parametrize("noise", ["solved", "ignored"])
def test_the_gradient_is_that_of_the_written_objective(objective, noise):
    _, policy, batch = stale()
    config = ONE_STEP.model_copy(update={"objective": objective, "noise": noise, "clamped_actions": "density"})
    mean, actions, behaviour = written(policy, batch)
    scale, start = NOISE if noise == "solved" else 1.0, policy.parameters.log_std.double().numpy()
    proximal = normal_log_prob(mean, start, actions, scale)
    anchor = behaviour if objective == "plain" else proximal
    wanted = differences(
        lambda log_std: normal_log_prob(mean, log_std, actions, scale), start, anchor, anchor - behaviour, batch
    )
    np.testing.assert_allclose(gradient(policy, batch, config), wanted, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("known", [True, False])
def test_a_clamped_action_counts_by_the_probability_of_the_clamp(known):
    author, policy, batch = stale()
    assert (batch.clamped == 1).any() and (batch.clamped == 0).any()
    mean, actions, behaviour = written(policy, batch)
    start = policy.parameters.log_std.double().numpy()

    def log_prob(mean, log_std):
        return clamped_log_prob(mean, log_std, actions, NOISE, (-1, 0, 0), (1, 1, 1))

    proximal = log_prob(mean, start)
    collector = written(author, batch)[0], author.parameters.log_std.double().numpy()
    weight = proximal - log_prob(*collector) if known else normal_log_prob(mean, start, actions, NOISE) - behaviour
    wanted = differences(lambda log_std: log_prob(mean, log_std), start, proximal, weight, batch)
    found = gradient(policy, batch, ONE_STEP, {1: author} if known else {})
    np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("objective", ["decoupled", "plain"])
def test_the_effective_sample_size_is_that_of_the_ratios_to_who_collected(objective):
    author, policy, batch = stale()
    densities = {"objective": objective, "clamped_actions": "density"}
    settings = densities | {"learning_rate": 1e-2, "adam_eps": 1e-5, "batch_size": ROWS // 4}
    trained = train(policy, batch, ONE_STEP.model_copy(update=settings), collectors={1: author})
    scores = []
    for each in (policy, trained.policy):
        mean, actions, recorded = written(each, batch)
        log_std = each.parameters.log_std.double().numpy()
        scores.append(np.exp(normal_log_prob(mean, log_std, actions, NOISE) - recorded))
    start, end = (effective_sample_size(weights) for weights in scores)
    assert trained.metrics["effective_sample_size"] == pytest.approx(end, rel=1e-4)
    assert end < start - 0.01
    still = train(policy, batch, ONE_STEP.model_copy(update=densities | {"learning_rate": 1e-12}))
    assert still.metrics["epochs"][0]["effective_sample_size"] == pytest.approx(start, rel=1e-4)


def test_a_mean_far_beyond_its_clamp_moves_no_ratio():
    """Throttle -5 or -5.1: the car does the same. The density at the clamp falls by nats."""
    mean, log_std, noise = torch.tensor([[-5.0], [-5.1]]), torch.zeros(1), torch.full((2,), 0.5)
    actions, clamped = torch.zeros(2, 1), torch.ones(2, 1)
    before, after = loss.log_prob(mean, log_std, actions, noise, clamped)
    assert abs(before - after) < 1e-6
    before, after = loss.log_prob(mean, log_std, actions, noise)
    assert before - after > 2


def test_environments_without_ranges_have_no_clamps():
    space = Space.of(15, ["throttle_0", "throttle_1", "throttle_2"])
    rollout = collect(Policy.fresh(15, 3, (8,), seed=1), NOISE, ROWS)
    for row in rollout["experiences"]:
        row["action"] = dict(zip(("throttle_0", "throttle_1", "throttle_2"), row["action"].values(), strict=True))
    assert not Batch.from_arrow(table([rollout], space, noise_scale=NOISE), space).clamped.any()


def written(policy, batch):
    """Mean, actions and recorded log-probs in float64."""
    mean = policy(batch.observations)[0]
    return [tensor.double().numpy() for tensor in (mean, batch.actions, batch.log_prob)]


def differences(log_prob, start, anchor, log_weight, batch):
    """Minus the objective's central differences by log_std."""
    advantage = batch.observations[:, 1].double().numpy()

    def objective(log_std):
        return clipped_objective(log_prob(log_std), anchor, log_weight, advantage, ONE_STEP.clip)

    step = 1e-6 * np.eye(3)
    return [-(objective(start + one) - objective(start - one)) / 2e-6 for one in step]


def test_the_objectives_differ_on_stale_data_and_agree_on_fresh():
    author, policy, batch = stale()
    plain = ONE_STEP.model_copy(update={"objective": "plain"})
    assert np.abs(gradient(policy, batch, plain) - gradient(policy, batch, ONE_STEP)).max() > 1e-3
    density = ONE_STEP.model_copy(update={"clamped_actions": "density"})
    np.testing.assert_allclose(gradient(author, batch, plain), gradient(author, batch, density), rtol=1e-4, atol=1e-6)


def test_ignored_noise_starts_far_from_one():
    author, _, batch = stale()
    solved = train(author, batch, ONE_STEP).metrics
    ignored = train(author, batch, ONE_STEP.model_copy(update={"noise": "ignored"})).metrics
    assert solved["first_ratio_deviation"] < 1e-3
    assert ignored["first_ratio_deviation"] > 0.5


def test_the_gates_are_the_callers():
    author, _, batch = stale()
    config = ONE_STEP.model_copy(update={"noise": "ignored", "objective": "plain"})
    assert train(author, batch, config).metrics["rows_trained"] == ROWS


def _seed(number):
    return torch.Generator().manual_seed(number)
