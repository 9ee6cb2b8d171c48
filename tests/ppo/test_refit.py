import dataclasses
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load

from ppo.batch import Batch
from ppo.learner import train
from ppo.policy import Policy, views
from ppo.refit import refit, with_values_of
from schemas.errors import TrainingStopped
from schemas.training import TrainConfig
from tests.ppo.oracle import advantages
from tests.ppo.tables import SPACE, collect, table

CONFIG = TrainConfig(epochs=1, batch_size=256, gamma=0.9, scale_returns=True)


@pytest.fixture(scope="module")
def author():
    return Policy.fresh(15, 3, (32, 32), seed=1)


def window(author, rewards, *, files=4, rows=500, every=50, own_values=True, **columns):
    """Rollouts of one agent; an episode ends every so many rows, and `rewards` says what each row earns."""
    documents = [collect(author, 0.5, rows, seed=file) for file in range(files)]
    for document in documents:
        for number, row in enumerate(document["experiences"]):
            row["reward"], row["done"] = rewards(row), number % every == every - 1
    return Batch.from_arrow(table(documents, noise_scale=0.5, **columns), SPACE, own_values=own_values)


def test_the_critic_learns_the_new_returns_of_any_size_and_the_actor_stays_bit_for_bit(author):
    for size in (0.01, 100):
        batch = window(author, lambda row, size=size: size * (1 + row["state"][0]), every=1)
        fitted = refit(author, batch, CONFIG)
        assert fitted.metrics["explained_variance_before"] < 0.1
        assert fitted.metrics["explained_variance"] > 0.9
        mean, value = fitted.policy(batch.observations)
        assert torch.equal(mean, author(batch.observations)[0])
        assert torch.equal(fitted.policy.parameters.log_std, author.parameters.log_std)
        assert value.mean() == pytest.approx(size, rel=0.1)


def test_ratios_start_at_one_as_if_nothing_had_been_scored_again(author):
    batch = window(author, lambda row: 1 + row["state"][0])
    fitted = refit(author, batch, CONFIG)
    metrics = train(fitted.policy, with_values_of(fitted.policy, batch), CONFIG).metrics
    assert metrics["first_ratio_deviation"] < 1e-4
    assert metrics["sources"][0]["kl"] < 1e-8


def test_a_cut_segment_is_worth_what_the_new_critic_says_follows(author):
    """Reward 1 for ever at discount 0.9 is worth 10, though every segment is cut after 500 rows."""
    batch = window(author, lambda row: 1.0, every=10**9)
    assert not batch.terminated.any()
    fitted = refit(author, batch, CONFIG)
    value = fitted.policy(batch.observations)[1]
    assert value.mean() == pytest.approx(10, rel=0.02)
    assert fitted.metrics["explained_variance"] <= 1


def test_advantages_of_the_batch_are_the_oracles_with_the_new_critics_values(author):
    batch = window(author, lambda row: 3 * row["action"]["steer"])
    own = with_values_of(refit(author, batch, CONFIG).policy, batch)
    value, following = own.value.double().numpy(), own.next_value.double().numpy()
    assert np.isnan(following[own.terminated.numpy()]).all() and np.isfinite(following[~own.terminated.numpy()]).all()
    inside = ~own.segment_end.numpy() & ~own.terminated.numpy()
    assert np.array_equal(following[:-1][inside[:-1]], value[1:][inside[:-1]])
    from ppo.gae import gae

    ours = gae(own.reward, own.value, own.next_value, own.terminated, own.segment_end, 0.9, 0.95)[0]
    oracle = advantages(own.reward, value, following, own.terminated, own.segment_end, 0.9, 0.95)
    assert np.allclose(ours, oracle, atol=1e-4)


def test_a_recorded_next_value_is_of_the_old_reward_and_does_not_count(author):
    recorded = window(author, lambda row: 1.0, own_values=False, next_value=7.0)
    own = window(author, lambda row: 1.0, next_value=7.0)
    assert (len(recorded), len(own)) == (2000, 2000)  # the last row of all ends an episode
    cut = window(author, lambda row: 1.0, every=10**9, next_value=7.0)
    assert len(cut) == 1999 and cut.counts == {"bootstrap_only": 1, "trained": 1999}
    assert (cut.next_row >= 0).all()


def test_a_row_without_a_reward_cuts_its_segment_and_is_not_trained_on(author):
    document = collect(author, 0.5, 100)
    rows = table([document], noise_scale=0.5)
    rewards = rows["reward"].to_pylist()
    rewards[40] = None
    import pyarrow as pa

    rows = rows.set_column(rows.column_names.index("reward"), "reward", pa.array(rewards, pa.float32()))
    batch = Batch.from_arrow(rows, SPACE, own_values=True)
    assert batch.counts == {"bootstrap_only": 1, "no_reward": 1, "trained": 98}
    assert bool(batch.segment_end[39]) and bool(batch.reward.isfinite().all())
    assert int(batch.next_row[39]) >= 98, "what the unscored row saw is still what came after"


def test_the_optimizer_goes_on_for_the_actor_and_forgets_only_the_critics_direction(author):
    batch = window(author, lambda row: 1 + row["state"][0])
    before = train(author, batch, CONFIG).optimizer_state
    fitted = refit(author, batch, CONFIG, before)
    old, new = load(before), load(fitted.optimizer_state)
    critic = views(torch.arange(len(author.flat)), author.sizes, author.actions)
    places = torch.cat([*(trunk[1].flatten() for trunk in (*critic.weights, *critic.biases)),
                        critic.value_weight.flatten(), critic.value_bias])  # fmt: skip
    others = torch.ones(len(author.flat), dtype=torch.bool).index_fill(0, places, False)
    assert torch.equal(old["first"][others], new["first"][others])
    assert torch.equal(old["second"][others], new["second"][others])
    assert not new["first"][places].any() and (new["second"][places] >= old["second"][places]).all()
    own = with_values_of(fitted.policy, batch)
    metrics = train(fitted.policy, own, CONFIG, fitted.optimizer_state).metrics
    assert metrics["explained_variance"] > metrics["explained_variance_before"] - 0.05


def test_the_same_inputs_give_the_same_bits_and_a_reward_that_is_not_finite_stops(author):
    batch = window(author, lambda row: row["state"][0])
    assert torch.equal(refit(author, batch, CONFIG).policy.flat, refit(author, batch, CONFIG).policy.flat)
    broken = dataclasses.replace(batch, reward=torch.full_like(batch.reward, math.inf))
    with pytest.raises(TrainingStopped, match="refit"):
        refit(author, broken, CONFIG)
