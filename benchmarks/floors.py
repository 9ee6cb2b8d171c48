"""What no program gets past on this machine: how fast it multiplies and copies, measured like everything else.

The arithmetic of an update is counted, the rate of products is that of one large product; a roofline (Williams et al.
2009) of two lines. Legend: B rows of a minibatch, O observations, H hidden width, U actions.
"""

import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch

SIZE = {"cpu": 1024, "cuda": 8192}
"""Rows and columns of the large product."""
COPIED = {"cpu": 16_777_216, "cuda": 134_217_728}
"""Numbers of 4 bytes, many more than a cache holds."""
ROUNDS = 5


def products_per_second(device: str) -> float:
    """Floating point operations a second of one large float32 product, on as many threads as torch has."""
    size = SIZE.get(device, SIZE["cpu"])
    left, right = torch.randn(2, size, size, device=device)
    out = torch.empty_like(left)
    return 2 * size**3 / _seconds(lambda: torch.mm(left, right, out=out), device)


def bytes_per_second(device: str) -> float:
    """Bytes read and written in a second by a copy of memory."""
    count = COPIED.get(device, COPIED["cpu"])
    source = torch.zeros(count, device=device)
    target = torch.empty_like(source)
    return 2 * 4 * count / _seconds(lambda: target.copy_(source), device)


def of_update(rows: int, observations: int, hidden: Sequence[int], actions: int) -> int:
    """Operations in products of one forward and backward pass of both trunks and heads; the input has no gradient."""
    widths = [observations, *hidden]
    layers = [2 * 2 * rows * below * above for below, above in pairwise(widths)]
    heads = 2 * rows * widths[-1] * (actions + 1)
    return 3 * (sum(layers) + heads) - layers[0]


def card_seconds(work: Callable[[], object]) -> float:
    """By the card's clock, its cache empty; it is kept busy for a millisecond, so that it waits for no launch."""
    busy = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    begun, done = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    torch.cuda.synchronize()
    for _ in range(4):
        busy.zero_()
    begun.record()
    work()
    done.record()
    torch.cuda.synchronize()
    return float(begun.elapsed_time(done)) / 1e3


def _seconds(work: Callable[[], object], device: str) -> float:
    return min(card_seconds(work) if device == "cuda" else wall_seconds(work) for _ in range(ROUNDS))


def wall_seconds(work: Callable[[], object]) -> float:
    """Until Python goes on."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
