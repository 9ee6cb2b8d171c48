"""How a car lies in the world: the road under it, and its body on the springs.

Arrives: cars and their places. Leaves: slopes in the car's frame, pitch and roll. Legend: N cars.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from racing.car import Cars
from racing.tracks import Place

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Attitude:
    """Of N cars."""

    cos: Floats
    sin: Floats
    """(N,) of the heading."""
    slopes: Floats
    """(2, N) How much the road rises per metre forward, and per metre to the right."""
    slope_rate: Floats
    """(N,) Change of the slope forward per metre forward, 1/m."""
    tilt: Floats
    """(2, N) Pitch, nose up positive, and roll, right side down positive; road and body together, radians."""

    @classmethod
    def of(cls, cars: Cars, place: Place) -> "Attitude":
        """As the cars stand."""
        cos, sin = np.cos(cars.heading), np.sin(cars.heading)
        ahead = cos * place.tangent[0] + sin * place.tangent[1]
        aside = cos * place.tangent[1] - sin * place.tangent[0]
        slopes = np.array([place.slope * ahead, place.slope * aside])
        tilt = np.arctan(slopes)
        tilt[0] += cars.dive
        tilt[1] = cars.lean - tilt[1]
        return cls(cos=cos, sin=sin, slopes=slopes, slope_rate=place.slope_rate * (ahead * ahead), tilt=tilt)
