"""Compaction: the many small partitions of a run become few large ones, bit for bit the same rows.

Arrives: the catalog's list of partitions. Leaves: new partitions under the hash of their bytes, each told by ONE
transaction that moves its rollouts there and retires the old ones. Retired files stay where they are for readers that
listed them before and for the windows that name them; warehouse/collection.py decides when they go.

Safe when several processes compact, ingest and train at once, and when it is killed at any point: a file that no
transaction told of is garbage. Whoever comes second finds the sources retired and leaves them alone.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.errors import LakeDamaged
from schemas.space import Space
from warehouse import tables as t
from warehouse.fingerprint import fingerprints
from warehouse.lake import Lake
from warehouse.moment import moment
from warehouse.partition import Partition, read_ranges, write_partition

Progress = Callable[[int, int], None]
"""Called with (partitions done, partitions to do)."""


@dataclass(frozen=True)
class Place:
    """Where the rows of a rollout lie."""

    rollout_id: str
    first_row: int
    rows: int
    rows_sha256: str
    position: int


@dataclass(frozen=True)
class Source:
    """A partition in use, with the rollouts that still count in it."""

    partition_id: str
    path: str
    bytes: int
    all_rows: int
    places: tuple[Place, ...]

    @property
    def rows(self) -> int:
        """Rows that would be moved."""
        return sum(place.rows for place in self.places)


@dataclass(frozen=True)
class Join:
    """Partitions of one run, space and set of reward terms that become one."""

    run_id: str
    space: Space
    terms: tuple[str, ...]
    sources: tuple[Source, ...]

    @property
    def rows(self) -> int:
        """Rows of the new partition."""
        return sum(source.rows for source in self.sources)


@dataclass
class CompactionReport:
    """What was joined."""

    partitions: int = 0
    """Small ones that were retired."""
    made: int = 0
    rows: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    overtaken: int = 0
    """Joins that another process was quicker with."""
    damaged: dict[str, str] = field(default_factory=dict)
    """Path of a partition that was left alone -> what is wrong with it."""


def plan(lake: Lake) -> list[Join]:
    """What would be joined: of each run, neighbours of at most half of `compact_rows`, until that many are together.

    A partition of which retention dropped at least half is written anew even if it stands alone. Partitions that hold
    several runs stay as they are.
    """
    with lake.catalog.read() as connection:
        groups = _sources(connection)
        spaces = {row.space_id: Space.model_validate(row.definition) for row in connection.execute(sa.select(t.spaces))}
    joins = []
    for (run_id, space_id, terms), sources in sorted(groups.items()):
        for together in _bins(sources, lake.settings.compact_rows):
            joins.append(Join(run_id, spaces[space_id], terms, tuple(together)))
    return joins


def compact(lake: Lake, progress: Progress | None = None) -> CompactionReport:
    """Join what `plan` names. A damaged partition is never joined, but named in the report, and its like go on.

    Raises:
        CatalogBusy, StorageBusy: what was joined so far stays; the same call goes on from there.
    """
    report = CompactionReport()
    joins = plan(lake)
    total, done = sum(len(join.sources) for join in joins), 0
    for join in joins:
        frames, sources = [], []
        for source in join.sources:
            try:
                frames.append(_checked(lake, source))
                sources.append(source)
            except LakeDamaged as error:
                report.damaged[source.path] = str(error)
        if len(sources) > 1 or any(2 * source.rows <= source.all_rows for source in sources):
            _join(lake, join, sources, frames, report)
        done += len(join.sources)
        if progress is not None:
            progress(done, total)
    return report


def _sources(connection: Connection) -> dict[tuple[str, str, tuple[str, ...]], list[Source]]:
    """Partitions in use of a single run, by run, space and terms."""
    r, p = t.rollouts.c, t.partitions.c
    places: dict[str, list[Place]] = defaultdict(list)
    runs: dict[str, set[str]] = defaultdict(set)
    query = sa.select(r.partition_id, r.run_id, r.rollout_id, r.first_row, r.rows, r.rows_sha256, r.position)
    for partition_id, run_id, *place in connection.execute(query.where(r.dropped_at.is_(None))):
        places[partition_id].append(Place(*place))
        runs[partition_id].add(run_id)
    found: dict[tuple[str, str, tuple[str, ...]], list[Source]] = defaultdict(list)
    in_use = sa.select(t.partitions).where(p.retired_at.is_(None)).order_by(p.partition_id)
    for row in connection.execute(in_use):
        if len(runs[row.partition_id]) == 1:
            inside = tuple(sorted(places[row.partition_id], key=lambda place: place.first_row))
            key = next(iter(runs[row.partition_id])), row.space_id, tuple(row.terms)
            found[key].append(Source(row.partition_id, row.path, row.bytes, row.rows, inside))
    return found


def _bins(sources: list[Source], most: int) -> list[list[Source]]:
    small = [source for source in sources if 2 * source.rows <= most or 2 * source.rows <= source.all_rows]
    small.sort(key=lambda source: (min(place.position for place in source.places), source.partition_id))
    bins: list[list[Source]] = []
    for source in small:
        if bins and sum(member.rows for member in bins[-1]) + source.rows <= most:
            bins[-1].append(source)
        else:
            bins.append([source])
    return [members for members in bins if len(members) > 1 or 2 * members[0].rows <= members[0].all_rows]


def _checked(lake: Lake, source: Source) -> pl.DataFrame:
    """The rows that are moved, each rollout's proven to be the ones that were committed."""
    ranges = [(place.first_row, place.rows) for place in source.places]
    frame = read_ranges(lake.paths, source.path, source.partition_id, ranges)
    starts, start = [], 0
    for place in source.places:
        starts.append((start, place.rows))
        start += place.rows
    for place, found in zip(source.places, fingerprints(frame, starts), strict=True):
        if found != place.rows_sha256:
            raise LakeDamaged(
                f"{source.path}: rows {place.first_row} to {place.first_row + place.rows - 1} are not those of rollout "
                f"{place.rollout_id}. Restore the lake from a backup: pitwall restore SOURCE"
            )
    return frame


def _join(lake: Lake, join: Join, sources: list[Source], frames: list[pl.DataFrame], report: CompactionReport) -> None:
    frame = pl.concat([part.select(frames[0].columns) for part in frames], how="vertical", rechunk=True)
    made = write_partition(lake.paths, join.run_id, frame, join.space, join.terms)
    _prove(lake, made, sources)
    if not _tell(lake, made, sources):
        report.overtaken += 1
        return
    report.partitions += len(sources)
    report.made += 1
    report.rows += made.rows
    report.bytes_before += sum(source.bytes for source in sources)
    report.bytes_after += made.bytes


def _prove(lake: Lake, made: Partition, sources: list[Source]) -> None:
    """Read back from the disk what was written: every rollout has the rows that the ledger names."""
    wanted = {place.rollout_id: place.rows_sha256 for source in sources for place in source.places}
    ranges = [(member.first_row, member.rows) for member in made.members]
    again = fingerprints(read_ranges(lake.paths, made.path, made.partition_id, [(0, made.rows)]), ranges)
    if {member.rollout_id: found for member, found in zip(made.members, again, strict=True)} != wanted:
        raise LakeDamaged(f"{made.path}: read back, its rows are not those that were joined; nothing was changed")


def _tell(lake: Lake, made: Partition, sources: list[Source]) -> bool:
    """The one transaction; False when the sources are not what they were when they were read."""
    ids = [source.partition_id for source in sources]
    r, p = t.rollouts.c, t.partitions.c
    with lake.catalog.begin() as connection:
        lake.catalog.lock(connection, "ledger")
        in_use = sa.select(p.partition_id).where(p.partition_id.in_(ids), p.retired_at.is_(None))
        here = sa.select(r.partition_id, r.rollout_id, r.first_row, r.rows, r.rows_sha256)
        here = here.where(r.partition_id.in_(ids), r.dropped_at.is_(None))
        read = {
            (source.partition_id, place.rollout_id, place.first_row, place.rows, place.rows_sha256)
            for source in sources
            for place in source.places
        }
        if set(connection.scalars(in_use)) != set(ids) or {tuple(row) for row in connection.execute(here)} != read:
            return False
        at = moment(connection)
        row = {
            "partition_id": made.partition_id,
            "path": made.path,
            "bytes": made.bytes,
            "rows": made.rows,
            "space_id": made.space.space_id,
            "terms": list(made.terms),
            "created_at": at,
            "retired_at": None,
            "replaced_by": None,
            "removed_at": None,
        }
        lake.catalog.upsert(connection, t.partitions, [row])  # retired rows may come to life again, byte for byte
        connection.execute(
            t.rollouts.update()
            .where(r.rollout_id == sa.bindparam("rollout"))
            .values(partition_id=made.partition_id, first_row=sa.bindparam("first")),
            [{"rollout": member.rollout_id, "first": member.first_row} for member in made.members],
        )
        connection.execute(
            t.partitions.update().where(p.partition_id.in_(ids)).values(retired_at=at, replaced_by=made.partition_id)
        )
    return True
