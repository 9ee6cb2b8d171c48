"""Partitions against the catalog: their bytes and, row by row, the rollouts in them.

Arrives: a lake. Leaves: a `Damage` for each partition that is not what was committed, with what hangs on it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from warehouse import tables as t
from warehouse.checksum import mismatch
from warehouse.fingerprint import fingerprints
from warehouse.lake import Lake
from warehouse.verification import Damage

_r, _p, _wr = t.rollouts.c, t.partitions.c, t.window_rollouts.c
_RESTORE = "Put the file back from a backup of the lake"


def partitions(lake: Lake) -> list[Any]:
    """What the catalog says of every partition whose file upkeep has not removed, oldest first."""
    query = sa.select(_p.partition_id, _p.path, _p.bytes, _p.rows, _p.retired_at).where(_p.removed_at.is_(None))
    query = query.order_by(_p.created_at, _p.path)
    with lake.catalog.read() as connection:
        return list(connection.execute(query).all())


def damaged_partitions(
    lake: Lake, found: Sequence[Any], tick: Callable[[str], None], *, deep: bool
) -> Iterator[Damage]:
    """Look at the bytes of each partition; with `deep`, or where they are wrong, at the rows of each rollout too."""
    for row in found:
        tick(row.path)
        path = lake.paths.absolute(row.path)
        wrong = mismatch(path, row.bytes, row.partition_id)
        if not (wrong or deep):
            continue
        members = _members(lake, row.partition_id)
        whole = _whole(path, members)
        if wrong is None and all(whole):
            continue
        damage = _damage(lake, row, wrong, members, whole)
        if row.retired_at is None or damage.versions or path.exists():  # else collected: nothing needs it any more
            yield damage


def _members(lake: Lake, partition_id: str) -> list[Any]:
    """Every place in a partition that the ledger or a window names, with the hash of its rows."""
    now = sa.select(_r.rollout_id, _r.first_row, _r.rows).where(_r.partition_id == partition_id)
    pinned = sa.select(_wr.rollout_id, _wr.first_row, _wr.rows).where(_wr.partition_id == partition_id)
    places = now.union(pinned).subquery()
    query = (
        sa.select(_r.rollout_id, places.c.first_row, places.c.rows, _r.rows_sha256, _r.file_name, _r.run_id)
        .select_from(places)
        .join(t.rollouts, _r.rollout_id == places.c.rollout_id)
        .order_by(places.c.first_row)
    )
    with lake.catalog.read() as connection:
        return list(connection.execute(query).all())


def _whole(path: Path, members: Sequence[Any]) -> list[bool]:
    """Whether the rows of each member still have their hash; read group by group, since one may be torn alone."""
    try:
        file = pq.ParquetFile(path)
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    except (OSError, pa.ArrowException):
        return [False] * len(members)
    with file:
        return [_has_hash(file, sizes, member) for member in members]


def _has_hash(file: pq.ParquetFile, sizes: Sequence[int], member: Any) -> bool:  # noqa: ANN401 - a row of the catalog
    first, end = member.first_row, member.first_row + member.rows
    starts = list(accumulate(sizes, initial=0))
    groups = [group for group, (start, stop) in enumerate(pairwise(starts)) if start < end and first < stop]
    if not groups:
        return False
    skip = first - starts[groups[0]]
    try:
        rows = pl.from_arrow(file.read_row_groups(groups, use_threads=False).slice(skip, member.rows))
        assert isinstance(rows, pl.DataFrame)
        return len(rows) == member.rows and fingerprints(rows, [(0, member.rows)]) == [member.rows_sha256]
    except (OSError, ValueError, pa.ArrowException, pl.exceptions.PolarsError):
        return False


def _damage(lake: Lake, row: Any, wrong: str | None, members: Sequence[Any], whole: Sequence[bool]) -> Damage:  # noqa: ANN401
    names = [f"{member.run_id}/{member.file_name}" for member in members]
    torn = [name for name, good in zip(names, whole, strict=True) if not good]
    pinned = sa.select(_wr.window_id).where(_wr.partition_id == row.partition_id).distinct()
    with lake.catalog.read() as connection:
        windows = sorted(connection.scalars(pinned))
        trained = sa.select(t.models.c.version).where(t.models.c.window_id.in_(pinned))
        versions = sorted(connection.scalars(trained))
        files = connection.execute(sa.select(_r.file_path).where(_r.partition_id == row.partition_id)).scalars().all()
    return Damage(
        kind="partition",
        place=row.path,
        found=wrong or f"its bytes are right, but the rows of {', '.join(torn)} are not those that the ledger names",
        next_step=_next_step(list(files)),
        rollouts=_once(names),
        whole=_once(name for name, good in zip(names, whole, strict=True) if good),
        runs=_once(member.run_id for member in members),
        windows=tuple(windows),
        versions=tuple(versions),
    )


def _next_step(files: Sequence[str]) -> str:
    there = [path for path in files if Path(path).is_file()]
    if not there:
        return f"{_RESTORE}; the engine's files of its rollouts are no longer where they were"
    folder = sorted({Path(path).parent.as_posix() for path in there})[0]
    return (
        f"{_RESTORE}. Is there none: {len(there)} of the engine's {len(files)} files still lie there, for a new lake: "
        f'pitwall --home NEW ingest "{folder}"'
    )


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
