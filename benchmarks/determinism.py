"""What the same bits again cost: an update under torch's deterministic operators, with its batch hashed, and without.

One thread. The two take turns; each reports its best round, in processor time where the processor does the work.
"""

import contextlib
import math
import time
from collections.abc import Callable

import torch

from benchmarks.row import Row
from benchmarks.update import ACTIONS, HIDDEN, OBSERVATIONS, batch_on
from ppo import learner
from ppo.device import repeatable, threads
from ppo.policy import Policy
from schemas.training import TrainConfig

GOAL = 1 / 1.2
ROWS, ROUNDS = 2048, 7


def rows(device: str = "cpu") -> list[Row]:
    """A row per size of minibatch, milliseconds per training of four epochs."""
    return [_row(batch_size, device) for batch_size in (64, 1024)]


def _row(batch_size: int, device: str) -> Row:
    config = TrainConfig(batch_size=batch_size, hidden=HIDDEN, min_effective_sample_size=0, max_behaviour_kl=None)
    policy, batch = Policy.fresh(OBSERVATIONS, ACTIONS, HIDDEN, seed=1), batch_on(device, ROWS)
    clock = time.process_time if device == "cpu" else time.perf_counter
    asked = torch.device("cuda")  # for the flags; operators run where the batch is

    def pinned() -> None:
        with repeatable(asked):
            batch.hashes()
            learner.train(policy, batch, config)

    def free() -> None:
        learner.train(policy, batch, config)

    best = [math.inf, math.inf]
    try:
        setattr(learner, "repeatable", lambda device: contextlib.nullcontext())  # noqa: B010 - only here is it taken away
        with threads(1):  # waiting threads would count as work
            for _ in range(ROUNDS):
                for at, work in enumerate((pinned, free)):
                    best[at] = min(best[at], _milliseconds(work, clock))
    finally:
        setattr(learner, "repeatable", repeatable)  # noqa: B010
    what = f"a training, batch {batch_size}, {device}"
    return Row("determinism", what, best[0], "nothing pinned", best[1], "ms", best[1] / best[0], GOAL)


def _milliseconds(work: Callable[[], None], clock: Callable[[], float]) -> float:
    began = clock()
    work()
    return 1e3 * (clock() - began)
