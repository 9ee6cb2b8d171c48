"""Generalized advantage estimates over ragged segments, one semantics on every device.

Arrives: flat rows in time order, segments one behind another. Leaves: advantages and returns.
    delta_t = reward_t + gamma next_value_t (1 - terminated_t) - value_t
    advantage_t = delta_t + gamma lambda (1 - segment_end_t) advantage_{t+1}       (Schulman et al. 2016, eq. 16)
The recurrence y_t = d_t + c_t y_{t+1} doubles its reach in each pass: log2(steps) passes of a few operators.
Legend: N rows.
"""

import torch
from torch import Tensor

NEGLIGIBLE = 1e-8
"""Passes end when what they would add is weighted by less, a tenth of what float32 resolves."""


@torch.no_grad()
def gae(
    reward: Tensor,
    value: Tensor,
    next_value: Tensor,
    terminated: Tensor,
    segment_end: Tensor,
    gamma: float,
    lam: float,
) -> tuple[Tensor, Tensor]:
    """-> advantage (N,), return (N,). `next_value` is never read where terminated; it may be NaN there."""
    advantage = torch.where(terminated, reward, torch.add(reward, next_value, alpha=gamma)) - value
    reaches = (~(segment_end | terminated)).to(reward.dtype)  # 1 where the row `reach` ahead is in the same segment
    rows, reach = len(reward), 1
    spare, spare_reaches = torch.empty_like(advantage), torch.empty_like(reaches)
    while reach < rows and (weight := (gamma * lam) ** reach) >= NEGLIGIBLE:
        # The power is taken in double precision: products of a rounded gamma lambda drift over thousands of steps.
        torch.addcmul(advantage[:-reach], reaches[:-reach], advantage[reach:], value=weight, out=spare[:-reach])
        torch.mul(reaches[:-reach], reaches[reach:], out=spare_reaches[:-reach])
        spare[-reach:] = advantage[-reach:]
        spare_reaches[-reach:] = 0
        advantage, spare = spare, advantage
        reaches, spare_reaches = spare_reaches, reaches
        reach *= 2
    return advantage, advantage + value
