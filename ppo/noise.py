"""The engine's exploration noise, solved from recorded log-probs.

Arrives: what the rows of an episode say (`Evidence`). Leaves: the one factor s with which std * s explains every row.
Each row has two roots, below and above s = sqrt(q / U); the one that the rows of an episode share is the factor.
Legend: N rows of one episode, K candidates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ppo.evidence import Array, Evidence

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
    informative = np.argsort(-np.abs(evidence.slope(evidence.roots[:, 0])), kind="stable")[:SAMPLE]
    candidates = evidence.roots[informative].ravel()
    off = np.abs(evidence.residual(candidates[:, None]))
    # A wrong root fits its own row only; the cap keeps one bad row from outvoting the others.
    order = np.argsort(np.square(np.minimum(off, 10.0)).mean(axis=1), kind="stable")
    explains = off.max(axis=1)[order] <= SIGMAS
    explains[0] = True  # the best there is
    best, *rivals = _solutions(evidence, candidates[order][explains])
    if expected is None:
        return replace(best, rivals=tuple(rival.scale for rival in rivals))
    return _nearest(evidence, [best, *rivals], expected)


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


def _solutions(evidence: Evidence, candidates: Array) -> Iterator[Solution]:
    """What candidates lead to, each solution once."""
    while len(candidates):
        solution = _refine(evidence, float(candidates[0]))
        yield solution
        others = candidates[1:]
        candidates = others[np.abs(others - np.log(solution.scale)) >= max(10 * solution.error, 1e-3)]


def _refine(evidence: Evidence, log_scale: float) -> Solution:
    """Weighted least squares over the rows that agree (Gauss-Newton); the slope weighs rows by their conditioning."""
    middle = (len(evidence.q) - 1) // 2
    for _ in range(8):
        slope, residual = evidence.slope(log_scale), evidence.residual(log_scale)
        off = np.abs(residual)
        keep = off <= max(SIGMAS, np.partition(off, middle)[middle])  # half of the rows at least
        information = np.square(slope[keep]).sum()
        if information == 0:
            break
        step = float((slope[keep] * residual[keep]).sum() / information)
        log_scale += float(np.clip(step, -0.1, 0.1))
        if abs(step) < 1e-12:
            break
    information = np.square(evidence.slope(log_scale)).sum()
    return Solution(float(np.exp(log_scale)), float(1 / np.sqrt(max(information, 1e-300))))


def _nearest(evidence: Evidence, solutions: Sequence[Solution], expected: float) -> Solution:
    """The root nearest what is expected; the expected factor itself where no root is precise and the rows agree."""
    nearest = min(solutions, key=lambda solution: abs(np.log(solution.scale / expected)))
    if nearest.error > SURE and np.abs(evidence.residual(np.log(expected))).max() <= SIGMAS:
        return Solution(expected, nearest.error)
    return nearest
