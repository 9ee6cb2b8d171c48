"""A track: closed, smooth and never touching itself, drawn from a seed.

Arrives: a seed. Leaves: a `Track`, its centreline sampled every two metres or so, its two walls as closed polylines.
The centreline runs around the origin at a distance whose logarithm is a Fourier series of the bearing, flattened until
no bend is too tight for the width; width and elevation are such series, too. So all of it is periodic and has
derivatives of every order. Plane: x and y in metres, y to the right of x, angles clockwise seen from above, as in the
engine. Legend: V vertices.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TRAIN_TRACKS = range(0, 64)
"""Seeds to learn on."""
TEST_TRACKS = range(1_000_000, 1_000_020)
"""Seeds to be judged on; no car ever learns there."""
LENGTH = (300.0, 500.0)
"""Metres, from and to."""
SPACING = 2.0
"""Metres between vertices, to within a percent: a round number of them goes into the length."""
BEND = 1 / 3
"""Half the width times the curvature stays below this everywhere: the inner wall's radius is at least twice half the
width, and 20 m of sight inside the corridor never span more than 30 m of centreline."""
NARROWEST = 3.0
"""Metres, of half the width."""
GAP = 2.0
"""Metres that stay free between two parts of the corridor."""
STEEPEST = 0.08
"""Largest slope, metres up per metre along."""
FLATTER = 0.93 ** np.arange(40)
"""Shares to which a shape's bumps are flattened: the first that is flat enough is taken."""
FINE = np.linspace(0, 2 * np.pi, 1025)
"""Bearings from which a shape's length and its tightest bend are measured."""


@dataclass(frozen=True, eq=False)
class Track:
    """The centreline and what belongs to each of its V vertices; vertex V would be vertex 0 again."""

    seed: int
    length: float
    """Metres along the centreline."""
    x: Array
    y: Array
    """(V,) metres."""
    tangent_x: Array
    tangent_y: Array
    """(V,) unit vector in driving direction."""
    curvature: Array
    """(V,) 1/m, positive where the road bends to the right."""
    half_width: Array
    """(V,) metres from the centreline to either wall, along the normal."""
    elevation: Array
    """(V,) metres."""
    slope: Array
    """(V,) metres up per metre along."""
    slope_rate: Array
    """(V,) change of the slope per metre, 1/m; positive in a dip."""

    @classmethod
    def draw(cls, seed: int) -> "Track":
        """The track of this seed, the same one for ever; ValueError for a negative seed."""
        return _draw(seed)

    @property
    def spacing(self) -> float:
        """Metres along the centreline from vertex to vertex."""
        return self.length / len(self.x)

    @property
    def left_wall(self) -> Array:
        """(V, 2) metres."""
        return self._beside(-self.half_width)

    @property
    def right_wall(self) -> Array:
        """(V, 2) metres."""
        return self._beside(self.half_width)

    def _beside(self, offset: Array) -> Array:
        """Points `offset` metres to the right."""
        return np.stack([self.x - offset * self.tangent_y, self.y + offset * self.tangent_x], 1)


@lru_cache(maxsize=4096)
def _draw(seed: int) -> Track:
    if seed < 0:
        raise ValueError(f"track {seed}: a track's seed is zero or more.")
    rng = np.random.default_rng(seed)
    while (track := _shape(seed, rng)) is None:
        pass
    return track


def _shape(seed: int, rng: np.random.Generator) -> Track | None:
    """One try; None where the corridor would touch itself, or its walls would nearly touch."""
    length = rng.uniform(*LENGTH)
    turn = rng.choice([-1, 1])
    vertices = round(length / SPACING)
    laps = 2 * np.pi * np.arange(vertices) / vertices
    half_width = rng.uniform(4, 5.5) * np.exp(_Series.draw(rng, range(1, 5), 0.1).at(laps)[0])
    hills = _Series.draw(rng, range(1, 6), 1.0)
    elevation, slope, slope_rate = hills.at(laps)
    steep = rng.uniform(0.25, 1) * STEEPEST / np.abs(slope).max()
    bumps = _Series.draw(rng, range(2, 8), 0.5)
    bumpy = bumps.at(FINE)
    for share in FLATTER:
        log_r, log_r1, log_r2 = share * bumpy
        speed = np.exp(log_r) * np.hypot(1, log_r1)
        arc = np.append(0, np.cumsum((speed[1:] + speed[:-1]) / 2)) * FINE[1]
        scale = length / arc[-1]
        if np.abs(_curvature(log_r, log_r1, log_r2)).max() * half_width.max() < BEND * scale:
            break
    bearing = np.interp(laps * (arc[-1] / (2 * np.pi)), arc, FINE)
    log_r, log_r1, log_r2 = share * bumps.at(bearing)
    cos, sin, radius, turned = np.cos(bearing), np.sin(bearing), scale * np.exp(log_r), np.hypot(1, log_r1)
    track = Track(
        seed=seed,
        length=length,
        x=radius * cos,
        y=turn * radius * sin,
        tangent_x=(log_r1 * cos - sin) / turned,
        tangent_y=turn * (log_r1 * sin + cos) / turned,
        curvature=turn * _curvature(log_r, log_r1, log_r2) / scale,
        half_width=half_width,
        elevation=steep * elevation * (length / (2 * np.pi)),
        slope=steep * slope,
        slope_rate=steep * slope_rate * (2 * np.pi / length),
    )
    return track if half_width.min() > NARROWEST and _is_apart_from_itself(track) else None


def _curvature(log_r: Array, log_r1: Array, log_r2: Array) -> Array:
    """Of a curve given by log r and its derivatives by the bearing, 1 over the unit of r."""
    curvature: Array = (1 + log_r1**2 - log_r2) / (np.exp(log_r) * np.hypot(1, log_r1) ** 3)
    return curvature


@dataclass(frozen=True)
class _Series:
    """sum_k height_k cos(k a + phase_k)."""

    wave: Array
    height: Array
    phase: Array

    @classmethod
    def draw(cls, rng: np.random.Generator, waves: range, size: float) -> "_Series":
        """Heights are normal, of deviation `size` / k."""
        wave = np.array(waves, np.float64)[:, None]
        return cls(wave, rng.normal(0, size, wave.shape) / wave, rng.uniform(0, 2 * np.pi, wave.shape))

    def at(self, angle: Array) -> Array:
        """(3, V) Value, first and second derivative at angles (V,)."""
        cos, sin = np.cos(self.wave * angle + self.phase), np.sin(self.wave * angle + self.phase)
        step = self.wave * self.height
        return np.array([(self.height * cos).sum(0), -(step * sin).sum(0), -(self.wave * step * cos).sum(0)])


def _is_apart_from_itself(track: Track) -> bool:
    """Whether no two parts of the corridor touch.

    Near in distance along, BEND is enough: a curve whose curvature stays below 1/R comes no nearer to itself than a
    circle of radius R does (Schur's comparison theorem). Farther along: the distances between vertices.
    """
    widest, steps = track.half_width.max(), np.arange(len(track.x))
    apart = np.abs(steps[:, None] - steps)
    far = np.minimum(apart, len(steps) - apart) * track.spacing > 6 * widest
    squared = (track.x[:, None] - track.x) ** 2 + (track.y[:, None] - track.y) ** 2
    return bool(squared[far].min() > (2 * widest + GAP) ** 2)
