"""Generalized advantage estimates over ragged segments, one semantics on every device.

Arrives: flat rows in time order, segments one behind another. Leaves: advantages, returns, and the advantages' moments.
    delta_t = reward_t + gamma next_value_t (1 - terminated_t) - value_t
    advantage_t = delta_t + gamma lambda (1 - segment_end_t) advantage_{t+1}       (Schulman et al. 2016, eq. 16)
The recurrence y_t = d_t + c_t y_{t+1} doubles its reach in each pass: log2(steps) passes of a few operators, over
blocks that stay in a core's cache, from the last block to the first. On CUDA a kernel does it (`ppo.gae_kernel`).
Legend: N rows.
"""

import functools
import logging
import math
from collections.abc import Callable

import torch
from torch import Tensor

from ppo.estimate import NEGLIGIBLE, Estimate

BLOCK = 65_536
"""Rows of a block at the most: its buffers take 1 MiB. Smaller blocks pay for calls, larger ones for memory."""

logger = logging.getLogger(__name__)


Kernel = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, float, float], Estimate]


@torch.no_grad()
def gae(
    reward: Tensor,
    value: Tensor,
    next_value: Tensor,
    terminated: Tensor,
    segment_end: Tensor,
    gamma: float,
    lam: float,
) -> Estimate:
    """All (N,). `next_value` is never read where terminated; it may be NaN there."""
    columns = (reward, value, next_value, terminated, segment_end)
    if reward.is_cuda and (kernel := kernel_on(reward.device, reward.dtype)) is not None:
        return kernel(*columns, gamma, lam)
    # Elsewhere a block costs launches and saves nothing.
    return log_step(*columns, gamma, lam, block=BLOCK if reward.device.type == "cpu" else max(1, len(reward)))


def log_step(
    reward: Tensor,
    value: Tensor,
    next_value: Tensor,
    terminated: Tensor,
    segment_end: Tensor,
    gamma: float,
    lam: float,
    block: int,
) -> Estimate:
    """As `gae`, by torch's own operators on any device, over blocks of at most `block` rows."""
    rows, decay = len(reward), gamma * lam
    if not rows:
        return Estimate(reward.clone(), reward.clone(), reward.new_tensor(math.nan), reward.new_tensor(math.nan))
    size = math.ceil(rows / math.ceil(rows / block))  # blocks are alike: a short one makes as many calls
    reaches = _reaches(size, decay)
    advantage, returns = torch.empty_like(reward), torch.empty_like(reward)
    buffers = reward.new_zeros(4, size + max(reaches, default=0))
    stops = range(rows, 0, -size)
    lengths = reward.new_tensor([min(size, stop) for stop in stops])
    mean, square = reward.new_zeros(2, len(stops))
    for at, stop in enumerate(stops):
        here = slice(max(0, stop - size), stop)
        length = stop - here.start
        if length < size:
            buffers.zero_()
        delta, same = buffers[0, :length], buffers[2, :length]
        torch.add(reward[here], next_value[here], alpha=gamma, out=delta)
        torch.where(terminated[here], reward[here], delta, out=delta).sub_(value[here])
        same.copy_(~(segment_end[here] | terminated[here]))  # 1 where the next row is in the same segment
        if stop < rows:  # the block behind begins with the future of this one's last row
            delta[-1:].addcmul_(same[-1:], advantage[stop : stop + 1], value=decay)
        found, spare = _doubled(buffers, length, reaches)
        advantage[here] = found
        torch.add(found, value[here], out=returns[here])
        mean[at] = found.mean()
        square[at] = torch.sub(found, mean[at], out=spare).square_().sum()
    total = (lengths * mean).sum() / rows
    square += lengths * (mean - total).square()  # Chan et al. 1979, eq. 2.1, for all blocks at once
    return Estimate(advantage, returns, total, (square.sum() / rows).sqrt())


def _reaches(rows: int, decay: float) -> dict[int, float]:
    """How far each pass reaches -> what a row so far ahead weighs; the farthest is below `rows`, and not negligible.

    The power is taken in double precision: products of a rounded gamma lambda drift over thousands of steps.
    """
    reaches, reach = {}, 1
    while reach < rows and (weight := decay**reach) >= NEGLIGIBLE:
        reaches[reach] = weight
        reach *= 2
    return reaches


def _doubled(buffers: Tensor, length: int, reaches: dict[int, float]) -> tuple[Tensor, Tensor]:
    """Rows of `buffers`: deltas, spare, 0/1 masks, spare, all 0 from `length` on -> y (length,), spare (length,)."""
    y, spare, same, spare_same = buffers
    for reach, weight in reaches.items():
        if reach > 1:  # 1 where the row `reach` ahead is in the same segment: half the way, and half the way from there
            half = reach // 2
            torch.mul(same[:length], same[half : half + length], out=spare_same[:length])
            same, spare_same = spare_same, same
        torch.addcmul(y[:length], same[:length], y[reach : reach + length], value=weight, out=spare[:length])
        y, spare = spare, y
    return y[:length], spare[:length]


@functools.cache
def kernel_on(device: torch.device, dtype: torch.dtype) -> Kernel | None:
    """The CUDA kernel if it can run here and has been seen to be right; else None, and the reason in the log, once."""
    if dtype != torch.float32:
        reason = f"it is for float32, these are {dtype}"
    else:
        try:
            from ppo.gae_kernel import gae_kernel
        except ImportError as error:
            reason = f"Triton is not there ({error}); pip install triton"
        else:
            if (found := disproof(gae_kernel, device)) is None:
                return gae_kernel
            reason = found
    logger.warning("advantages: not by the CUDA kernel but by the slower log-step scan: %s", reason)
    return None


def disproof(kernel: Kernel, device: torch.device | str, rows: int = 9_000_001) -> str | None:
    """Why `kernel` is not to be trusted on this device: what it raised, or where it left the log-step scan.

    So many rows, because each of its steps then has more to do than one program does at a time.
    """
    generator = torch.Generator(device).manual_seed(7)
    reward, value, next_value = torch.randn(3, rows, generator=generator, device=device)
    end = torch.rand(rows, generator=generator, device=device) < 1 / 4000  # many a chunk holds none
    terminated = end & (reward > 0)
    columns = (reward, value, next_value.masked_fill(terminated, math.nan), terminated, end)
    for gamma, lam in ((0.99, 0.95), (1.0, 1.0)):
        wanted = log_step(*columns, gamma, lam, block=rows)
        try:
            found = kernel(*columns, gamma, lam)
        except Exception as error:  # of a compiler that is missing, a card that is too old; all else is the same to us
            return f"it fails here ({type(error).__name__}: {error})"
        scale = wanted.advantage.abs().max().clamp(min=1)
        for name, one, other in zip(Estimate._fields, wanted, found, strict=True):
            off = float((one - other).abs().max() / scale)
            if not off <= 1e-5:
                return f"{name} at gamma {gamma}, lambda {lam} is off by {off:.1e}"
    return None
