"""One step of PPO: the gradient of a minibatch, Adam, and the engine's bounds.

Arrives: minibatches. Leaves: parameters changed in place, and what the network said of the rows before.
No number is waited for, and between two steps only tensors change, so a GPU can record a step once and replay it
(`ppo.recording`). Legend: B rows of a minibatch (with several processes: of this one's share), U actions, P parameters.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ppo import loss
from ppo.adam import Adam
from ppo.gradient import Gradient
from ppo.group import ALONE, Group
from ppo.minibatch import Minibatch
from ppo.policy import Policy, views
from schemas.training import TrainConfig


class Told(NamedTuple):
    """What the network said of a minibatch before the step."""

    log_ratio: Tensor
    """(B,) log pi_theta / pi_anchor."""
    value: Tensor
    """(B,) in the critic's unit."""
    norm: Tensor
    """() of the gradient, of all processes' rows."""


class Step:
    """Trains `flat` (P,) in place; its layout is that of `policy`."""

    def __init__(self, policy: Policy, flat: Tensor, config: TrainConfig, group: Group = ALONE, *, mass: bool) -> None:
        """`mass`: actions at a clamp count by the mass beyond it."""
        self.config, self.group = config, group
        self.adam = Adam(flat, config.adam_eps)
        self.rate = flat.new_tensor(config.learning_rate)
        """() of the next step; the adaptive schedule moves it."""
        self.shared = flat.new_zeros(len(flat) + 1)
        """(P + 1,) what processes make means of, at once: the gradient, and the KL where it rules the step size."""
        self.slope, self.kl = self.shared[:-1], self.shared[-1]
        parameters, slopes = (views(tensor, policy.sizes, policy.actions) for tensor in (flat, self.slope))
        self.log_std = parameters.log_std
        self.gradient = Gradient(parameters, slopes, config, policy.mean, mass=mass)

    def __call__(self, rows: Minibatch, of: int) -> Told:
        """`of`: rows of the minibatch in all processes together."""
        self.adam.begin()
        return self.act(rows, of)

    def reserve(self, rows: int) -> None:
        """Allocates what minibatches of so many rows take; `act` does it too."""
        self.gradient.backprop.reserve(rows)

    @property
    def state(self) -> tuple[Tensor, ...]:
        """Every tensor that `act` changes and the next step reads."""
        return (self.adam.flat, self.adam.first, self.adam.second, self.rate)

    @torch.no_grad()
    def act(self, rows: Minibatch, of: int) -> Told:
        """What a step does to tensors, after `adam.begin`."""
        config = self.config
        log_ratio, value = self.gradient(rows)
        if config.lr_schedule == "adaptive":
            self.kl.copy_(loss.approximate_kl(log_ratio))
        self.group.mean(self.shared, len(log_ratio), of)
        norm = self.adam.apply(self.slope, self.rate, config.max_grad_norm)
        self.log_std.clamp_(config.log_std_min, config.log_std_max)
        if config.lr_schedule == "adaptive":
            _adapt(self.rate, self.kl, config.target_kl or math.inf)
        return Told(log_ratio, value, norm)


def _adapt(rate: Tensor, kl: Tensor, target: float) -> None:
    """rsl_rl's rule: 1.5 times slower above twice the target, faster below half of it; on the device, nothing waits."""
    factor = torch.where(kl > 2 * target, 1 / 1.5, torch.where(kl < 0.5 * target, 1.5, 1.0))
    rate.mul_(factor).clamp_(1e-6, 1e-2)
