"""Safetensors that are well-formed and not what they say: refused by an error of ours, and nothing large is made."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from ppo.adam import Adam
from ppo.normaliser import Normaliser
from ppo.policy import Policy
from schemas.errors import PolicyRejected, TrainingStopped

NORMALISER = Normaliser.identity(2).seen(torch.ones(3, 2))
POLICY = Policy((2, 3), 1, Policy.fresh(2, 1, (3,)).flat, NORMALISER)
TENSORS = load(POLICY.to_safetensors())


@pytest.mark.parametrize("change", [
    {"actor.0.weight": torch.zeros(3)}, {"actor.0.weight": torch.zeros(0, 2)}, {"log_std": torch.zeros(())},
    {"actor.0.weight": torch.zeros(3, 2, dtype=torch.float64)}, {"actor.0.bias": torch.zeros(3, dtype=torch.int64)},
    {"log_std": torch.tensor([float("nan")])}, {"actor.head.weight": torch.full((1, 3), float("inf"))},
    {"normaliser.mean": torch.zeros(3, dtype=torch.float64)}, {"normaliser.evil": torch.zeros(2)},
    {"normaliser.count": torch.zeros(2, dtype=torch.float64)}, {"return_scale.x": torch.zeros(())},
    {"normaliser.variance": torch.tensor([1.0, -1.0], dtype=torch.float64)}, {"spare": torch.zeros(1)},
    {"actor.0.weight": torch.zeros(100_000, 1), "actor.1.weight": torch.zeros(100_000, 1),
     "actor.1.bias": torch.zeros(1)},
])  # fmt: skip
def test_a_tensor_that_does_not_fit_is_refused(change):
    with pytest.raises(PolicyRejected, match=r"policy.safetensors: .*export the policy again"):
        Policy.from_safetensors(save(TENSORS | change))


@settings(max_examples=200)
@given(st.data())
def test_any_damage_is_refused_or_harmless(data):
    raw = bytearray(POLICY.to_safetensors())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = Policy.from_safetensors(bytes(raw))
    except PolicyRejected:
        return
    assert read.flat.isfinite().all()


def test_an_optimizer_s_state_is_checked_too():
    adam = Adam(torch.zeros(3), 1e-5)
    good = load(adam.to_safetensors(1e-3))
    for change in ({"steps": torch.zeros(2)}, {"learning_rate": torch.zeros(2)}, {"first": torch.zeros(4)}):
        with pytest.raises(TrainingStopped):
            adam.restore(save(good | change))
