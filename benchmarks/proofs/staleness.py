"""How old may experiences be? The same task, driven by versions that are 0 to 16 laps old."""

from pathlib import Path

from benchmarks.proofs.course import run
from schemas.loop import LoopConfig, inverted_pendulum

LAGS = (0, 1, 2, 4, 8, 16)
LAPS = 100


def staleness(seeds: list[int], runs: Path) -> None:
    """Every lag with both objectives; at lag 0 they are the same."""
    for seed in seeds:
        for lag in LAGS:
            for objective in ("decoupled", "plain") if lag else ("decoupled",):
                run("staleness", f"{objective}-{lag}", _config(lag, objective), LAPS, seed, runs)


def _config(lag: int, objective: str) -> LoopConfig:
    """Without gates, which would leave stale rows out instead of showing what they do."""
    loop = inverted_pendulum()
    changes = {"objective": objective, "min_effective_sample_size": 0.0, "max_behaviour_kl": None}
    return loop.model_copy(
        update={"lag": lag, "anneal": False, "evaluate_every": 0, "train": loop.train.model_copy(update=changes)}
    )
