"""Steps that are replayed against steps that are taken, bit for bit."""

import logging

import pytest
import torch

from ppo import learner
from ppo.adam import BETA_2
from ppo.batch import Batch
from ppo.policy import Policy
from ppo.recording import Recorded, cuda_graph
from ppo.step import Step
from schemas.training import TrainConfig
from tests.ppo.tables import SPACE, session, table
from tests.ppo.tape import tape
from tests.ppo.test_gradient import ACTIONS, OBSERVATIONS, minibatch

SIZES = [32, 32, 31, 32, 31, 31, 32, 31, 32, 32]
CONFIGS = [
    TrainConfig(),
    TrainConfig(value_clip=None, entropy_coef=0, max_grad_norm=1e-3),
    TrainConfig(lr_schedule="adaptive", target_kl=0.01),
]


def step(config, *, mass=True, device="cpu", dtype=torch.float32, kind=Step):
    policy = Policy.fresh(OBSERVATIONS, ACTIONS, (16, 16), seed=3)
    return kind(policy, policy.flat.to(device, dtype, copy=True), config, mass=mass)


def minibatches(like):
    for seed, rows in enumerate(SIZES):
        columns = minibatch(seed, rows, spread=0.3)
        yield type(columns)(*(column.to(like) for column in columns))


def walked(take):
    """What each step told; the learning rate falls as in the linear schedule."""
    step, told = getattr(take, "step", take), []
    for at, rows in enumerate(minibatches(step.adam.flat)):
        step.rate.mul_(1 - at / 100)
        told.append(take(rows, len(rows.value)))
    return told


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize(("mass", "dtype"), [(True, torch.float32), (False, torch.float32), (True, torch.float64)])
def test_replayed_steps_are_the_steps_themselves(config, mass, dtype, caplog):
    eager, replayed = step(config, mass=mass, dtype=dtype), Recorded(step(config, mass=mass, dtype=dtype), tape)
    assert all(map(same, walked(eager), walked(replayed)))
    assert same(eager.state, replayed.step.state)
    assert eager.adam.steps == replayed.step.adam.steps == len(SIZES)
    assert {rows: size.proven for rows, size in replayed.sizes.items()} == {31: True, 32: True}
    assert not caplog.records


@pytest.mark.parametrize("config", CONFIGS)
def test_a_step_waits_for_no_number(config):
    """Reading one would be refused by CUDA while it records, and would stop the queue otherwise."""
    one = step(config)
    tape(lambda: one.act(next(minibatches(one.adam.flat)), SIZES[0]))


class Counting(Step):
    """Its bias correction is Python's, and so the recording's for ever."""

    def act(self, rows, of):
        self.adam.second_bias.fill_((1 - BETA_2**self.adam.steps) ** -0.5)
        return super().act(rows, of)


def refused(work):
    raise RuntimeError("no room for a graph")


@pytest.mark.parametrize(
    ("kind", "recorder", "reason"), [(Counting, tape, "gives other bits"), (Step, refused, "no room for a graph")]
)
def test_a_recording_that_does_not_hold_is_left_and_the_log_says_why(kind, recorder, reason, caplog):
    eager, replayed = step(TrainConfig(), kind=kind), Recorded(step(TrainConfig(), kind=kind), recorder)
    with caplog.at_level(logging.WARNING):
        assert all(map(same, walked(eager), walked(replayed)))
    assert same(eager.state, replayed.step.state)
    assert [reason in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.parametrize(
    "switches",
    [
        {"batch_size": 100},
        {"batch_size": 10_000},  # one minibatch an epoch
        {"lr_schedule": "linear", "objective": "plain", "clamped_actions": "density"},
        {"lr_schedule": "adaptive", "target_kl": 0.01, "recompute_advantages": True, "normalise_observations": True},
    ],
)
def test_an_update_that_is_recorded_leaves_the_bits_of_one_that_is_not(switches, author, brief, monkeypatch, caplog):
    config = TrainConfig(**{"epochs": 4, "batch_size": 256} | switches)
    eager = learner.train(author, brief, config)
    played = []

    def recorder(work):
        replay, told = tape(work)
        return lambda: played.append(replay()), told

    monkeypatch.setattr(learner, "recorder_for", lambda device: recorder)
    recorded = learner.train(author, brief, config)
    assert torch.equal(eager.policy.flat, recorded.policy.flat)
    assert eager.optimizer_state == recorded.optimizer_state
    ours, theirs = (dict(one.metrics, seconds=0) for one in (eager, recorded))
    assert ours == theirs
    assert played
    assert not caplog.records


needs_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@needs_a_gpu
@pytest.mark.parametrize("config", CONFIGS)
def test_a_cuda_graph_replays_the_same_bits(config, caplog):
    never = Recorded(step(config, device="cuda"), cuda_graph)
    never.given_up = True  # each step is an eager one, of a copy of the rows
    replayed = Recorded(step(config, device="cuda"), cuda_graph)
    assert all(map(same, walked(never), walked(replayed)))
    assert same(never.step.state, replayed.step.state)
    assert all(size.proven for size in replayed.sizes.values())
    assert not caplog.records


@needs_a_gpu
def test_an_update_on_a_gpu_is_recorded(author, caplog):
    there = Batch.from_arrow(table(session(2), noise_scale=0.2), SPACE, "cuda")
    config = TrainConfig(min_effective_sample_size=0, max_behaviour_kl=None)
    one, other = (learner.train(author, there, config) for _ in range(2))
    assert torch.equal(one.policy.flat, other.policy.flat)
    assert not caplog.records


@needs_a_gpu
def test_what_cannot_be_recorded_leaves_the_stream_and_the_next_steps_alone(monkeypatch):
    monkeypatch.setattr("ppo.recording._unfinished", [])
    stream = torch.cuda.current_stream()
    with pytest.raises(RuntimeError):
        cuda_graph(lambda: torch.ones(1, device="cuda").sum().item())
    assert torch.cuda.current_stream() == stream
    with pytest.raises(RuntimeError, match="an earlier one"):
        cuda_graph(lambda: None)
    assert len(walked(step(TrainConfig(), device="cuda"))) == len(SIZES)
