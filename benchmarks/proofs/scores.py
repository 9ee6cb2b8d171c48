"""Scores on public environments, beside those that CleanRL publishes."""

from pathlib import Path
from typing import NamedTuple

from benchmarks.proofs.course import run
from schemas.loop import NAMED


class Task(NamedTuple):
    """A named loop, its laps, and the published score."""

    name: str
    laps: int
    published: float
    """Mean return of an episode: CleanRL's ppo_continuous_action at 1 M steps; Pendulum: RL Zoo's PPO."""


TASKS = (
    Task("pendulum", 98, -172.2),
    Task("inverted_pendulum", 489, 963.0),
    Task("half_cheetah", 489, 1442.6),
    Task("hopper", 489, 2382.9),
)


def scores(tasks: list[str], seeds: list[int], runs: Path) -> None:
    """Every task and seed, a seed at a time."""
    for seed in seeds:
        for task in TASKS:
            if not tasks or task.name in tasks:
                run("scores", task.name, NAMED[task.name](), task.laps, seed, runs)
