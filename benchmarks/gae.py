"""Advantages per second beside the loop over rows that trainers of users have, and the gold file where one is at hand.

Few agents, long segments: that is the engine's shape. Both sides take turns, and each reports its best round.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.row import Row
from ppo.gae import gae

GAMMA, LAMBDA = 0.99, 0.95
ROUNDS = 5
GOLD_TOLERANCE = 1e-5


def rows(device: str = "cpu") -> list[Row]:
    """A row per number of rows, million rows a second."""
    return [_row(count, device) for count in (10_240, 41_000, 1_000_000)]


def run_gold(device: str, path: Path) -> dict[str, float]:
    """Case of the gold file -> largest error relative to max(1, max |advantage|); wanted at most GOLD_TOLERANCE."""
    gold, errors = np.load(path), {}
    for case in sorted({key.split("/")[0] for key in gold.files}):
        names = ("reward", "value", "next_value", "terminated", "segment_end")
        tensors = {name: torch.from_numpy(gold[f"{case}/{name}"]).to(device) for name in names}
        gamma, lam = gold[f"{case}/gamma_lambda"].tolist()
        advantage, _ = gae(**tensors, gamma=gamma, lam=lam)
        wanted = gold[f"{case}/advantage"]
        errors[case] = float(np.abs(advantage.cpu().numpy() - wanted).max() / max(1.0, np.abs(wanted).max()))
    return errors


def _row(count: int, device: str) -> Row:
    random = np.random.default_rng(count)
    reward, value, next_value = random.standard_normal((3, count)).astype(np.float32)
    end = random.random(count) < 1 / 170
    terminated = end & (random.random(count) < 0.5)
    arrays = (reward, value, next_value, terminated, end)
    names = ("reward", "value", "next_value", "terminated", "segment_end")
    tensors = {name: torch.from_numpy(array).to(device) for name, array in zip(names, arrays, strict=True)}
    lists = [array[:41_000].tolist() for array in arrays]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ours = count / _seconds(lambda: gae(**tensors, gamma=GAMMA, lam=LAMBDA), device) / 1e6
        peer = len(lists[0]) / _seconds(lambda: _loop(*lists), "cpu") / 1e6
    finally:
        torch.set_num_threads(threads)
    return Row("gae", f"{count:,} rows, {device}", ours, "python loop", peer, "M rows/s", ours / peer, None)


def _seconds(call: Callable[[], object], device: str) -> float:
    call()
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - begun)
    return best


def _loop(
    reward: list[float], value: list[float], next_value: list[float], terminated: list[bool], end: list[bool]
) -> list[float]:
    advantage, carry = [0.0] * len(reward), 0.0
    for t in range(len(reward) - 1, -1, -1):
        delta = reward[t] + (0.0 if terminated[t] else GAMMA * next_value[t]) - value[t]
        carry = delta + (0.0 if end[t] else GAMMA * LAMBDA * carry)
        advantage[t] = carry
    return advantage
