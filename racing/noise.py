"""How much the engine explores: one factor per agent on the policy's standard deviation, falling after each drive.

Arrives: which agents' episodes ended. Leaves: factors. Source: the contract of the policy file ("Acting").
Legend: N agents.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from racing.errors import DriveRejected


@dataclass(frozen=True, kw_only=True)
class Noise:
    """A schedule; the defaults are the engine's."""

    start: float = 0.2
    """NoiseStd of an agent's first episode."""
    decay: float = 0.9995
    """Factor after each of the agent's episodes."""
    floor: float = 0.05
    """It falls no lower."""

    def __post_init__(self) -> None:
        if not (0 < self.floor <= self.start and 0 < self.decay <= 1):
            raise DriveRejected(f"noise: {self}, wanted 0 < floor <= start and 0 < decay <= 1")

    @classmethod
    def constant(cls, factor: float) -> "Noise":
        """The same factor for good; with 1 the policy's own standard deviation is driven."""
        return cls(start=factor, decay=1.0, floor=factor)

    def first(self, agents: int) -> NDArray[np.float64]:
        """Factors (N,) of everybody's first episode."""
        return np.full(agents, self.start)

    def after(self, factors: NDArray[np.float64], ended: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Factors (N,) after the episodes of some agents (N,) ended."""
        return np.where(ended, np.maximum(factors * self.decay, self.floor), factors)
