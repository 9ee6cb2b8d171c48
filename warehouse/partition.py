"""Immutable Parquet partitions: written once under the hash of their bytes, read by row range.

Arrives: one frame of steps, sorted by rollout, agent, step. Leaves: a file, and where each rollout lies in it.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import polars as pl

from schemas.errors import LakeDamaged
from schemas.space import Space
from warehouse.fingerprint import fingerprints
from warehouse.paths import Paths, made_young, whole_file

ROWS_PER_GROUP = 32_768
"""Small enough that reading one rollout touches little, large enough to compress."""


@dataclass(frozen=True)
class Member:
    """The rows of one rollout within a partition."""

    rollout_id: str
    first_row: int
    rows: int
    rows_sha256: str


@dataclass(frozen=True)
class Partition:
    """A written file; `partition_id` is the sha256 of its bytes."""

    partition_id: str
    path: str
    bytes: int
    rows: int
    space: Space
    terms: tuple[str, ...]
    members: tuple[Member, ...]


def write_partition(paths: Paths, run: str, frame: pl.DataFrame, space: Space, terms: tuple[str, ...]) -> Partition:
    """Write one partition; nothing refers to it before the catalog does.

    Raises:
        StorageBusy: the disk is full or the folder cannot be written.
    """
    buffer = io.BytesIO()
    # float32 hardly shrinks: zstd would save an eighth of the bytes, and take three times as long to unpack
    frame.write_parquet(buffer, compression="lz4", row_group_size=ROWS_PER_GROUP)
    content = buffer.getbuffer()
    identity = hashlib.sha256(content).hexdigest()
    target = paths.partition(run, identity)
    if not _lies_there(target, identity):  # Windows replaces no file that is being read
        with whole_file(target, paths.scratch) as file:
            file.write(content)
    sizes = frame.group_by("rollout_id", maintain_order=True).len().rows()
    starts = [0, *accumulate(rows for _, rows in sizes)]
    hashes = fingerprints(frame, [(start, rows) for start, (_, rows) in zip(starts, sizes, strict=False)])
    members = [
        Member(rollout_id, start, rows, rows_sha256)
        for (rollout_id, rows), start, rows_sha256 in zip(sizes, starts, hashes, strict=False)
    ]
    return Partition(identity, paths.relative(target), len(content), len(frame), space, terms, tuple(members))


def read_ranges(
    paths: Paths, path: str, sha256: str, ranges: Sequence[tuple[int, int]], without: Sequence[str] = ()
) -> pl.DataFrame:
    """Row ranges (first row, rows), ascending, of a partition whose bytes still have this hash, `without` some columns.

    Raises:
        LakeDamaged: the file is gone, or other than when it was committed.
    """
    try:
        content = paths.absolute(path).read_bytes()
    except OSError as error:
        raise LakeDamaged(f"{path}: cannot be read ({error.strerror}). Restore it from a backup of the lake") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise LakeDamaged(f"{path}: its bytes are not those that were committed. Restore it from a backup of the lake")
    rows = pl.scan_parquet(io.BytesIO(content)).select(pl.exclude(without))
    return pl.concat([rows.slice(first, length) for first, length in _joined(ranges)]).collect()


def _lies_there(target: Path, sha256: str) -> bool:
    """Whether these very bytes lie there already; they are young again then, so that no collector takes them."""
    return made_young(target) and hashlib.sha256(target.read_bytes()).hexdigest() == sha256


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring ranges as one."""
    joined: list[tuple[int, int]] = []
    for first, rows in ranges:
        if joined and sum(joined[-1]) == first:
            joined[-1] = (joined[-1][0], joined[-1][1] + rows)
        else:
            joined.append((first, rows))
    return joined
