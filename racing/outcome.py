"""What one step did to the cars. Arrives: the world's arrays. Leaves: infos. Legend: N cars; each array is (N,)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Outcome:
    """Of one step of N cars."""

    reward: Floats
    terms: dict[str, Floats]
    """The reward's terms by name, before the clamp."""
    terminated: Bools
    """Crashed or stuck: the task ended."""
    truncated: Bools
    """Finished, or out of time: the task would go on."""
    crashed: Bools
    """A wall touches the body."""
    stuck: Bools
    """Slow or backwards for too long."""
    finished: Bools
    """Drove a whole lap."""
    progress: Floats
    """Laps since the start."""
    speed: Floats
    """m/s."""
    x: Floats
    y: Floats
    """Metres."""
    track: NDArray[np.int64]
    """Seed."""

    @property
    def infos(self) -> dict[str, Any]:
        """What an environment tells about the step."""
        return {
            "progress": self.progress,
            "finished": self.finished,
            "crashed": self.crashed,
            "stuck": self.stuck,
            "speed": self.speed,
            "x": self.x,
            "y": self.y,
            "track": self.track,
            "reward_terms": self.terms,
        }
