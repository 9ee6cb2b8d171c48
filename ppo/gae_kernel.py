"""Generalized advantage estimates on CUDA, parallel over time: few long agents are as fast as many short ones.

Arrives: columns as in `ppo.gae`, float32 and bool, on one device. Leaves: an `Estimate`.
Rows are numbered from the newest: y_i = d_i + c_i y_{i-1} is then a forward scan, of rows that are turned round once
they are loaded (Triton's reverse scan is wrong where the order of factors matters: triton-lang/triton 4362). Steps:
    1. each chunk scans itself; rows that no later chunk can reach are done, with their share of the moments
    2. only if a whole chunk can be reached through: a scan of the chunks' ends gives what goes into each next one
    3. rows before the first segment end of a chunk, as far as (gamma lambda)^k is not negligible, get what comes in
then the chunks' moments are joined (Chan et al. 1979, eq. 2.1). The order of all sums is fixed, there are no atomics
and no waiting between programs: same rows, same bits. Without a GPU the same source runs in Triton's interpreter.

Memory: 14 bytes of a row are read and 8 written; step 3 moves 16 more for a row that it reaches, 300 of 1024 at gamma
0.99 and lambda 0.95. A card that moves B bytes a second does B / 26.7 rows at the most: at 4.8 TB/s 180 G rows/s, or
0.047 ms for 16 x 524,288. Legend: N rows, C rows of a chunk, P chunks.
"""

import math

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from ppo.estimate import NEGLIGIBLE, Estimate

CHUNK = 1024
"""Rows that one program scans; a power of two, at most 16,384."""
RUN = 4
"""Rows that one thread reads, scans and writes at once; a power of two."""
WARPS = 4
LANES = 1024
"""Chunks that a program takes at a time where one scans all chunks' ends; a power of two, at least 2."""


def launches(chunk: int = CHUNK, lanes: int = LANES) -> dict[str, dict[str, int]]:
    """Constants and warps of each kernel, by its name."""
    return {
        "_scan_chunks": {"CHUNK": chunk, "RUN": min(RUN, chunk // 2), "num_warps": WARPS},
        "_scan_ends": {"CHUNK": chunk, "LANES": lanes, "num_warps": 2 * WARPS},
        # Rows that are reached: 300 at gamma 0.99 and lambda 0.95.
        "_carry_in": {"CHUNK": chunk, "LANES": lanes // 2, "num_warps": WARPS},
        # A single program waits for memory less often where it takes more at a time.
        "_join_moments": {"LANES": 8 * lanes, "num_warps": 8 * WARPS},
    }


@torch.no_grad()
def gae_kernel(
    reward: Tensor,
    value: Tensor,
    next_value: Tensor,
    terminated: Tensor,
    segment_end: Tensor,
    gamma: float,
    lam: float,
    chunk: int = CHUNK,
    lanes: int = LANES,
) -> Estimate:
    """All (N,), for N >= 0."""
    rows, decay = len(reward), gamma * lam
    advantage, returns = torch.empty_like(reward), torch.empty_like(reward)
    if not rows:
        return Estimate(advantage, returns, reward.new_tensor(math.nan), reward.new_tensor(math.nan))
    chunks, moments = triton.cdiv(rows, chunk), reward.new_empty(2)
    # Each a tensor of its own: a cut of one may lie where a kernel is compiled anew for its alignment.
    ends, means, squares = (reward.new_empty(chunks) for _ in range(3))
    reached, counts = (torch.empty(chunks, dtype=torch.int32, device=reward.device) for _ in range(2))
    floor, ulp, share = _dithered(decay)
    reach, how = _reach(decay, chunk), launches(chunk, lanes)
    columns = [column.contiguous() for column in (reward, value, next_value, terminated, segment_end)]
    with torch.cuda.device_of(reward):
        _scan_chunks[(chunks,)](
            *columns, advantage, returns, ends, reached, counts, means, squares,
            rows, gamma, floor, ulp, share, reach, **how["_scan_chunks"],
        )  # fmt: skip
        if reach == chunk:
            _scan_ends[(1,)](ends, reached, chunks, decay**chunk, **how["_scan_ends"])
        if chunks > 1 and reach:
            _carry_in[(chunks - 1,)](
                columns[1], advantage, returns, ends, reached, counts, means, squares,
                math.log2(decay), **how["_carry_in"],
            )  # fmt: skip
        _join_moments[(1,)](counts, means, squares, moments, rows, chunks, **how["_join_moments"])
    return Estimate(advantage, returns, moments[0], moments[1])


def _dithered(decay: float) -> tuple[float, float, int]:
    """The float32 at or below, the distance to the next, and how many of 65,536 factors are the next.

    Products of one rounded factor drift by its error in each step; of two that take turns they do not.
    """
    nearest = np.float32(decay)
    floor = nearest if nearest <= decay else np.nextafter(nearest, np.float32(0))
    ulp = float(np.nextafter(floor, np.float32(np.inf))) - float(floor)
    return float(floor), ulp, round((decay - float(floor)) / ulp * 65_536)


def _reach(decay: float, chunk: int) -> int:
    """How many rows back a chunk's end counts, within the next chunk."""
    if decay >= 1:
        return chunk
    return min(chunk, int(math.log(NEGLIGIBLE) / math.log(decay))) if decay > 0 else 0


@triton.jit
def _after(earlier_factor, earlier, factor, y):
    """Two stretches of the recurrence as one: y_i = y + factor y_{i-1}."""
    return earlier_factor * factor, y + factor * earlier


@triton.jit
def _read(column, place, size, other, CHUNK: tl.constexpr):
    """Of a chunk's rows: unmasked where it is full, for only then a thread reads its rows at once."""
    if size == CHUNK:  # noqa: SIM108 - a branch of the program
        found = tl.load(column + place)
    else:
        found = tl.load(column + place, mask=place < size, other=other)
    return found


@triton.jit
def _write(column, place, size, found, CHUNK: tl.constexpr):
    if size == CHUNK:
        tl.store(column + place, found)
    else:
        tl.store(column + place, found, mask=place < size)


@triton.jit(do_not_specialize=["rows", "share", "reach"])
def _scan_chunks(
    reward, value, next_value, terminated, segment_end,
    advantage, returns, ends, reached, counts, means, squares,
    rows, gamma, floor, ulp, share, reach, CHUNK: tl.constexpr, RUN: tl.constexpr,
):  # fmt: skip
    chunk = tl.program_id(0).to(tl.int64)
    first = (tl.num_programs(0) - 1 - chunk) * CHUNK  # 64 bits once; what is counted from it fits in 32
    size = tl.minimum(rows - first, CHUNK).to(tl.int32)
    run = tl.arange(0, CHUNK // RUN)
    place = CHUNK - RUN - run[:, None] * RUN + tl.arange(0, RUN)[None, :]  # newest run first, each in the rows' order
    step = CHUNK - 1 - place
    inside = place < size
    ended = _read(terminated + first, place, size, 1, CHUNK) != 0
    cut = _read(segment_end + first, place, size, 1, CHUNK) != 0
    paid = _read(reward + first, place, size, 0.0, CHUNK)
    own = _read(value + first, place, size, 0.0, CHUNK)
    following = _read(next_value + first, place, size, 0.0, CHUNK)
    delta = tl.where(ended, paid, paid + gamma * following) - own
    turn = (((step + 1) * share) >> 16) - ((step * share) >> 16)
    factor = tl.where(ended | cut, 0.0, floor + turn.to(tl.float32) * ulp)
    # A thread scans its own run, then all threads scan the runs.
    factor, y = tl.associative_scan((tl.flip(factor, 1), tl.flip(delta, 1)), 1, _after)
    oldest = tl.arange(0, RUN)[None, :] == RUN - 1
    of_runs = tl.sum(tl.where(oldest, factor, 0.0), 1), tl.sum(tl.where(oldest, y, 0.0), 1)
    run_factor, run_y = tl.associative_scan(of_runs, 0, _after)
    before = tl.maximum(run - 1, 0)
    run_factor = tl.where(run > 0, tl.gather(run_factor, before, 0), 1.0)
    run_y = tl.where(run > 0, tl.gather(run_y, before, 0), 0.0)
    y = tl.flip(y + factor * run_y[:, None], 1)
    factor = tl.flip(factor * run_factor[:, None], 1)
    _write(advantage + first, place, size, y, CHUNK)
    _write(returns + first, place, size, y + own, CHUNK)
    # The newest rows, up to the first end, wait for what comes in from the chunk before.
    waiting = tl.sum(tl.where(inside & (factor > 0) & (step < reach), 1, 0)) * (chunk > 0).to(tl.int32)
    done = inside & (step >= waiting)
    count = size - waiting
    mean = tl.sum(tl.where(done, y, 0.0)) / tl.maximum(count, 1)
    off = tl.where(done, y - mean, 0.0)
    tl.store(ends + chunk, tl.sum(tl.where(place == 0, y, 0.0)))
    tl.store(reached + chunk, waiting)
    tl.store(counts + chunk, count)
    tl.store(means + chunk, mean)
    tl.store(squares + chunk, tl.sum(off * off))


@triton.jit(do_not_specialize=["chunks"])
def _scan_ends(ends, reached, chunks, decay, CHUNK: tl.constexpr, LANES: tl.constexpr):
    """Each chunk's last y with all that comes in; `decay` is that of a whole chunk."""
    lane = tl.arange(0, LANES)
    carry = tl.full((), 0.0, tl.float32)
    for start in range(0, chunks, LANES):
        chunk = start + lane
        inside = chunk < chunks
        y = tl.load(ends + chunk, mask=inside, other=0.0)
        through = tl.load(reached + chunk, mask=inside, other=0) == CHUNK
        factor, y = tl.associative_scan((tl.where(through, decay, 0.0), y), 0, _after)
        y += factor * carry
        tl.store(ends + chunk, y, mask=inside)
        carry = tl.sum(tl.where(lane == LANES - 1, y, 0.0), 0)


@triton.jit
def _carry_in(
    value, advantage, returns, ends, reached, counts, means, squares,
    log2_decay, CHUNK: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    chunk = tl.program_id(0).to(tl.int64) + 1
    carry = tl.load(ends + chunk - 1)
    newest = (tl.num_programs(0) + 1 - chunk) * CHUNK - 1
    many = tl.load(reached + chunk)
    count, mean, square = tl.load(counts + chunk), tl.load(means + chunk), tl.load(squares + chunk)
    for start in range(0, many, LANES):
        step = start + tl.arange(0, LANES)
        inside = step < many
        y = tl.load(advantage + newest - step, mask=inside, other=0.0)
        value_then = tl.load(value + newest - step, mask=inside, other=0.0)
        y += tl.exp2((step + 1).to(tl.float32) * log2_decay) * carry
        tl.store(advantage + newest - step, y, mask=inside)
        tl.store(returns + newest - step, y + value_then, mask=inside)
        more = tl.sum(inside.to(tl.int32), 0)
        own = tl.sum(tl.where(inside, y, 0.0), 0) / more
        off = tl.where(inside, y - own, 0.0)
        apart, both = own - mean, count + more
        square += tl.sum(off * off, 0) + apart * apart * (count.to(tl.float32) * more / both)
        mean += apart * more / both
        count = both
    tl.store(counts + chunk, count)
    tl.store(means + chunk, mean)
    tl.store(squares + chunk, square)


@triton.jit(do_not_specialize=["rows", "chunks"])
def _join_moments(counts, means, squares, moments, rows, chunks, LANES: tl.constexpr):
    lane = tl.arange(0, LANES)
    total = tl.zeros((LANES,), tl.float64)
    for start in range(0, chunks, LANES):
        inside = start + lane < chunks
        count = tl.load(counts + start + lane, mask=inside, other=0)
        total += count * tl.load(means + start + lane, mask=inside, other=0.0).to(tl.float64)
    mean = tl.sum(total, 0) / rows
    spread = tl.zeros((LANES,), tl.float64)
    for start in range(0, chunks, LANES):
        inside = start + lane < chunks
        count = tl.load(counts + start + lane, mask=inside, other=0)
        off = tl.load(means + start + lane, mask=inside, other=0.0).to(tl.float64) - mean
        spread += tl.load(squares + start + lane, mask=inside, other=0.0).to(tl.float64) + count * off * off
    tl.store(moments, mean)
    tl.store(moments + 1, tl.sqrt(tl.sum(spread, 0) / rows))
