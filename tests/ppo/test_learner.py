import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ppo import loss
from ppo.adam import Adam
from ppo.batch import Batch
from ppo.clone import clone
from ppo.learner import permutation, start, train
from ppo.policy import Policy
from schemas.errors import TrainingStopped
from schemas.training import NAMED, TrainConfig
from tests.ppo.tables import SPACE, collect, session, table

FAST = TrainConfig(epochs=1, batch_size=256)
UNGATED = TrainConfig(epochs=1, batch_size=256, min_effective_sample_size=0, max_behaviour_kl=None)


@pytest.mark.parametrize("config", [TrainConfig(epochs=1), TrainConfig(epochs=1, normalise_observations=True)])
def test_fresh_data_start_with_ratio_one(author, batch, config):
    metrics = train(author, batch, config).metrics
    assert metrics["first_ratio_deviation"] < 1e-3
    assert abs(metrics["first_ratio_mean"] - 1) < 1e-5
    assert metrics["sources"][0]["effective_sample_size"] == pytest.approx(1, abs=1e-5)
    assert sum(metrics["counts"].values()) == 5 * 2048


def test_the_noise_left_out_would_start_far_from_one(author, batch):
    silent = dataclasses.replace(batch, noise_scale=torch.ones_like(batch.noise_scale))
    assert train(author, silent, UNGATED).metrics["first_ratio_deviation"] > 0.5


def test_the_same_inputs_give_the_same_bits(author, batch):
    before = author.flat.clone()
    one, two = train(author, batch, FAST), train(author, batch, FAST)
    assert torch.equal(one.policy.flat, two.policy.flat)
    assert one.optimizer_state == two.optimizer_state
    assert torch.equal(author.flat, before)
    assert not torch.equal(one.policy.flat, before)


def test_the_order_is_a_function_of_seed_and_epoch():
    assert torch.equal(permutation(100, 3, 2), permutation(100, 3, 2))
    orders = {tuple(permutation(100, seed, epoch).tolist()) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


@pytest.mark.parametrize("gated", [False, True])
def test_advantages_normalised_over_the_batch_are_those_of_a_minibatch_that_holds_all_kept_rows(author, batch, gated):
    far = torch.arange(len(batch)) % 4 == 0
    if gated:  # rows of another policy, far away, with rewards that would move the moments
        strange = torch.where(far, batch.log_prob + 5 * batch.observations[: len(batch), 0], batch.log_prob)
        reward = torch.where(far, 100 * batch.reward, batch.reward)
        batch = dataclasses.replace(batch, version=far.long() + 1, log_prob=strange, reward=reward)
    one, two = (
        train(author, batch, TrainConfig(epochs=1, batch_size=len(batch), advantage_normalisation=over, gae_lambda=0))
        for over in ("batch", "minibatch")
    )
    assert one.metrics["rows_trained"] == (int((~far).sum()) if gated else len(batch))
    assert one.metrics["epochs"][0]["grad_norm"] == pytest.approx(two.metrics["epochs"][0]["grad_norm"], rel=1e-4)
    torch.testing.assert_close(one.policy.flat, two.policy.flat, rtol=0, atol=1e-6)


def test_the_actor_learns_what_pays(author):
    """Reward is steer: the mean of steer must rise."""
    rollout = collect(author, 0.5, 2000)
    for row in rollout["experiences"]:
        row["reward"], row["value"], row["done"] = row["action"]["steer"], 0.0, True
    window = Batch.from_arrow(table([rollout], noise_scale=0.5), SPACE)
    trained = train(author, window, TrainConfig()).policy
    states = window.observations
    assert trained(states)[0][:, 0].mean() > author(states)[0][:, 0].mean() + 0.02


def test_the_critic_learns_the_return(author, batch):
    config = TrainConfig(value_clip=None, scale_returns=True, recompute_advantages=True)
    metrics = train(author, batch, config).metrics
    assert metrics["explained_variance"] > metrics["explained_variance_before"] + 0.02


def test_a_loss_that_is_not_finite_stops_with_addresses(author, batch):
    reward = batch.reward.clone()
    reward[100] = math.nan
    with pytest.raises(TrainingStopped, match=r"rollout_\d: experiences\[\d+\]"):
        train(author, dataclasses.replace(batch, reward=reward), FAST)


def test_an_interrupt_leaves_nothing_half_done(author, batch):
    before = author.flat.clone()

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(author, batch, FAST, progress=interrupt)
    assert torch.equal(author.flat, before)


def test_a_source_far_from_the_start_is_left_out_and_a_window_of_them_refused(author, batch):
    version = batch.version.clone()
    version[:5000] = 7
    log_prob = batch.log_prob.clone()
    log_prob[:5000] += 5 * torch.randn(5000, generator=torch.Generator().manual_seed(0))
    metrics = train(author, dataclasses.replace(batch, version=version, log_prob=log_prob), FAST).metrics
    assert [source["version"] for source in metrics["sources"] if source["left_out"]] == [7]
    assert metrics["rows_trained"] == len(batch) - 5000
    with pytest.raises(TrainingStopped, match="every source version is too far"):
        train(Policy.fresh(15, 3), batch, FAST)


def test_target_kl_ends_early_and_schedules_move_the_rate(author, batch):
    early = train(author, batch, TrainConfig(target_kl=1e-5, batch_size=256)).metrics
    assert early["stopped_early"] and len(early["epochs"]) == 1
    linear = train(author, batch, FAST.model_copy(update={"lr_schedule": "linear"})).metrics
    assert 0 < linear["learning_rate"] < 3e-4 / 20
    adaptive = TrainConfig(epochs=1, batch_size=256, lr_schedule="adaptive", target_kl=1e-6)
    assert train(author, batch, adaptive).metrics["learning_rate"] < 3e-4


def test_the_optimizer_goes_on_where_it_stopped(author, batch):
    first = train(author, batch, FAST)
    warm = train(first.policy, batch, FAST, first.optimizer_state).policy.flat
    assert not torch.equal(warm, train(first.policy, batch, FAST).policy.flat)
    with pytest.raises(TrainingStopped, match="optimizer state"):
        train(Policy.fresh(15, 3, (8,)), batch, UNGATED, first.optimizer_state)
    with pytest.raises(TrainingStopped, match="optimizer state"):
        train(author, batch, FAST, b"not safetensors")


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.1, 10))
def test_adam_agrees_with_torchs(seed, norm):
    generator = torch.Generator().manual_seed(seed)
    flat = torch.randn(50, generator=generator)
    peer = flat.clone().requires_grad_()
    ours, theirs = Adam(flat, 1e-5), torch.optim.Adam([peer], lr=1e-2, eps=1e-5)
    for _ in range(5):
        gradient = torch.randn(50, generator=generator)
        peer.grad = gradient.clone()
        torch.nn.utils.clip_grad_norm_([peer], norm)
        theirs.step()
        ours.step(gradient, torch.tensor(1e-2), norm)
    torch.testing.assert_close(flat, peer.detach(), rtol=1e-4, atol=1e-5)


def test_moving_the_normaliser_keeps_the_function(author, batch):
    moved = start(author, batch, TrainConfig(normalise_observations=True))
    states = batch.observations[:100]
    torch.testing.assert_close(moved(states)[0], author(states)[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(moved(states)[1], author(states)[1], rtol=1e-4, atol=1e-5)
    assert moved.normaliser(states).std(dim=0).max() < 3


def test_the_clipped_objective_in_the_head():
    log_ratio = torch.tensor([1.5, 0.5, 1.5, 0.5]).log()
    total, _ = loss.policy_loss(log_ratio, torch.tensor([1.0, 1.0, -1.0, -1.0]), 0.2)
    # min(1.5, 1.2) + min(.5, .8) + min(-1.5, -1.2) + min(-.5, -.8) = 1.2 + .5 - 1.5 - .8
    assert float(total) == pytest.approx(-(1.2 + 0.5 - 1.5 - 0.8) / 4)


def test_weights_are_capped_and_count_as_fewer_rows():
    weight = loss.behaviour_weight(torch.tensor([0.0, math.log(1.5), 9.0]), 2.0)
    assert weight.tolist() == pytest.approx([1.0, 1.5, 2.0])
    assert float(loss.effective_sample_size(torch.zeros(8))) == pytest.approx(1)
    assert float(loss.effective_sample_size(torch.tensor([0.0] * 7 + [50.0]))) == pytest.approx(1 / 8)


def test_the_value_is_clipped_around_what_was_recorded():
    value, recorded, returns = torch.tensor([1.0]), torch.tensor([0.0]), torch.tensor([1.0])
    assert float(loss.value_loss(value, recorded, returns, None)) == 0
    assert float(loss.value_loss(value, recorded, returns, 0.2)) == pytest.approx(0.5 * 0.8**2)


def test_a_clone_starts_near_the_recorded_policy():
    window = table(session(), policy_version=None)
    batch = Batch.from_arrow(window, SPACE)
    cloned = clone(batch, TrainConfig())
    assert cloned.metrics["held_out_effective_sample_size"] > 0.7
    assert 0.8 < cloned.metrics["held_out_ratio_median"] < 1.25
    assert cloned.metrics["held_out_value_error"] < 0.2
    metrics = train(cloned.policy, batch, FAST).metrics
    assert metrics["sources"][0]["version"] is None
    assert math.isfinite(metrics["first_ratio_deviation"])


def test_every_named_run_trains(author, batch):
    for run in NAMED.values():
        config = run().model_copy(update={"epochs": 1, "batch_size": 1024})
        assert math.isfinite(train(author, batch, config).metrics["kl"])


@pytest.mark.parametrize("fields", [
    {"gamma": 1.1}, {"learning_rate": 0}, {"learning_rate": math.nan}, {"epochs": 0}, {"hidden": ()}, 
    {"log_std_max": 3},
    {"initial_std": 3}, {"mean": "relu"}, {"objective": "surrogate"}, {"noise": "unknown"},
    {"log_std_min": 0.5, "log_std_max": 0.1}, {"lr_schedule": "adaptive"}, {"unknown": 1}, {"device": "tpu"},
])  # fmt: skip
def test_settings_out_of_range_are_refused(fields):
    with pytest.raises(ValidationError):
        TrainConfig(**fields)
