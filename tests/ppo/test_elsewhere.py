"""What a GPU would refuse, on a device that the CPU plays: nothing mixes, nothing waits, and the bits are the CPU's."""

import pytest
import torch

from ppo.clone import clone
from ppo.learner import train
from ppo.parity import golden_inputs
from ppo.refit import refit, with_values_of
from schemas.training import TrainConfig
from tests.ppo.elsewhere import Elsewhere, There, moved

FAST = TrainConfig(epochs=2, batch_size=256, clone_epochs=1, clone_updates=5)
EVERYTHING = {
    "normalise_observations": True, "scale_returns": True, "recompute_advantages": True,
    "lr_schedule": "adaptive", "target_kl": 0.01, "value_clip": None,
}  # fmt: skip
ENGINES = {"objective": "plain", "clamped_actions": "density", "lr_schedule": "linear"}


@pytest.mark.parametrize("switches", [{}, EVERYTHING, ENGINES, {"advantage_normalisation": "batch"}])
def test_an_update_leaves_the_same_bits(author, brief, switches):
    config = FAST.model_copy(update=switches)
    here = train(author, brief, config, collectors={1: author})
    with Elsewhere():
        there = train(author, moved(brief), config, collectors={1: author})
    assert type(there.policy.flat) is torch.Tensor
    assert torch.equal(here.policy.flat, there.policy.flat)
    assert here.optimizer_state == there.optimizer_state


def test_a_clone_and_a_critic_that_is_fitted_leave_the_same_bits(author, brief):
    cloned, fitted = clone(brief, FAST).policy, refit(author, brief, FAST).policy
    with Elsewhere():
        assert torch.equal(clone(moved(brief), FAST).policy.flat, cloned.flat)
        assert torch.equal(refit(author, moved(brief), FAST).policy.flat, fitted.flat)
        assert torch.equal(with_values_of(fitted, moved(brief)).value.here, with_values_of(fitted, brief).value)


def test_rows_have_their_hashes_and_golden_inputs_on_every_device(brief):
    with Elsewhere():
        assert moved(brief).hashes() == brief.hashes()
        assert (golden_inputs(moved(brief)) == golden_inputs(brief)).all()


def test_nobody_waits_for_a_step(author, brief):
    """More and smaller minibatches read no more numbers, and send none."""
    crossings = []
    for batch_size in (512, 32):
        with Elsewhere() as device:
            train(author, moved(brief), FAST.model_copy(update={"batch_size": batch_size}))
        crossings.append(device.crossings)
    assert crossings[0] == crossings[1] > 0


def test_a_tensor_of_the_cpu_is_refused_and_a_number_is_not():
    with Elsewhere():
        assert (There(torch.ones(2)) * torch.tensor(2.0)).tolist() == [2, 2]
        with pytest.raises(RuntimeError, match="same device"):
            There(torch.ones(2)) * torch.ones(2)
