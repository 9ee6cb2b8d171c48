"""Rows of one step, and what is computed for all minibatches of an epoch at once.

Arrives: columns in an epoch's order. Leaves: minibatches, normalised columns, figures. A dozen small operators in every
step would cost more than the step. Legend: N rows, B rows of a minibatch, O observations, U actions.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ppo import loss
from schemas.training import TrainConfig


class Minibatch(NamedTuple):
    """Tensors of one epoch's order, or a cut of them; every row is trained on."""

    observations: Tensor
    """(B, O) normalised."""
    scaled_actions: Tensor
    """(B, U) actions / noise: with the scaled mean, z needs one division less."""
    inverse_noise: Tensor
    """(B, 1)"""
    clamped: Tensor
    """(B, U) as in the batch."""
    constant: Tensor
    """(B,) what log pi_theta - log pi_anchor has besides the weights."""
    gain: Tensor
    """(B,) weight * advantage: pi_prox / pi_beh, capped (1 for the plain objective), and the advantage, normalised."""
    returns: Tensor
    """(B,) as value in the critic's unit."""
    value: Tensor
    """(B,) as recorded."""


def figures(rows: Minibatch, log_ratio: Tensor, value: Tensor, log_std: Tensor, config: TrainConfig) -> Tensor:
    """What each minibatch said before its step, (minibatches, 5): loss, its two parts, KL, clip fraction.

    `rows`, log_ratio and value (N,) are of a whole epoch, log_std is (minibatches, U).
    """
    parts = []
    columns = (log_ratio, rows.gain, value, rows.value, rows.returns)
    alike = zip(*(in_minibatches(column, len(log_std)) for column in columns), strict=True)
    for ratio, gain, told, recorded, returns in alike:
        policy_loss, relative = loss.policy_loss(ratio, gain, config.clip)
        value_loss = loss.value_loss(told, recorded, returns, config.value_clip)
        kl, clipped = loss.approximate_kl(ratio), loss.clip_fraction(relative, config.clip)
        total = policy_loss + config.value_coef * value_loss
        parts.append(torch.stack([total, policy_loss, value_loss, kl, clipped], 1))
    table = torch.cat(parts)
    table[:, 0] -= config.entropy_coef * log_std.sum(1)
    return table


def in_minibatches(column: Tensor, count: int) -> list[Tensor]:
    """(N,) -> its minibatches as rows of at most two matrices, in order: `tensor_split` makes the first ones longer."""
    rows, longer = divmod(len(column), count)
    cut = longer * (rows + 1)
    parts = [column[:cut].view(longer, rows + 1), column[cut:].view(count - longer, rows)]
    return [part for part in parts if len(part)]


def standardised(advantage: Tensor, moments: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Each row of (..., B) with mean 0 and deviation 1; `moments` are deviation and mean where they are known."""
    deviation, mean = moments or torch.std_mean(advantage, -1, correction=0, keepdim=True)
    return (advantage - mean) / (deviation + 1e-8)
