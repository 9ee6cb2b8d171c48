"""From a random policy to laps on unseen tracks, beside Stable-Baselines3 in the same environment."""

from pathlib import Path

from benchmarks.proofs.course import run
from benchmarks.proofs.peer import OURS, OWN, peer
from schemas.loop import EvaluateConfig
from schemas.loop import racing as racing_loop

LAPS = 60


def racing(seeds: list[int], runs: Path) -> None:
    """Ours and the peer, a seed at a time, with the same rollouts, minibatches and steps.

    Evaluations only watch: the loop goes on from the latest version whatever they say.
    """
    watch = {"evaluate_every": 5, "evaluate": EvaluateConfig(), "go_on_from": "latest"}
    config = racing_loop().model_copy(update=watch)
    for seed in seeds:
        run("racing", "pitwall", config, LAPS, seed, runs)
        for name in (OURS, OWN):
            peer(name, config, LAPS, seed)
