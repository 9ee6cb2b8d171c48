"""A hash over rows, independent of files, row groups and compression.

Arrives: rows of one rollout in lake order. Leaves: sha256 in hex. Two frames have the same fingerprint only when every
column has the same name, type, values (bit for bit) and unknowns.
"""

import hashlib

import numpy as np
import polars as pl


def fingerprint(rows: pl.DataFrame) -> str:
    """Hash of one rollout's rows; `rollout_id` is left out, being the identity and not a measurement."""
    digest = hashlib.sha256()
    for column in rows.drop("rollout_id", strict=False).iter_columns():
        digest.update(f"{column.name}\0{column.dtype}\0{len(column)}\0".encode())
        if column.null_count():
            digest.update(np.packbits(column.is_null().to_numpy()).tobytes())
            column = column.fill_null(False if column.dtype == pl.Boolean else 0)
        digest.update(np.ascontiguousarray(column.to_numpy()).data)
    return digest.hexdigest()


def combined(fingerprints: list[str]) -> str:
    """Hash over several rollouts in order: the identity of a window's rows."""
    return hashlib.sha256("\n".join(fingerprints).encode()).hexdigest()
