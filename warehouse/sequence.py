"""Where each car's row stands in its own sequence, and where rows are missing from it.

Arrives: for every row of one file, in file order, its car and whether it was lost. Leaves: steps and gaps.
"""

import numpy as np
from numpy.typing import NDArray

UNKNOWN = -1
"""The car of a lost row that does not say whose it was: it may be anyone's, so it cuts everyone."""


def sequence(
    agent: NDArray[np.int32], lost: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Steps and gaps of the rows (N,) of one file.

    Returns:
        step (N,): how many rows of the same car stand before this one, lost ones counted;
        gap_before, gap_after (N,): a row of this car was lost between this row and its kept neighbour, or the file's
            start or end.
        The entries of lost rows mean nothing.
    """
    order = np.argsort(agent, kind="stable")  # one car's rows behind another's, each in file order
    sorted_agent, gone = agent[order], lost[order]
    starts = np.flatnonzero(np.diff(sorted_agent, prepend=UNKNOWN - 1))
    group = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(agent)))
    step = np.empty(len(agent), np.int32)
    step[order] = np.arange(len(agent)) - starts[group]
    gap_before, gap_after = np.zeros((2, len(agent)), bool)
    kept = np.flatnonzero(~gone)
    if lost.any() and len(kept):
        anyones = lost & (agent == UNKNOWN)
        # Lost rows before each row: of its own car, and of all cars that are sorted before that.
        own: NDArray[np.int64] = np.cumsum(gone) - gone
        before = (np.cumsum(anyones)[order] + own - own[starts][group])[kept]
        in_all = anyones.sum() + np.add.reduceat(gone, starts, dtype=np.int64)[group[kept]]
        first = np.diff(group[kept], prepend=-1) != 0
        last = np.append(first[1:], True)
        gap_before[order[kept]] = np.where(first, before, before - np.roll(before, 1)) > 0
        gap_after[order[kept]] = np.where(last, in_all, np.roll(before, -1)) > before
    return step, gap_before, gap_after
