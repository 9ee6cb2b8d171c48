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
    count = len(agent)
    step = np.zeros(count, np.int32)
    gap_before, gap_after = np.zeros(count, bool), np.zeros(count, bool)
    anyones = lost & (agent == UNKNOWN)
    order = np.argsort(agent, kind="stable")
    starts = np.flatnonzero(np.diff(agent[order], prepend=UNKNOWN - 1))
    for rows in np.split(order, starts[1:]):
        if agent[rows[0]] == UNKNOWN:
            continue
        step[rows] = np.arange(len(rows))
        if lost.any():
            lost_rows = np.flatnonzero(anyones | (lost & (agent == agent[rows[0]])))
            kept = rows[~lost[rows]]
            before = np.searchsorted(lost_rows, kept)  # how many were lost before each kept row
            edges = np.concatenate([[0], before, [len(lost_rows)]])
            gap_before[kept] = np.diff(edges)[:-1] > 0
            gap_after[kept] = np.diff(edges)[1:] > 0
    return step, gap_before, gap_after
