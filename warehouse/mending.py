"""Mended files: a rollout that was taken in with rejected rows comes again with those rows repaired.

Arrives: the rollouts of a batch and their rows. Leaves: which older rollout each of them takes the place of. A file is
a mended one only when it has the name, the folder and the length of the older one, and every row that was good before
is there unchanged, bit for bit; the engine also reuses names in a new session, and those rows differ.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa

from warehouse import tables as t
from warehouse.lake import Lake
from warehouse.partition import read_ranges

_PLACES = ("rollout_id", "step", "gap_before", "gap_after")


def mended(lake: Lake, rollouts: Mapping[str, Mapping[str, Any]], frames: Sequence[pl.DataFrame]) -> dict[str, str]:
    """Old rollout_id -> the new one that takes its place."""
    r, p = t.rollouts.c, t.partitions.c
    sources = {row["source"] for row in rollouts.values()}
    query = (
        sa.select(r.rollout_id, r.file_name, r.source, r.rows_in_file, r.first_row, r.rows, p.path, p.partition_id)
        .join_from(t.rollouts, t.partitions)
        .where(r.rejected_rows > 0, r.superseded_by.is_(None), r.dropped_at.is_(None), r.source.in_(sources))
    )
    flawed = defaultdict(list)
    with lake.catalog.read() as connection:
        for row in connection.execute(query):
            flawed[row.file_name, row.source, row.rows_in_file].append(row)
    found = {}
    for rollout_id, new in rollouts.items():
        for old in flawed[new["file_name"], new["source"], new["rows_in_file"]]:
            before = read_ranges(lake.paths, old.path, old.partition_id, [(old.first_row, old.rows)])
            now = next(part for frame in frames if len(part := frame.filter(pl.col("rollout_id") == rollout_id)))
            if _contains(now, before):
                found[old.rollout_id] = rollout_id
    return found


def _contains(now: pl.DataFrame, before: pl.DataFrame) -> bool:
    same = now.filter(pl.col("row_index").is_in(before["row_index"].to_list())).sort("row_index")
    names = [name for name in before.columns if name not in _PLACES]
    return set(names) <= set(same.columns) and same.select(names).equals(before.sort("row_index").select(names))
