"""What is it worth to know the engine's exploration noise? The racing loop with the factor solved, and ignored.

Ignored is what the trainer script of the plugin does: ratios of the policy's own standard deviation to recorded
densities of a narrower one, which start far from 1. Without the factor there is no mass beyond a clamp either, so rows
at clamps count by density; the way in between does only that, and each step can be seen alone.
"""

from pathlib import Path

from benchmarks.proofs.course import run
from schemas.loop import racing

LAPS = 60
WAYS = {
    "solved": {"noise": "solved", "clamped_actions": "mass"},
    "solved-density": {"noise": "solved", "clamped_actions": "density"},
    "ignored": {"noise": "ignored", "clamped_actions": "density"},
}
"""Each differs from the one before it in one field that counts."""
_NO_GATES = {"min_effective_sample_size": 0.0, "max_behaviour_kl": None}


def noise(seeds: list[int], runs: Path) -> None:
    """All ways, without gates and evaluated alike."""
    for seed in seeds:
        for way, changes in WAYS.items():
            loop = racing()
            train = loop.train.model_copy(update=changes | _NO_GATES)
            config = loop.model_copy(update={"go_on_from": "latest", "train": train})
            run("noise", way, config, LAPS, seed, runs)
