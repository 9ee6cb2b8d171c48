"""What recorded rows say about the engine's exploration noise.

Arrives: actions and log_probs that the engine recorded, and what the behaviour policy makes of the same observations.
Leaves: per row the squared distance q of the action from the policy's mean, in its standard deviations, and c, of
    log_prob + sum log std_i + U/2 log 2 pi  =  c  =  -q / (2 s^2) - U log s
with both factors s that solve it: std * s explains the row (contract/policy-json). Everything is numpy float64.
Legend: N rows, U actions, K candidates.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppo.network import EPS, Prediction

Array = NDArray[np.float64]
CROWD = 16
"""Rows of an agent that are enough to see where their roots lie densest."""
LARGEST = 700.0
"""A log_prob of minus thousands has a root whose exponential no float64 holds; no factor is as large as this one."""
TINY = float(np.finfo(np.float64).tiny)
NEWTON_STEPS = 6
"""They reach float64 from the starts of `_log_roots`; five do."""


@dataclass(frozen=True)
class Evidence:
    """What rows say: q, c and the error of c (one standard deviation, nats), each (N,), and their roots (N, 2)."""

    q: Array
    c: Array
    error: Array
    roots: Array
    """Both log s of every row, the smaller first; at most LARGEST."""
    actions: int
    """U."""

    @classmethod
    def of(
        cls, actions: Array, log_prob: Array, prediction: Prediction, log_std: Array, agent: NDArray[np.int64]
    ) -> "Evidence":
        """Of the rows (N,) of one rollout, with the error that float32 leaves."""
        width = len(log_std)
        z = (actions - prediction.mean) / np.exp(log_std)
        q = np.square(z).sum(axis=1)
        c = log_prob + log_std.sum() + 0.5 * width * np.log(2 * np.pi)
        roots = _log_roots(q, c, width)
        scale = _crowded_root(roots, agent)[:, None]
        slope = z / np.exp(log_std) / scale**2  # d log_prob / d mean
        terms = np.square(np.square(z / scale)) + np.square(2 * (log_std + np.log(scale))) + 4
        rounding = EPS**2 * (terms.sum(axis=1) + np.square(log_prob))
        error = np.sqrt(np.square(slope * prediction.mean_error).sum(axis=1) + rounding)
        return cls(q, c, error, np.minimum(roots, LARGEST), width)

    @classmethod
    def joined(cls, count: int, actions: int, parts: Iterable[tuple[NDArray[np.intp], "Evidence"]]) -> "Evidence":
        """Of `count` rows, of which each part tells some; the others say nothing."""
        q, c, error, roots = np.zeros(count), np.zeros(count), np.ones(count), np.zeros((count, 2))
        for rows, said in parts:
            q[rows], c[rows], error[rows], roots[rows] = said.q, said.c, said.error, said.roots
        return cls(q, c, error, roots, actions)

    def rows(self, chosen: NDArray[np.intp]) -> "Evidence":
        """The evidence of some of the rows."""
        return Evidence(self.q[chosen], self.c[chosen], self.error[chosen], self.roots[chosen], self.actions)

    def residual(self, log_scale: Array | float) -> Array:
        """How far rows are from a factor, in standard errors: (N,) or, for candidates (K, 1), (K, N)."""
        log_scale = np.asarray(log_scale)
        model = -0.5 * self.q * np.exp(-2 * log_scale) - self.actions * log_scale
        off: Array = (self.c - model) / self.error
        return off

    def slope(self, log_scale: Array | float) -> Array:
        """Of log_prob in log s, q / s^2 - U, in standard errors: zero at the double root, where a row says nothing."""
        slope: Array = (self.q * np.exp(-2 * np.asarray(log_scale)) - self.actions) / self.error
        return slope


def _log_roots(q: Array, c: Array, actions: int) -> Array:
    """Both log s of every row, (N, 2). With y = log(q / (U s^2)): e^y - 1 - y = d >= 0, one root on either side of 0.

    Newton on a convex function. The upper start is a bound of Lambert's W (Chatzigeorgiou 2013, IEEE Comm. Letters 17,
    theorem 1), the lower one solves y^2 / (2 - 2/3 y) = d, the Pade approximant.
    """
    log_share = np.log(np.maximum(q, 1e-30) / actions)
    d = np.maximum(-2 * c / actions - log_share - 1, TINY)  # a row without a root has the double one
    y = np.stack([np.log1p(np.sqrt(2 * d) + d), -d / 3 - np.sqrt(np.square(d) / 9 + 2 * d)], axis=1)
    for _ in range(NEWTON_STEPS):
        slope = np.expm1(y)
        y -= (slope - y - d[:, None]) / slope
    roots: Array = 0.5 * (log_share[:, None] - y)
    return roots


def _crowded_root(roots: Array, agent: NDArray[np.int64]) -> Array:
    """(N,) about the factor of each row's agent, for the sake of errors: where the rows' roots lie densest.

    Not their median: at a clamp rows are far from the mean, and of their two roots either may be the true one.
    """

    def densest(chosen: Array) -> float:
        ordered = np.sort(chosen.ravel())
        few = max(1, len(chosen) // 4)
        at = int(np.argmin(ordered[few:] - ordered[:-few]))
        return float(np.exp(min(np.median(ordered[at : at + few + 1]), LARGEST / 2)))  # it is squared

    scale = np.full(len(agent), densest(roots))
    for one in np.unique(agent):
        rows = agent == one
        if rows.sum() >= CROWD:
            scale[rows] = densest(roots[rows])
    return scale
