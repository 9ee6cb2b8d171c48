"""The starting grid: where and how drives begin.

Arrives: which cars start. Leaves: their tracks, places and states. Legend: N cars, M of them that start.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from racing.car import WIDTH, Cars
from racing.tracks import Tracks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STARTS = ("random", "line")
FASTEST = 8.0
"""m/s of a random start, at most."""
STRAY = 0.3
"""Random starts are this share of what is free beside the car off the middle, at most."""
SKEW = 0.15
"""Radians off the road's direction of a random start, at most."""
GOLDEN = (5**0.5 - 1) / 2
"""Laps between a car's standing starts: they never repeat, and any number of them is spread evenly."""


class Grid:
    """Starts N cars on a pool of tracks.

    "random": rolling, anywhere on any track, drawn from the car's own generator.
    "line": standing in the middle of the road, nothing drawn. Car i is on track i, round robin; the cars of a track are
    spread evenly over it, and a car's next start is the golden section of a lap further on.
    """

    def __init__(self, tracks: Tracks, cars: int, start: str) -> None:
        self.tracks = tracks
        self._drives = np.zeros(cars, np.int64)
        self.choose(start)

    def choose(self, start: str) -> None:
        """How cars start from now on, every car for the first time; ValueError if there is no such start."""
        if start not in STARTS:
            raise ValueError(f"start is {start!r}, wanted one of {', '.join(map(repr, STARTS))}.")
        self.start = start
        self._drives[:] = 0

    def line_up(self, which: Ints, rngs: Sequence[np.random.Generator]) -> tuple[Ints, Ints, Cars]:
        """Index of the track (M,), vertex (M,) and state of the cars `which` (M,); `rngs` are theirs (M,)."""
        track, laps, stray, skew, speed = self._stand(which) if self.start == "line" else self._roll(rngs)
        self._drives[which] += 1
        vertex, position, heading, half_width = self.tracks.point(track, laps)
        cars = Cars.standing(len(which))
        aside = stray * (half_width - WIDTH / 2)
        cars.position[:] = position + aside * np.array([-np.sin(heading), np.cos(heading)])
        cars.heading[:] = heading + skew
        cars.forward[:] = speed
        return track, vertex, cars

    def _stand(self, which: Ints) -> tuple[Ints, Floats, Floats, Floats, Floats]:
        """Track, laps along it, share of the free road to the right, radians clockwise, m/s; each (M,)."""
        pool, zero = len(self.tracks), np.zeros(len(which))
        sharing = (len(self._drives) - 1 - which % pool) // pool + 1  # cars on the same track
        return which % pool, (which // pool / sharing + GOLDEN * self._drives[which]) % 1, zero, zero, zero

    def _roll(self, rngs: Sequence[np.random.Generator]) -> tuple[Ints, Floats, Floats, Floats, Floats]:
        """As `_stand`."""
        draws = np.array([rng.random(5) for rng in rngs]).T
        track = (draws[0] * len(self.tracks)).astype(np.int64)
        return track, draws[1], STRAY * (2 * draws[2] - 1), SKEW * (2 * draws[3] - 1), FASTEST * draws[4]
