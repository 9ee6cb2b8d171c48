"""Several tracks laid one behind another in flat arrays, so that cars on different tracks are handled in one go.

Arrives: tracks. Leaves: where cars are along their tracks (`locate` -> `Place`) and the walls around them (`walls`).
Each track is stored with a margin of its own vertices before its first and behind its last, so that a window around any
vertex is a plain run of rows. Legend: N cars, T stored vertices, W vertices of a window.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from racing.track import BEND, SPACING, Track

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

SIGHT = 20.0
"""Metres within which walls are known."""
BEHIND = int(np.ceil(SIGHT / (1 - BEND) / (0.99 * SPACING)))
"""Vertices of a window before the one that the car has passed last; as many follow the next one."""
WINDOW = np.arange(-BEHIND, BEHIND + 2)[:, None]
"""(W, 1) vertices of a window, relative to the one that the car has passed last."""
SEARCH, FARTHEST, NOISE = 4, 8, 1e-9
"""Tries to find a car's segment, vertices that each goes at most (no car on its track ever needs as many), and segments
by which a car at a vertex may seem to be off."""


@dataclass(frozen=True)
class Place:
    """Where N cars are along their tracks."""

    vertex: Ints
    """(N,) The stored vertex that the car has passed last."""
    fraction: Floats
    """(N,) How far it is on the way to the next one, 0 to 1."""
    offset: Floats
    """(N,) Metres right of the centreline."""
    half_width: Floats
    """(N,) Metres from the centreline to either wall."""
    tangent: Floats
    """(2, N) Direction of the road, a unit vector but for the bend within a segment."""
    slope: Floats
    """(N,) Metres up per metre along the road."""
    slope_rate: Floats
    """(N,) Its change per metre, 1/m."""


class Tracks:
    """The pool of tracks that cars drive on."""

    def __init__(self, seeds: Sequence[int]) -> None:
        if not len(seeds):
            raise ValueError("tracks is empty: cars need at least one track, for example tracks=[0].")
        self.tracks = [Track.draw(int(seed)) for seed in seeds]
        self.seed = np.array([track.seed for track in self.tracks])
        self.length = np.array([track.length for track in self.tracks])
        self.spacing = np.array([track.spacing for track in self.tracks])
        self.count = np.array([len(track.x) for track in self.tracks])
        margin = 2 * len(WINDOW)
        self.first = np.cumsum(self.count + 2 * margin) - self.count - margin
        rows = [np.arange(-margin, len(track.x) + margin) % len(track.x) for track in self.tracks]
        home = [first + row for first, row in zip(self.first, rows, strict=True)]
        self._home = np.concatenate(home)  # (T,) the vertex of which each is a copy
        here = np.concatenate([_road(track).take(row, 1) for track, row in zip(self.tracks, rows, strict=True)], 1)
        ahead = np.roll(here, -1, 1)
        ends = [*here[:2], *ahead[:2], *here[2:4], *ahead[2:4]]  # x, y, x, y, then tangents
        self._segments = np.array(ends)  # (8, T)
        self._road = np.concatenate([here, ahead - here])  # (14, T) values at a vertex, change to the next one
        walls = [np.array([t.left_wall, t.right_wall])[:, row] for t, row in zip(self.tracks, rows, strict=True)]
        # (2, T) left and right; x and y in one complex number, because that is read in one go
        self._walls = np.ascontiguousarray(np.concatenate(walls, 1).astype(np.float32)).view(np.complex64)[:, :, 0]

    def __len__(self) -> int:
        return len(self.tracks)

    def locate(self, vertex: Ints, position: Floats) -> tuple[Place, Ints]:
        """Places of cars at `position` (2, N), metres, last seen near `vertex` (N,), and vertices gone on since (N,).

        A car is between vertices i and i+1 when it is ahead of the normal at i and behind the normal at i+1; how far,
        is the ratio of its distances to both.
        """
        start = vertex
        for remaining in reversed(range(SEARCH)):
            ends, tangents = self._segments.take(vertex, 1).reshape(2, 2, 2, -1)
            before, behind = ((position - ends) * tangents).sum(1)
            fraction = before / (before - behind)
            jump = np.maximum(np.minimum(np.floor(fraction + NOISE), FARTHEST), -FARTHEST).astype(np.int64)
            if not (remaining and jump.any()):
                break
            vertex = vertex + jump
        fraction = fraction.clip(0, 1)
        here, change = self._road.take(vertex, 1).reshape(2, 7, -1)
        road = here + fraction * change
        aside_x, aside_y = position - road[:2]
        return Place(
            vertex=self._home.take(vertex),
            fraction=fraction,
            offset=aside_y * road[2] - aside_x * road[3],
            half_width=road[4],
            tangent=road[2:4],
            slope=road[5],
            slope_rate=road[6],
        ), vertex - start

    def point(self, track: Ints, laps: Floats) -> tuple[Ints, Floats, Floats, Floats]:
        """Vertex (N,), position (2, N), heading (N,) and half width (N,) of the centreline `laps` (0 to 1) along."""
        along = laps * self.count[track]
        vertex = self.first[track] + np.minimum(along.astype(np.int64), self.count[track] - 1)
        here, change = self._road.take(vertex, 1).reshape(2, 7, -1)
        road = here + (along - np.floor(along)) * change
        return vertex, road[:2], np.arctan2(road[3], road[2]), road[4]

    def walls(self, vertex: Ints) -> NDArray[np.complex64]:
        """(2, W, N) Left and right wall around cars, x + iy in metres: a view in which pairs are read in one go."""
        return self._walls.take(WINDOW + vertex, 1)


def _road(track: Track) -> Floats:
    """(7, V) What is known at each vertex."""
    return np.array(
        [
            *(track.x, track.y, track.tangent_x, track.tangent_y),
            *(track.half_width, track.slope, track.slope_rate),
        ]
    )
