"""The line of one deterministic drive on one track.

Arrives: a driver, a track's seed. Leaves: where the car was, how fast, and how it ended. Legend: T steps.
"""

from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from racing import ENVIRONMENT
from racing.car import STEP
from racing.driver import Driver
from racing.environment import Environment

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trace:
    """A drive from a standing start to its first end."""

    x: Floats
    y: Floats
    """(T,) metres, after each step."""
    speed: Floats
    """(T,) m/s."""
    progress: float
    """Laps."""
    finished: bool
    crashed: bool
    stuck: bool

    @property
    def seconds(self) -> float:
        """How long it took."""
        return len(self.x) * STEP

    @classmethod
    def drive(cls, driver: Driver, track: int, lidar: int = 0) -> "Trace":
        """Drive; raises DriveRejected where the driver does not fit the car."""
        points: list[tuple[float, float, float]] = []
        with closing(Environment.open(ENVIRONMENT, 1, lidar=lidar, tracks=[track], start="line")) as environment:
            environment.check(driver)
            state, ended = environment.reset(0), False
            while not ended:
                action = environment.clamp(driver.steady(state))
                state, _, terminated, truncated, infos = environment.step(action)
                points.append((infos["x"][0], infos["y"][0], infos["speed"][0]))
                ended = bool(terminated[0] | truncated[0])
        x, y, speed = np.array(points, np.float64).T
        ends = {name: bool(infos[name][0]) for name in ("finished", "crashed", "stuck")}
        return cls(x, y, speed, progress=float(infos["progress"][0]), **ends)
