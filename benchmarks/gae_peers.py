"""Others' advantages: each a call that computes them, or None where its library is not installed."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor


def loop(columns: Sequence[list[float]], gamma: float, lam: float) -> list[float]:
    """Backwards over the rows of the columns of `ppo.gae`, as users' scripts have it."""
    reward, value, next_value, terminated, end = columns
    advantage, carry = [0.0] * len(reward), 0.0
    for t in range(len(reward) - 1, -1, -1):
        delta = reward[t] + (0.0 if terminated[t] else gamma * next_value[t]) - value[t]
        carry = delta + (0.0 if end[t] else gamma * lam * carry)
        advantage[t] = carry
    return advantage


def torchrl(columns: Sequence[Tensor], gamma: float, lam: float) -> Callable[[], object] | None:
    """TorchRL's vectorised estimate of (agents, steps) columns in the order of `ppo.gae`."""
    try:
        from torchrl.objectives.value.functional import vec_generalized_advantage_estimate
    except ImportError:
        return None
    reward, value, next_value, terminated, end = (column[..., None].contiguous() for column in columns)
    next_value = next_value.nan_to_num()
    return partial(vec_generalized_advantage_estimate, gamma, lam, value, next_value, reward, end, terminated)


def rl_triton(columns: Sequence[Tensor], gamma: float, lam: float) -> Callable[[], object] | None:
    """Of rl-triton (arXiv 2608.17641), whose flags are float32, for agents that are cut only where their rows end."""
    try:
        from rl_triton import compute_gae
    except ImportError:
        return None
    reward, value, next_value, terminated, _ = columns
    last = next_value[:, -1].contiguous()
    return partial(compute_gae, reward, value, terminated.to(torch.float32), gamma=gamma, lambda_=lam, last_value=last)
