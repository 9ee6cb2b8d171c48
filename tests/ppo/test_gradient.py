"""The gradient by hand against autograd over the written objective, in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppo import loss
from ppo.gradient import Gradient
from ppo.minibatch import Minibatch
from ppo.policy import Policy, forward, views
from schemas.training import TrainConfig

OBSERVATIONS, ACTIONS = 5, 3


def minibatch(seed, rows, spread):
    """Rows on both sides of every clip: ratios of e^+-spread, values off by up to 1, some actions at either clamp."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    noise = 0.1 + torch.rand(rows, generator=random, dtype=torch.float64)
    value = normal(rows)
    return Minibatch(
        observations=normal(rows, OBSERVATIONS),
        scaled_actions=normal(rows, ACTIONS) / noise[:, None],
        inverse_noise=noise.reciprocal()[:, None],
        clamped=torch.randint(-1, 2, (rows, ACTIONS), generator=random).double(),
        constant=spread * normal(rows),
        gain=normal(rows),
        returns=value + normal(rows),
        value=value + 0.3 * normal(rows),
    )


def policy(seed, hidden):
    fresh = Policy.fresh(OBSERVATIONS, ACTIONS, hidden, seed=seed)
    flat = (
        fresh.flat.double() + 0.3 * torch.randn(len(fresh.flat), generator=torch.Generator().manual_seed(seed)).double()
    )
    return fresh.sizes, flat


def by_autograd(flat, sizes, rows, config, activation, mass):
    flat = flat.clone().requires_grad_()
    parameters = views(flat, sizes, ACTIONS)
    mean, value = forward(parameters, rows.observations, activation)
    z = (rows.scaled_actions - mean * rows.inverse_noise) * torch.exp(-parameters.log_std)
    log_ratio = rows.constant + loss.summed(z, parameters.log_std, rows.clamped if mass else None)
    policy_loss, _ = loss.policy_loss(log_ratio, rows.gain, config.clip)
    value_loss = loss.value_loss(value, rows.value, rows.returns, config.value_clip)
    total = policy_loss + config.value_coef * value_loss - config.entropy_coef * parameters.log_std.sum()
    (gradient,) = torch.autograd.grad(total, flat)
    return gradient, log_ratio.detach(), value.detach()


@pytest.mark.parametrize("activation", ["tanh", "identity"])
@pytest.mark.parametrize("mass", [True, False])
@pytest.mark.parametrize("value_clip", [0.2, None])
@settings(max_examples=25)  # of each of the eight
@given(
    seed=st.integers(0, 2**31),
    rows=st.integers(1, 40),
    spread=st.sampled_from([0.05, 0.5, 30.0]),
    hidden=st.sampled_from([(8,), (7, 7)]),
)
def test_the_gradient_by_hand_is_autograds(seed, rows, spread, hidden, value_clip, mass, activation):
    config = TrainConfig(value_clip=value_clip, value_coef=0.7, entropy_coef=0.03)
    batch, (sizes, flat) = minibatch(seed, rows, spread), policy(seed, hidden)
    found = torch.full_like(flat, 99.0)
    gradient = Gradient(views(flat, sizes, ACTIONS), views(found, sizes, ACTIONS), config, activation, mass=mass)
    log_ratio, value = gradient(batch)
    wanted, wanted_log_ratio, wanted_value = by_autograd(flat, sizes, batch, config, activation, mass)
    torch.testing.assert_close(log_ratio, wanted_log_ratio, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(value, wanted_value, rtol=1e-12, atol=1e-12)
    assert float((found - wanted).abs().max()) <= 1e-6 * float(wanted.abs().max())
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-9 * float(wanted.abs().max()))


def test_a_row_that_is_not_a_number_is_not_hidden_by_the_clip():
    batch, (sizes, flat) = minibatch(0, 4, 0.1), policy(0, (8,))
    found = torch.zeros_like(flat)
    gradient = Gradient(views(flat, sizes, ACTIONS), views(found, sizes, ACTIONS), TrainConfig(), "tanh", mass=False)
    batch.gain[3] = torch.nan  # log ratio -1.6, inside every cut
    gradient(batch)
    assert found.isnan().any()
