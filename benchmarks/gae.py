"""Advantages per second beside peers in the same run, and the gold file where one is at hand.

Few agents, long segments: that is the engine's shape. Sides take turns, and each reports its best round. On a CPU one
thread is measured by the seconds that it computed, for others may use the machine; on CUDA the card's own clock counts.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks import floors, gae_peers
from benchmarks.row import Row
from ppo.device import threads
from ppo.gae import gae, kernel_on, log_step

GAMMA, LAMBDA = 0.99, 0.95
ROUNDS, CALLS = 4, 8
"""Each side makes so many calls at a turn: the first finds its memory cold."""
GOLD_TOLERANCE = 1e-5
SIZES = (10_240, 41_000, 1_000_000, 10_000_000)
WANTED_CPU = {41_000: 40.0, 10_000_000: 20.0}
"""M rows/s on one thread, by rows."""
AGENTS, STEPS, WANTED_MS = 16, 524_288, 0.2
"""Few and long, and what they may take on an H200."""
RAGGED_MOST = 1.3
"""Times the seconds of as many rectangular rows."""
LARGE, WANTED_SHARE = 16_777_216, 0.5
"""Rows from which on this share of what a copy moves is wanted."""
BYTES = 22
"""Of a row that must move: 14 in, 8 out."""
COPY = "copy of memory"
"""The floor: as many bytes, only moved."""

Columns = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def rows(device: str = "cpu") -> list[Row]:
    """Figures of this device."""
    return _cuda() if device == "cuda" else _cpu(device)


def run_gold(device: str, path: Path) -> dict[str, float]:
    """Case of the gold file -> largest error relative to max(1, max |advantage|); wanted at most GOLD_TOLERANCE."""
    gold, errors = np.load(path), {}
    for case in sorted({key.split("/")[0] for key in gold.files}):
        names = ("reward", "value", "next_value", "terminated", "segment_end")
        tensors = {name: torch.from_numpy(gold[f"{case}/{name}"]).to(device) for name in names}
        gamma, lam = gold[f"{case}/gamma_lambda"].tolist()
        advantage = gae(**tensors, gamma=gamma, lam=lam).advantage
        wanted = gold[f"{case}/advantage"]
        errors[case] = float(np.abs(advantage.cpu().numpy() - wanted).max() / max(1.0, np.abs(wanted).max()))
    return errors


def _cpu(device: str) -> list[Row]:
    found = []
    with threads(1):
        most = floors.bytes_per_second(device) / BYTES / 1e6
        for count in SIZES:
            columns = _ragged(count, device)
            first = tuple(column[:41_000] for column in columns)
            lists = [column.tolist() for column in first]
            timed = _timed(
                {
                    "ours": partial(gae, *columns, GAMMA, LAMBDA),
                    "whole": partial(log_step, *columns, GAMMA, LAMBDA, block=count),
                    "loop": partial(gae_peers.loop, lists, GAMMA, LAMBDA),
                    "torchrl": gae_peers.torchrl([column[None] for column in first], GAMMA, LAMBDA),
                },
                device,
            )
            ours, few = count / timed["ours"] / 1e6, len(lists[0])
            what = f"{count:,} ragged rows, {device}, one thread"
            for name, peer, rows_of in (
                ("python loop", "loop", few),
                ("log-step scan over all rows at once", "whole", count),
                ("TorchRL", "torchrl", few),
            ):
                rate = rows_of / timed[peer] / 1e6 if peer in timed else None
                ratio = ours / rate if rate else None
                found.append(Row("gae", what, ours, name, rate, "M rows/s", ratio, None, most, COPY))
            if wanted := WANTED_CPU.get(count):
                found.append(Row("gae", what, ours, "the goal", wanted, "M rows/s", ours / wanted, 1))
    return found


def _cuda() -> list[Row]:
    rectangle, ragged = _rectangle(AGENTS, STEPS), _ragged(AGENTS * STEPS, "cuda")
    means = "cuda" if kernel_on(rectangle[0].device, torch.float32) else "cuda, by the log-step scan"
    shaped = [column.view(AGENTS, STEPS) for column in rectangle]
    timed = _timed(
        {
            "ours": partial(gae, *rectangle, GAMMA, LAMBDA),
            "ragged": partial(gae, *ragged, GAMMA, LAMBDA),
            "log-step scan": partial(log_step, *rectangle, GAMMA, LAMBDA, block=AGENTS * STEPS),
            "rl-triton": _runs("rl-triton", gae_peers.rl_triton(shaped, GAMMA, LAMBDA)),
            "TorchRL": _runs("TorchRL", gae_peers.torchrl(shaped, GAMMA, LAMBDA)),
        },
        "cuda",
    )
    ours, what = timed["ours"] * 1e3, f"{AGENTS} x {STEPS:,}, {means}"
    least = 1e3 * AGENTS * STEPS * BYTES / floors.bytes_per_second("cuda")
    found = [Row("gae", what, ours, "the goal", WANTED_MS, "ms", WANTED_MS / ours, 1, least, COPY)]
    for name in ("rl-triton", "TorchRL", "log-step scan"):
        peer = timed[name] * 1e3 if name in timed else None
        found.append(Row("gae", what, ours, name, peer, "ms", peer / ours if peer else None, 1 if peer else None))
    found.append(Row("gae", f"{what}, until its launches return", _launched(rectangle), "", None, "ms", None, None))
    slow = timed["ragged"] * 1e3
    what = f"{AGENTS * STEPS:,} ragged rows, {means}"
    found.append(Row("gae", what, slow, "rectangular", ours, "ms", ours / slow, 1 / RAGGED_MOST))
    for count in (LARGE, 4 * LARGE):
        timed = _timed({"ours": partial(gae, *_ragged(count, "cuda"), GAMMA, LAMBDA)}, "cuda")
        moved, most = count * BYTES / timed["ours"] / 1e9, floors.bytes_per_second("cuda") / 1e9
        what = f"{count:,} ragged rows, {means}"
        found.append(Row("gae", what, moved, "copy of memory", most, "GB/s", moved / most, WANTED_SHARE))
    return found


def _ragged(count: int, device: str) -> Columns:
    random = np.random.default_rng(count)
    reward, value, next_value = random.standard_normal((3, count), np.float32)
    end = random.random(count, np.float32) < 1 / 170
    terminated = end & (random.random(count, np.float32) < 0.5)
    columns = (torch.from_numpy(column).to(device) for column in (reward, value, next_value, terminated, end))
    one, two, three, four, five = columns
    return one, two, three, four, five


def _rectangle(agents: int, steps: int) -> Columns:
    """As many rows an agent, each cut at the end, with no end inside; flat, agent after agent."""
    reward, value, after = torch.randn(3, agents, steps, device="cuda")
    next_value = torch.cat([value[:, 1:], after[:, :1]], dim=1)
    end = torch.zeros(agents, steps, dtype=torch.bool, device="cuda")
    never = end.clone()
    end[:, -1] = True
    return reward.flatten(), value.flatten(), next_value.flatten(), never.flatten(), end.flatten()


def _runs(name: str, call: Callable[[], object] | None) -> Callable[[], object] | None:
    """The call, unless it fails here: of a peer that is installed and cannot run, the reason is printed."""
    try:
        if call is not None:
            call()
    except Exception as error:  # whatever it raises, others are measured
        print(f"{name} does not run here: {error}", file=sys.stderr)
        return None
    return call


def _launched(columns: Columns) -> float:
    """Milliseconds until Python goes on, which is what a call costs beside other work on the card."""
    best = float("inf")
    for _ in range(ROUNDS * CALLS):
        torch.cuda.synchronize()
        best = min(best, floors.wall_seconds(partial(gae, *columns, GAMMA, LAMBDA)))
    return best * 1e3


def _timed(calls: dict[str, Callable[[], object] | None], device: str) -> dict[str, float]:
    """Seconds of each side's best round, by name; a side that is None is not there."""
    present = {name: call for name, call in calls.items() if call is not None}
    best = dict.fromkeys(present, float("inf"))
    seconds = floors.card_seconds if device == "cuda" else _thread_seconds
    for _ in range(ROUNDS):
        for name, call in present.items():
            best[name] = min(best[name], *(seconds(call) for _ in range(CALLS)))
    return best


def _thread_seconds(call: Callable[[], object]) -> float:
    begun = time.thread_time()
    call()
    return time.thread_time() - begun
