"""Small partitions become few, and nobody can tell by the rows."""

import hashlib
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from schemas.settings import Settings
from schemas.window import Window
from tests.warehouse.databases import on_both, sqlite_lake
from tests.warehouse.drafts import SPACE, draft, files
from tests.warehouse.rollouts import rows, snapshot, sql, under, write
from warehouse import lineage
from warehouse import tables as t
from warehouse.compaction import CompactionReport, compact, plan
from warehouse.fingerprint import fingerprints
from warehouse.ingest import ingest
from warehouse.lake import Lake
from warehouse.partition import read_ranges, write_partition
from warehouse.query import answer, connect
from warehouse.registry import publish
from warehouse.window_rows import rollout_rows, window_rows
from warehouse.windows import select, stored

_spawn = multiprocessing.get_context("spawn")

lake_fixture = sqlite_lake


def one_by_one(lake: Lake, folder: Path, count: int, first: int = 0) -> None:
    """So many rollouts of 8 rows, each its own partition."""
    for index in range(first, first + count):
        write(folder, index, rows(start=1000 * index + 100 * ord(folder.name[0])))
    ingest(under(lake, batch_rows=1), [folder])


def in_use(lake: Lake) -> list[Path]:
    """The files of the partitions that are not retired."""
    p = t.partitions.c
    with lake.catalog.read() as connection:
        return [
            lake.paths.absolute(path) for path in connection.scalars(sa.select(p.path).where(p.retired_at.is_(None)))
        ]


def prove(lake: Lake) -> int:
    """Every file in use has its hash, every rollout lies there once with its rows; returns how many rollouts."""
    r, p = t.rollouts.c, t.partitions.c
    columns = (p.path, p.partition_id, p.retired_at, p.removed_at, r.rollout_id, r.first_row, r.rows, r.rows_sha256)
    with lake.catalog.read() as connection:
        found = connection.execute(sa.select(*columns).join_from(t.rollouts, t.partitions)).all()
    for row in found:
        assert row.retired_at is None and row.removed_at is None
        frame = read_ranges(lake.paths, row.path, row.partition_id, [(row.first_row, row.rows)])
        assert frame["rollout_id"].unique().to_list() == [row.rollout_id]
        assert fingerprints(frame, [(0, row.rows)]) == [row.rows_sha256]
    for path in in_use(lake):
        assert path.name == f"part-{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}.parquet"
    counted = sql(lake, "select count(*), count(distinct rollout_id) from experiences")
    assert counted == [(sum(row.rows for row in found), len(found))]
    return len(found)


@on_both
def test_the_partitions_of_a_run_become_one_with_the_same_rows(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 5)
    one_by_one(lake, tmp_path / "b", 3)
    before, told = sql(lake, "from experiences order by all"), snapshot(lake)
    report = compact(lake)
    assert (report.partitions, report.made, report.rows, report.damaged) == (8, 2, 64, {})
    assert sorted(path.parent.name for path in in_use(lake)) == ["run=a", "run=b"]
    assert sql(lake, "from experiences order by all") == before and snapshot(lake) == told
    assert prove(lake) == 8
    assert compact(lake) == CompactionReport()


def test_a_partition_grows_to_the_size_that_is_set_and_no_rollout_is_split(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 7)
    compact(under(lake, compact_rows=26))
    assert sorted(len(read_ranges(lake.paths, *row, [(0, 24)])) for row in paths_of(lake)) == [8, 24, 24]
    assert plan(under(lake, compact_rows=26)) == []
    one_by_one(lake, tmp_path / "a", 1, first=7)
    assert [len(join.sources) for join in plan(under(lake, compact_rows=26))] == [2]


def paths_of(lake: Lake) -> list[tuple[str, str]]:
    p = t.partitions.c
    with lake.catalog.read() as connection:
        return [
            (row.path, row.partition_id)
            for row in connection.execute(sa.select(t.partitions).where(p.retired_at.is_(None)))
        ]


@on_both
def test_only_partitions_with_the_same_columns_are_joined(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    for index in range(6):
        terms = [row | {"reward_terms": {"speed": 1.0}} for row in rows(start=index)]
        kinds = [rows(start=index), rows(start=index, width=31), terms]
        write(folder, index, kinds[index % 3])
    ingest(under(lake, batch_rows=1), [folder])
    before = sql(lake, "from experiences order by all")
    assert compact(lake).made == 3
    assert sql(lake, "from experiences order by all") == before
    assert prove(lake) == 6


@on_both
def test_a_window_of_a_version_finds_the_same_rows_and_the_same_training_is_known(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 4)
    manifest = select(lake, Window(newest=2))
    told = window_rows(lake, manifest)
    publish(lake, draft(window_id=manifest.window_id, config={"epochs": 1}), files)
    compact(lake)
    assert stored(lake, manifest.window_id).rollouts == manifest.rollouts
    assert window_rows(lake, stored(lake, manifest.window_id)) == told
    again = select(lake, Window(newest=2))
    assert again.window_id != manifest.window_id and again.rows_sha256 == manifest.rows_sha256
    assert window_rows(lake, again) == told
    assert lineage.twin(lake, None, again.window_id, {"epochs": 1}) == 1
    assert lineage.twin(lake, None, again.window_id, {"epochs": 2}) is None
    assert lineage.twin(lake, None, select(lake, Window(newest=3)).window_id, {"epochs": 1}) is None


def test_a_reader_that_listed_the_files_before_still_finds_them(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 3)
    statement = "select count(*) as n from experiences"
    ids = [row[0] for row in sql(lake, "select rollout_id from rollouts")]
    with connect(lake, statement) as connection:
        compact(lake)
        assert answer(lake, connection, statement)["n"].to_pylist() == [24]
    assert len(rollout_rows(lake, ids)) == 24


@pytest.mark.parametrize("harm", ["bit", "gone", "other rows"])
def test_a_damaged_partition_is_named_and_left_out(lake: Lake, tmp_path: Path, harm: str) -> None:
    one_by_one(lake, tmp_path / "a", 4)
    victim = sorted(in_use(lake))[0]
    if harm == "bit":
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 1
        victim.write_bytes(content)
    elif harm == "gone":
        victim.unlink()
    else:
        with lake.catalog.begin() as connection:
            name = lake.paths.relative(victim)
            owner = sa.select(t.partitions.c.partition_id).where(t.partitions.c.path == name).scalar_subquery()
            lie = t.rollouts.update().where(t.rollouts.c.partition_id == owner).values(rows_sha256="0" * 64)
            connection.execute(lie)
    report = compact(lake)
    assert (report.partitions, report.made) == (3, 1)
    assert (
        list(report.damaged) == [lake.paths.relative(victim)]
        and "estore" in report.damaged[lake.paths.relative(victim)]
    )
    assert len(in_use(lake)) == 2


def test_bytes_that_lie_where_a_partition_belongs_must_be_its_own(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 2)
    ((path, identity), _) = paths_of(lake)
    frame = read_ranges(lake.paths, path, identity, [(0, 8)])
    target = lake.paths.absolute(path)
    target.write_bytes(bytes(target.stat().st_size))
    made = write_partition(lake.paths, "a", frame, SPACE, ())
    assert made.path == path and hashlib.sha256(target.read_bytes()).hexdigest() == identity
    os.utime(target, (0, 0))
    write_partition(lake.paths, "a", frame, SPACE, ())
    assert time.time() - target.stat().st_mtime < 60, "young again, or a collector would take it"


@pytest.mark.parametrize("lake", ["postgresql"], indirect=True)  # on SQLite see test_compaction_killed.py
def test_processes_that_ingest_and_compact_at_once_lose_nothing(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 6)
    address = str(lake.settings.home), lake.settings.catalog, str(tmp_path / "a")
    for index in range(6, 16):
        write(tmp_path / "a", index)
    with ProcessPoolExecutor(2, mp_context=_spawn) as pool:
        others = [pool.submit(_work, what, *address) for what in ("ingest", "compact")]
        joined = 0
        while not all(other.done() for other in others):
            joined += compact(lake).partitions
        assert others[0].result() == 10 and joined + others[1].result() > 6
    compact(lake)
    assert prove(lake) == 16 and len(in_use(lake)) == 1


def _work(what: str, home: str, catalog: str, folder: str) -> int:
    lake = Lake.open(Settings.load(home=Path(home), catalog=catalog, batch_rows=1))
    try:
        if what == "ingest":
            return len(ingest(lake, [Path(folder)]).rollouts)
        return sum(compact(lake).partitions for _ in range(10))
    finally:
        lake.catalog.engine.dispose()
