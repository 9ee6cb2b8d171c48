"""One update shared by two processes under torchrun, beside one process with all cores, and what their start costs.

The processes are real ones, as `pitwall train --processes 2` starts them. Both sides take turns and report their best.
"""

import math
import subprocess
import sys
import time

import torch

from benchmarks.row import Row
from benchmarks.update import ACTIONS, HIDDEN, OBSERVATIONS, batch_on
from flows.torchrun import train_shared
from ppo.device import threads
from ppo.learner import train
from ppo.parcel import Parcel
from ppo.policy import Policy
from schemas.training import TrainConfig

PROCESSES, MINIBATCHES, ROUNDS = 2, 16, 3
SIZES = (64, 1024, 8192)
ALONE = {"one process, its threads": 0, "one process, one thread": 1}
"""Threads that one process has; 0: as many as torch takes."""


def rows(device: str = "cpu") -> list[Row]:
    """Rows per size of minibatch, milliseconds per update; then the seconds of the start. Needs a GPU for each."""
    if device == "cuda" and torch.cuda.device_count() < PROCESSES:
        return []
    found, start = [], math.inf
    for batch_size in SIZES:
        best = dict.fromkeys(("shared", *ALONE), math.inf)
        for _ in range(ROUNDS):
            milliseconds, seconds = _round(batch_size, PROCESSES, device)
            best["shared"], start = min(best["shared"], milliseconds), min(start, seconds)
            for name, count in ALONE.items():
                with threads(count or torch.get_num_threads()):
                    best[name] = min(best[name], _round(batch_size, 1, device)[0])
        what, ours = f"one update by {PROCESSES} processes, batch {batch_size}, {device}", best.pop("shared")
        found += [Row("processes", what, ours, name, peer, "ms", peer / ours, None) for name, peer in best.items()]
    what, least = f"start of {PROCESSES} processes, and their inputs and outputs", _import_torch()
    return [*found, Row("processes", what, start, "", None, "s", None, None, least, "python that imports torch")]


def _import_torch() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - began


def _round(batch_size: int, processes: int, device: str) -> tuple[float, float]:
    """Milliseconds an update, and the seconds that were not spent on updates."""
    config = TrainConfig(
        batch_size=batch_size, hidden=HIDDEN, min_effective_sample_size=0, max_behaviour_kl=None, processes=processes
    )
    policy, batch = Policy.fresh(OBSERVATIONS, ACTIONS, HIDDEN, seed=1), batch_on(device, MINIBATCHES * batch_size)
    began = time.perf_counter()
    if processes == 1:
        metrics = train(policy, batch, config).metrics
    else:
        metrics = train_shared(Parcel(policy, batch, config, None, {}), lambda *_: None).metrics
    seconds = float(metrics["seconds"])
    return 1e3 * seconds / int(metrics["updates"]), time.perf_counter() - began - seconds
