import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ppo.batch import Batch
from ppo.clone import clone
from ppo.learner import start, train
from ppo.policy import Policy
from ppo.return_scale import MEMORY, ReturnScale
from schemas.training import TrainConfig, cleanrl_continuous
from tests.ppo.tables import SPACE, collect, table

SCALED = TrainConfig(scale_returns=True)


def window(policy, returns, rows=2048, seed=0):
    """Rows that end at once, so that the reward is the return: `returns` of (N, O) observations, float64."""
    rollout = collect(policy, 1.0, rows, seed)
    for row in rollout["experiences"]:
        row["reward"], row["done"] = float(returns(np.array(row["state"]))), True
    return Batch.from_arrow(table([rollout], noise_scale=1.0), SPACE)


def values(policy, states):
    """The critic by its exported JSON's numbers, in float64 numpy."""
    file, hidden = policy.to_engine(), states.astype(np.float64)
    for layer in file.value_layers:
        hidden = np.maximum(hidden @ layer.weights.astype(np.float64).T + layer.biases, 0)
    return (hidden @ file.value_head.weights.astype(np.float64).T + file.value_head.biases)[:, 0]


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3), min_size=1, max_size=5))
def test_the_unit_is_the_power_of_two_nearest_to_the_size_of_all_returns(parts):
    scale = ReturnScale.identity()
    for part in parts:
        scale = scale.seen(torch.tensor(part, dtype=torch.float64))
    size = max(float(np.sqrt(np.mean(np.square(parts)))), 2.0**-20)
    assert math.frexp(scale.unit)[0] == 0.5
    assert abs(math.log2(size / scale.unit)) <= 0.5 + 1e-9


def test_the_newest_windows_count_most():
    scale = ReturnScale.identity()
    for _ in range(1000):
        scale = scale.seen(torch.ones(8))
    for _ in range(int(3 * MEMORY)):
        scale = scale.seen(1024 * torch.ones(8))
    assert scale.unit == 1024
    assert scale.seen(torch.tensor([math.nan, math.inf])) is scale


@given(st.integers(0, 2**31), st.floats(-12, 12), st.floats(-12, 12))
def test_moving_the_scale_does_not_move_the_function_by_a_bit(seed, old, new):
    policy, states = Policy.fresh(15, 3, (8, 8), seed), torch.randn(20, 15)
    sizes = [10.0**size * torch.ones(50) for size in (old, new)]
    config = SCALED.model_copy(update={"gamma": 0.0, "gae_lambda": 0.0})
    batch = window(policy, lambda state: 0.0, rows=50)
    moved = policy
    for size in sizes:
        moved = start(moved, dataclasses.replace(batch, reward=size), config)
        assert torch.equal(moved(states)[1], policy(states)[1])
        assert moved.fingerprint == policy.fingerprint


@given(st.integers(0, 2**31), st.floats(1e-3, 1e4))
def test_folding_the_scale_is_exact(seed, size):
    scale = ReturnScale.identity().seen(torch.full((5,), size))
    policy = dataclasses.replace(Policy.fresh(15, 3, (8, 8), seed), return_scale=scale)
    plain = dataclasses.replace(policy, return_scale=None)
    states = torch.randn(20, 15)
    assert torch.equal(policy(states)[1], scale.unit * plain(states)[1])
    assert torch.equal(policy.folded()(states)[1], policy(states)[1])
    wanted = scale.unit * values(plain, states.numpy())
    np.testing.assert_allclose(values(policy, states.numpy()), wanted, rtol=1e-14, atol=0)


def test_a_file_from_before_return_scales_still_loads():
    raw = Policy.fresh(15, 3).to_safetensors()
    assert b"return_scale" not in raw
    assert Policy.from_safetensors(raw).return_scale is None


@pytest.mark.parametrize("size", [1.0, 1e3])
def test_a_fresh_critic_learns_returns_of_any_size_within_a_few_updates(size):
    policy, state = Policy.fresh(15, 3, (64, 64)), None
    for update in range(8):
        batch = window(policy, lambda observation: size * (1 + observation[0]), seed=update)
        trained = train(policy, batch, cleanrl_continuous(), state)
        policy, state = trained.policy, trained.optimizer_state
    assert trained.metrics["explained_variance"] > 0.9
    unseen = np.random.default_rng(99).uniform(-1, 1, (1000, 15))
    off = values(policy, unseen) - size * (1 + unseen[:, 0])
    assert np.sqrt(np.square(off).mean()) < 0.2 * size


def test_without_the_scale_large_returns_are_out_of_reach():
    policy = Policy.fresh(15, 3, (64, 64))
    trained = train(policy, window(policy, lambda observation: 1000 * (1 + observation[0])), TrainConfig())
    assert trained.metrics["explained_variance"] < 0.1


def test_an_update_does_not_depend_on_the_unit_of_reward():
    """Rewards and critic 1024 times larger: the same actor, bit for bit, and a critic 1024 times larger."""
    small = dataclasses.replace(Policy.fresh(15, 3, (8, 8)), return_scale=ReturnScale.identity())
    batch = window(small, lambda observation: 3 * observation[0], rows=512)
    flat = small.flat.clone()
    large = dataclasses.replace(small, flat=flat)
    for head in (large.parameters.value_weight, large.parameters.value_bias):
        head.mul_(1024)
    grown = dataclasses.replace(batch, reward=1024 * batch.reward, value=1024 * batch.value)
    one, two = train(small, batch, SCALED).policy, train(large, grown, SCALED).policy
    assert two.unit == 1024 * one.unit
    assert torch.equal(one.flat, two.flat)


def test_a_clone_fits_large_values():
    author = Policy.fresh(15, 3, (32, 32))
    batch = window(author, lambda observation: 0.0)
    batch = dataclasses.replace(batch, value=1000 * (1 + batch.observations[:, 0]))
    cloned = clone(batch, TrainConfig(scale_returns=True, hidden=(32, 32)))
    assert cloned.policy.unit == 1024
    assert cloned.metrics["held_out_value_error"] < 0.2
