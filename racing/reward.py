"""What a step is worth.

Arrives: what happened to N cars in one step. Leaves: the reward's terms (N,) by name, and their clamped sum.
The names are the engine's. One term differs on purpose: the engine pays the distance from the start again in every
step, so that standing still far away pays more than driving; here `progress` pays the metres gained in this step.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from racing.car import STEP

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TERMS = ("progress", "survival", "speed", "smoothness", "collision", "stuck")


@dataclass(frozen=True, kw_only=True)
class RewardConfig:
    """Weights. A weight of 0 switches a term off; its column stays."""

    progress: float = 0.1
    """For each step in which the car gains as many metres along the centreline as at the target speed; metres lost
    cost as much."""
    survival: float = 0.02
    """For each step that is not the last one of a crashed or stuck car."""
    speed: float = 0.2
    """At the target speed; falls linearly to nothing at 0 and at twice the target. As the larger weight it makes
    the target worth holding: beyond it, `progress` gains less than this loses."""
    smoothness: float = 0.05
    """Taken for a step from full left to full right; in proportion for smaller changes of the steer command."""
    collision: float = 3.0
    """Taken once when the car touches a wall."""
    stuck: float = 3.0
    """Taken once when the car is given up as stuck."""
    target_speed: float = 10.0
    """m/s."""
    limit: float = 3.0
    """The sum is clamped to plus and minus this."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (np.isfinite(value) and value >= 0):
                raise ValueError(f"RewardConfig.{field.name} is {value}, wanted a finite number, zero or more.")
        if not (self.target_speed > 0 and self.limit > 0):
            raise ValueError(f"{self}: wanted target_speed and limit above zero.")

    def terms(
        self, *, gained: Floats, speed: Floats, steered: Floats, crashed: Bools, stuck: Bools
    ) -> dict[str, Floats]:
        """Terms (N,) by name from metres gained, m/s, change of the steer command, and who ended how."""
        target = self.target_speed
        return {
            "progress": gained * (self.progress / (target * STEP)),
            "survival": ~(crashed | stuck) * np.float64(self.survival),
            "speed": self.speed * np.maximum(1 - np.abs(speed - target) / target, 0),
            "smoothness": 0.0 - np.abs(steered) * (self.smoothness / 2),
            "collision": 0.0 - crashed * np.float64(self.collision),
            "stuck": 0.0 - stuck * np.float64(self.stuck),
        }

    def total(self, terms: dict[str, Floats]) -> Floats:
        """(N,) The reward: the sum of the terms, clamped."""
        total = sum(terms[name] for name in TERMS)
        return np.minimum(np.maximum(total, -self.limit), self.limit)
