"""Immutable Parquet partitions: written once under the hash of their bytes, read by row range.

Arrives: one frame of steps, sorted by rollout, agent, step. Leaves: a file, and where each rollout lies in it.
"""

import hashlib
import io
from dataclasses import dataclass

import polars as pl

from schemas.errors import LakeDamaged
from schemas.space import Space
from warehouse.fingerprint import fingerprint
from warehouse.paths import Paths, whole_file

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
    frame.write_parquet(buffer, compression="zstd", compression_level=1, row_group_size=ROWS_PER_GROUP)
    content = buffer.getbuffer()
    identity = hashlib.sha256(content).hexdigest()
    target = paths.partition(run, identity)
    with whole_file(target, paths.scratch) as file:
        file.write(content)
    members = []
    start = 0
    for rollout_id, rows in frame.group_by("rollout_id", maintain_order=True).len().rows():
        members.append(Member(rollout_id, start, rows, fingerprint(frame.slice(start, rows))))
        start += rows
    return Partition(identity, paths.relative(target), len(content), len(frame), space, terms, tuple(members))


def read_rows(paths: Paths, path: str, first_row: int, rows: int) -> pl.DataFrame:
    """A row range of a partition.

    Raises:
        LakeDamaged: the file is gone or shorter than the catalog says.
    """
    try:
        frame = pl.scan_parquet(paths.absolute(path), glob=False).slice(first_row, rows).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise LakeDamaged(f"{path}: cannot be read ({error}). Restore it from a backup of the lake") from error
    if len(frame) != rows:
        raise LakeDamaged(f"{path}: rows {first_row}..{first_row + rows} are not all there. Restore it from a backup")
    return frame
