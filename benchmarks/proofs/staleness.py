"""How old may experiences be? The same task, driven by versions that are 0 to 16 laps old."""

from pathlib import Path

from benchmarks.proofs.course import run
from schemas.loop import inverted_pendulum

LAGS = (0, 1, 2, 4, 8, 16)
LAPS = 100
_LAPS = {"longer": 200}
_LOOKED_AT = {"longer": (8,), "recorded": (4, 8)}
"""Lags of a way that is not run at all of them."""
WAYS = {
    "decoupled": {"objective": "decoupled", "recompute_advantages": True},
    "plain": {"objective": "plain", "recompute_advantages": True},
    "longer": {"objective": "plain", "recompute_advantages": True},
    "recorded": {"objective": "decoupled", "recompute_advantages": False},
}
"""Both objectives with advantages of the current critic in each epoch, the plain one also for twice as long; and what
recorded values, of a critic as old as the rows, do instead."""


def staleness(seeds: list[int], runs: Path) -> None:
    """Every lag in every way; at lag 0 both objectives are the same."""
    for seed in seeds:
        for lag in LAGS:
            for way in WAYS if lag else ("decoupled",):
                if lag in _LOOKED_AT.get(way, LAGS):
                    stale(lag, way, seed, runs)


def stale(lag: int, way: str, seed: int, runs: Path) -> None:
    """One run, without gates, which would leave stale rows out instead of showing what they do."""
    loop = inverted_pendulum()
    changes = WAYS[way] | {"min_effective_sample_size": 0.0, "max_behaviour_kl": None}
    train = loop.train.model_copy(update=changes)
    config = loop.model_copy(update={"lag": lag, "anneal": False, "evaluate_every": 0, "train": train})
    run("staleness", f"{way}-{lag}", config, _LAPS.get(way, LAPS), seed, runs)
