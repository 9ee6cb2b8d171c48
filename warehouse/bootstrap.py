"""How sure is a mean? Percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).

Arrives: finite numbers, and which of them belong together. Leaves: 95 % intervals, and resampled means.
Legend: N values, G groups, R resamples.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 4000
_PERCENTILES = (2.5, 97.5)
_AT_ONCE = 2**21
"""Drawn numbers held in memory together."""


@dataclass(frozen=True)
class Interval:
    """A mean with the interval that holds the true one in 95 of 100 cases, as far as the sample tells."""

    mean: float
    low: float
    high: float


def interval(values: ArrayLike, groups: ArrayLike | None = None, seed: int = 0) -> Interval:
    """The mean of values (N,) with its 95 % interval. For paired samples give their differences.

    Values of one group are drawn together: where drives on one track resemble each other, the track is what chance
    picks. `groups` (N,) names them; without it each value is its own.

    Raises ValueError: there are no values, or one is not finite.
    """
    base, rest = _centred(values)
    return around(base + rest.mean(), means(values, groups, seed))


def around(mean: float, drawn: NDArray[np.float64]) -> Interval:
    """The interval of a mean whose resampled ones (R,) are known."""
    low, high = np.percentile(drawn, _PERCENTILES)
    return Interval(float(mean), float(low), float(high))


def means(values: ArrayLike, groups: ArrayLike | None = None, seed: int = 0) -> NDArray[np.float64]:
    """Means (R,) of samples drawn from values (N,) with replacement, group by group; arguments as `interval`."""
    base, rest = _centred(values)
    of_value = np.arange(len(rest)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    sizes = np.bincount(of_value)  # (G,)
    sums = np.zeros(len(sizes))
    np.add.at(sums, of_value, rest)
    rng = np.random.default_rng(seed)
    drawn = []
    left = RESAMPLES
    while left:
        some = min(left, max(1, _AT_ONCE // len(sums)))
        which = rng.integers(len(sums), size=(some, len(sums)))
        drawn.append(sums[which].sum(axis=1) / sizes[which].sum(axis=1))
        left -= some
    return base + np.concatenate(drawn)


def _centred(values: ArrayLike) -> tuple[float, NDArray[np.float64]]:
    """The first value, and all of them less it: equal values stay equal to the last bit."""
    numbers = np.asarray(values, np.float64)
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError(f"values have the shape {numbers.shape}, wanted (N,) with N of 1 or more")
    if (wrong := np.flatnonzero(~np.isfinite(numbers))).size:
        raise ValueError(f"values[{wrong[0]}] is {numbers[wrong[0]]}, wanted finite numbers")
    return float(numbers[0]), numbers - numbers[0]
