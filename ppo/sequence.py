"""Which rows of a window follow each other.

Arrives: an Arrow table sorted by run, agent, rollout position and step. Leaves: one bool a row, as numpy.
Legend: N rows.
"""

from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Number = TypeVar("Number", np.float32, np.float64, np.int64)


def followed(table: pa.Table) -> Flags:
    """(N,) whether the next row is the same agent's next step: in the same rollout, or over the seam of two.

    A gap (a lost row) breaks the chain, and so does a missing rollout; the end of an episode does not.
    """
    if table.num_rows == 0:
        return np.zeros(0, bool)
    rollout = codes(table, "rollout_id")
    index = column(table, "rollout_index", np.float64)  # null: NaN, which follows nothing
    same = rollout[1:] == rollout[:-1]
    seam = index[1:] == index[:-1] + 1
    follows = agent_continues(table) & (same | seam) & ~flag(table, "gap_after")[:-1] & ~flag(table, "gap_before")[1:]
    return np.append(follows, False)


def agent_continues(table: pa.Table) -> Flags:
    """(N - 1,) whether the next row belongs to the same agent of the same run."""
    agent = column(table, "agent_index", np.int64)
    alike: Flags = agent[1:] == agent[:-1]
    if "run_id" in table.column_names:
        run = codes(table, "run_id")
        alike &= run[1:] == run[:-1]
    return alike


def ended(table: pa.Table) -> Flags:
    """(N,) whether the episode ended with this row, by the task or by a time limit."""
    return flag(table, "terminated") | flag(table, "truncated")


def flag(table: pa.Table, name: str) -> Flags:
    """(N,) a bool column; null is false."""
    values: Flags = table[name].combine_chunks().fill_null(False).to_numpy(zero_copy_only=False).astype(bool)
    return values


def column(table: pa.Table, name: str, dtype: type[Number]) -> NDArray[Number]:
    """(N,) a number column; null is NaN where the dtype has one."""
    values: NDArray[Number] = table[name].to_numpy().astype(dtype, copy=False)
    return values


def codes(table: pa.Table, name: str) -> NDArray[np.int32]:
    """(N,) a text column as numbers: equal text, equal number."""
    encoded = table[name].combine_chunks().dictionary_encode()
    numbers: NDArray[np.int32] = encoded.indices.to_numpy(zero_copy_only=False)
    return numbers
