"""The objective: PPO-clip, decoupled from the age of the data.

Arrives: what the network says about a minibatch, and what was recorded. Leaves: a loss and its diagnostics.
Three policies: behaviour (collected the row), proximal (at the start of the update), theta (being trained).
    L = -E[ pi_prox/pi_beh  min( r A, clip(r, 1 - eps, 1 + eps) A ) ],  r = pi_theta / pi_prox
(Hilton et al. 2021, eq. 3; with fresh data the weight is 1 and this is Schulman et al. 2017, eq. 7.)
Legend: N rows, U actions.
"""

import math

import torch
from torch import Tensor

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


LOG_RATIO_MAX = 20.0
"""Nats; beyond it a ratio counts as this much."""


def log_prob(
    mean: Tensor, log_std: Tensor, actions: Tensor, noise_scale: Tensor, clamped: Tensor | None = None
) -> Tensor:
    """(N, U), (U,), (N, U), (N,) -> (N,) log density (nats) of a normal whose deviation is exp(log_std) * noise.

    With `clamped` (N, U), 1 at a lower and -1 at an upper clamp, else 0, actions there count by the mass beyond.
    """
    z = (actions - mean) * torch.exp(-log_std) / noise_scale.unsqueeze(1)
    constant = noise_scale.log() + HALF_LOG_2PI
    if clamped is None:
        return -0.5 * z.square().sum(1) - log_std.sum() - log_std.shape[0] * constant
    return summed(z, log_std, clamped) - (clamped == 0).sum(1) * constant


def summed(z: Tensor, log_std: Tensor, clamped: Tensor | None) -> Tensor:
    """(N, U) -> (N,) log-probs without their constants: log densities inside, log mass beyond a clamp."""
    if clamped is None:
        return -0.5 * z.square().sum(1) - log_std.sum()
    inside = -0.5 * z.square() - log_std
    return torch.where(clamped == 0, inside, torch.special.log_ndtr(clamped * z)).sum(1)


def entropy(log_std: Tensor) -> Tensor:
    """Of the policy at noise 1 (nats); another noise only adds a constant."""
    return log_std.sum() + log_std.shape[0] * (HALF_LOG_2PI + 0.5)


def policy_loss(log_ratio: Tensor, weighted_advantage: Tensor, clip: float) -> tuple[Tensor, Tensor]:
    """(..., N) log pi_theta / pi_prox and weight * advantage -> loss (...), ratio (..., N). The weight is positive, so
    it may stand inside the minimum.
    """  # noqa: D205
    ratio = log_ratio.clamp(-LOG_RATIO_MAX, LOG_RATIO_MAX).exp()  # a narrow policy leaves float32's range in one step
    clipped = ratio.clamp(1 - clip, 1 + clip)
    return -torch.minimum(ratio * weighted_advantage, clipped * weighted_advantage).mean(-1), ratio


def value_loss(value: Tensor, recorded: Tensor, returns: Tensor, clip: float | None) -> Tensor:
    """Half the squared error, (..., N) -> (...); clipped: the worse of the prediction and one near the recorded."""
    error = (value - returns).square()
    if clip is not None:
        near = recorded + (value - recorded).clamp(-clip, clip)
        error = torch.maximum(error, (near - returns).square())
    return 0.5 * error.mean(-1)


def behaviour_weight(log_weight: Tensor, cap: float) -> Tensor:
    """pi_prox / pi_beh (N,) from its logarithm, at most `cap`."""
    return log_weight.clamp(max=math.log(cap)).exp()


def approximate_kl(log_ratio: Tensor) -> Tensor:
    """KL(old || new) from samples of old, (..., N) -> (...) nats: r - 1 - log r (Schulman 2020, "k3")."""
    return (torch.expm1(log_ratio.clamp(max=LOG_RATIO_MAX)) - log_ratio).mean(-1)


def clip_fraction(ratio: Tensor, clip: float) -> Tensor:
    """Share of ratios (..., N) -> (...) outside 1 +- clip."""
    return ((ratio - 1).abs() > clip).float().mean(-1)


def explained_variance(predicted: Tensor, returns: Tensor) -> Tensor:
    """1 - Var[return - value] / Var[return]: 1 is perfect, 0 as good as a constant; NaN where returns are constant."""
    return 1 - (returns - predicted).var(correction=0) / returns.var(correction=0)


def effective_sample_size(log_weight: Tensor) -> Tensor:
    """(sum w)^2 / sum w^2 as a share of the rows: 1 for equal weights, 1/N where one row rules.

    Kong 1992, "A note on importance sampling using standardized weights".
    """
    top = torch.logsumexp(log_weight, 0) * 2 - torch.logsumexp(log_weight * 2, 0)
    return top.exp() / len(log_weight)
