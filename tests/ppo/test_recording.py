"""Steps that are replayed against steps that are taken, bit for bit."""

import logging

import pytest
import torch

from ppo.policy import Policy
from ppo.recording import Recorded, cuda_graph
from ppo.step import Step
from schemas.training import TrainConfig
from tests.ppo.tape import tape
from tests.ppo.test_gradient import ACTIONS, OBSERVATIONS, minibatch

SIZES = [32, 32, 31, 32, 31, 31, 32, 31, 32, 32]


def step(config, *, mass=True, device="cpu"):
    policy = Policy.fresh(OBSERVATIONS, ACTIONS, (16, 16), seed=3)
    return Step(policy, policy.flat.to(device, copy=True), config, mass=mass)


def minibatches(device="cpu"):
    for seed, rows in enumerate(SIZES):
        columns = minibatch(seed, rows, spread=0.3)
        yield type(columns)(*(column.float().to(device) for column in columns))


def walked(take, device="cpu"):
    """What each step told; the learning rate falls as in the linear schedule."""
    step, told = getattr(take, "step", take), []
    for at, rows in enumerate(minibatches(device)):
        step.rate.mul_(1 - at / 100)
        told.append(take(rows, len(rows.value)))
    return told


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


CONFIGS = [
    TrainConfig(),
    TrainConfig(value_clip=None, entropy_coef=0, max_grad_norm=1e-3),
    TrainConfig(lr_schedule="adaptive", target_kl=0.01),
]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("mass", [True, False])
def test_replayed_steps_are_the_steps_themselves(config, mass, caplog):
    eager, replayed = step(config, mass=mass), Recorded(step(config, mass=mass), tape)
    for one, other in zip(walked(eager), walked(replayed), strict=True):
        assert same(one, other)
    assert same(eager.state, replayed.step.state)
    assert eager.adam.steps == replayed.step.adam.steps == len(SIZES)
    assert sorted(replayed.recordings) == [31, 32]
    assert all(replayed.recordings.values())
    assert not caplog.records


def test_a_step_waits_for_no_number():
    """Reading one would be refused by CUDA while it records, and would stop the queue otherwise."""
    for config in CONFIGS:
        one = step(config)
        tape(lambda one=one: one(next(minibatches()), SIZES[0]))


def stale(work):
    """Replays what was told at the recording, as with a number of Python's that changes from step to step."""
    told = work()
    return lambda: None, told


def refused(work):
    raise RuntimeError("no room for a graph")


@pytest.mark.parametrize(("recorder", "reason"), [(stale, "gives other bits"), (refused, "no room for a graph")])
def test_a_recording_that_does_not_hold_is_left_and_the_log_says_why(recorder, reason, caplog):
    eager, replayed = step(TrainConfig()), Recorded(step(TrainConfig()), recorder)
    with caplog.at_level(logging.WARNING):
        assert all(map(same, walked(eager), walked(replayed)))
    assert same(eager.state, replayed.step.state)
    assert [reason in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("config", CONFIGS)
def test_a_cuda_graph_replays_the_same_bits(config, caplog):
    eager, replayed = step(config, device="cuda"), Recorded(step(config, device="cuda"), cuda_graph)
    assert all(map(same, walked(eager, "cuda"), walked(replayed, "cuda")))
    assert same(eager.state, replayed.step.state)
    assert all(replayed.recordings.values())
    assert not caplog.records
