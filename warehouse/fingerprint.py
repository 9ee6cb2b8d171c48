"""A hash over rows, independent of files, row groups and compression.

Arrives: rows in lake order and the ranges of the rollouts among them. Leaves: sha256 in hex. Two ranges have the same
fingerprint only when every column has the same name, type, values (bit for bit) and unknowns.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl


def fingerprints(frame: pl.DataFrame, ranges: Iterable[tuple[int, int]]) -> list[str]:
    """Hash of each range (first row, rows) of a frame.

    `rollout_id` is left out, being the identity and not a measurement; so is a column that a range has no value in,
    since a partition gives each of its rollouts the columns of all of them.
    """
    columns = [(f"{c.name}\0{c.dtype}".encode(), *_values(c)) for c in frame.iter_columns() if c.name != "rollout_id"]
    found = []
    for first, rows in ranges:
        digest = hashlib.sha256(f"{rows}".encode())
        for name, values, unknown in columns:
            part = None if unknown is None else unknown[first : first + rows]
            if part is not None and part.any():
                if part.all():
                    continue
                digest.update(np.packbits(part).data)
            digest.update(name)
            digest.update(values[first : first + rows].data)
        found.append(digest.hexdigest())
    return found


def combined(hashes: Sequence[str]) -> str:
    """Hash over several rollouts in order: the identity of a window's rows."""
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _values(column: pl.Series) -> tuple["np.ndarray", "np.ndarray | None"]:
    if not column.null_count():
        return np.ascontiguousarray(column.to_numpy()), None
    unknown = column.is_null().to_numpy()
    filled = column.fill_null(value=False) if column.dtype == pl.Boolean else column.fill_null(0)
    return np.ascontiguousarray(filled.to_numpy()), unknown
