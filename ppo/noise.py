"""The engine's exploration noise, solved from recorded log-probs.

Arrives: per row the squared distance q of the action from the behaviour policy's mean, in its standard deviations, and
the recorded log_prob. Leaves: one factor s per episode, with which std * s explains every row (contract/policy-json).
    log_prob + sum log std_i + U/2 log 2 pi  =  c  =  -q / (2 s^2) - U log s
Per row this has two roots, below and above s = sqrt(q / U); the one that the rows of an episode share is the factor.
Everything is numpy float64. Legend: N rows of one episode, U actions, K candidates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SIGMAS = 8.0
"""Standard errors within which a float32 number agrees: of thousands of rows, none may fail by chance."""
SAMPLE = 24
"""Rows whose roots are tried as the factor of an episode; every row votes."""
SURE = 5e-5
"""Relative standard error above which an episode asks its neighbours."""
SCHEDULE = 0.9995
NOISE_FLOOR = 0.05
"""The engine multiplies its noise by SCHEDULE after each episode, down to NOISE_FLOOR."""


@dataclass(frozen=True)
class Evidence:
    """What the rows of one episode say: q, c and the error of c (one standard deviation, nats), each (N,)."""

    q: Array
    c: Array
    error: Array
    actions: int

    def rows(self, chosen: NDArray[np.intp]) -> "Evidence":
        """The evidence of some of the rows."""
        return Evidence(self.q[chosen], self.c[chosen], self.error[chosen], self.actions)

    def residual(self, log_scale: Array | float) -> Array:
        """How far rows are from a factor, in standard errors: (N,) or, for candidates (K, 1), (K, N)."""
        log_scale = np.asarray(log_scale)
        model = -0.5 * self.q * np.exp(-2 * log_scale) - self.actions * log_scale
        off: Array = (self.c - model) / self.error
        return off


@dataclass(frozen=True)
class Solution:
    """A factor and its relative standard error; `rivals` fit every row just as well."""

    scale: float
    error: float
    rivals: tuple[float, ...] = ()


def solve_episode(evidence: Evidence, expected: float | None = None) -> Solution:
    """The factor that the rows share.

    `expected`, from a neighbouring episode, decides where an episode is too short to tell: one row has two roots, and
    near the double root hardly any precision.
    """
    roots = log_roots(evidence)
    informative = np.argsort(-np.abs(_slope(evidence, roots[:, 0])) / evidence.error, kind="stable")[:SAMPLE]
    candidates = roots[informative].ravel()
    # A wrong root fits its own row only; the cap keeps one bad row from outvoting the others.
    cost = np.minimum(np.square(evidence.residual(candidates[:, None])), 100.0).mean(axis=1)
    candidates = candidates[np.argsort(cost, kind="stable")]
    best = _refine(evidence, float(candidates[0]))
    solutions = (best, *_rivals(evidence, candidates, best))
    if expected is None:
        return replace(best, rivals=tuple(rival.scale for rival in solutions[1:]))
    return _nearest(evidence, solutions, expected)


def fits(evidence: Evidence, scale: float) -> bool:
    """Whether the factor explains every row to the error of float32."""
    return bool(np.abs(evidence.residual(np.log(scale))).max() <= SIGMAS)


def scheduled(scale: float, episodes: int) -> float:
    """The engine's factor `episodes` episodes after one of `scale` (before it where negative)."""
    if episodes < 0:
        return float(scale / SCHEDULE**-episodes)
    return float(max(scale * SCHEDULE**episodes, min(scale, NOISE_FLOOR)))


def shared_root(solutions: Sequence[Solution]) -> float:
    """The root that most of some episodes have within a hundredth, where each alone leaves two."""
    roots = [np.log([solution.scale, *solution.rivals]) for solution in solutions]
    candidates = np.concatenate(roots)
    votes = sum((np.abs(candidates[:, None] - own).min(axis=1) < 0.01).astype(int) for own in roots)
    return float(np.exp(np.median(candidates[votes == np.max(votes)])))


def log_roots(evidence: Evidence) -> Array:
    """Both roots of every row, (N, 2). With t = q / (U s^2): t - log t = k >= 1, one root on either side of 1."""
    q = np.maximum(evidence.q, 1e-30)
    k = np.maximum(-2 * evidence.c / evidence.actions - np.log(q / evidence.actions), 1.0)
    start = np.sqrt(2 * (k - 1))
    above = np.maximum(k + np.log(np.maximum(k, 1.0)), 1 + start)  # Newton on convex functions
    below = -k  # log t of the smaller root
    for _ in range(30):
        step_above = _guarded(above - np.log(above) - k, 1 - 1 / above)
        step_below = _guarded(np.exp(below) - below - k, np.exp(below) - 1)
        above, below = above - step_above, below - step_below
        if max(np.abs(step_above / above).max(), np.abs(step_below).max()) < 1e-12:
            break
    log_t = np.stack([np.log(np.maximum(above, 1.0)), np.minimum(below, 0.0)], axis=1)
    roots: Array = 0.5 * (np.log(q / evidence.actions)[:, None] - log_t)
    return roots


def _guarded(value: Array, slope: Array) -> Array:
    return np.where(np.abs(slope) > 1e-9, value / np.where(np.abs(slope) > 1e-9, slope, 1.0), 0.0)


def _slope(evidence: Evidence, log_scale: Array | float) -> Array:
    """The slope d log_prob / d log s = q / s^2 - U: zero at the double root, where a row says nothing."""
    slope: Array = evidence.q * np.exp(-2 * np.asarray(log_scale)) - evidence.actions
    return slope


def _refine(evidence: Evidence, log_scale: float) -> Solution:
    """Weighted least squares over the rows that agree (Gauss-Newton); the slope weighs rows by their conditioning."""
    for _ in range(8):
        slope = _slope(evidence, log_scale) / evidence.error
        residual = evidence.residual(log_scale)
        keep = np.abs(residual) <= max(SIGMAS, np.median(np.abs(residual)))
        information = np.square(slope[keep]).sum()
        if information == 0:
            break
        step = float((slope[keep] * residual[keep]).sum() / information)
        log_scale += float(np.clip(step, -0.1, 0.1))
        if abs(step) < 1e-12:
            break
    information = np.square(_slope(evidence, log_scale) / evidence.error).sum()
    return Solution(float(np.exp(log_scale)), float(1 / np.sqrt(max(information, 1e-300))))


def _rivals(evidence: Evidence, candidates: Array, best: Solution) -> tuple[Solution, ...]:
    """Other roots that explain every row."""
    rivals: list[Solution] = []
    for candidate in candidates:
        near = [abs(candidate - np.log(known.scale)) < max(10 * known.error, 1e-3) for known in (best, *rivals)]
        if not any(near) and fits(evidence, float(np.exp(candidate))):
            rivals.append(_refine(evidence, float(candidate)))
    return tuple(rivals)


def _nearest(evidence: Evidence, solutions: tuple[Solution, ...], expected: float) -> Solution:
    """The root nearest what is expected; the expected factor itself where no root is precise and the rows agree."""
    nearest = min(solutions, key=lambda solution: abs(np.log(solution.scale / expected)))
    if nearest.error > SURE and fits(evidence, expected):
        return Solution(expected, nearest.error)
    return nearest
