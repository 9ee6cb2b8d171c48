"""Files that nothing refers to go a time of grace later, and no others."""

import datetime
import os
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from schemas.errors import LakeDamaged, NotRegistered
from schemas.window import Window
from tests.warehouse.databases import on_both, sqlite_lake
from tests.warehouse.days import as_if_passed
from tests.warehouse.drafts import draft, files
from tests.warehouse.rollouts import rows, sql, under, write
from tests.warehouse.test_compaction import one_by_one, prove
from warehouse import tables as t
from warehouse.collection import CollectionReport, collect
from warehouse.compaction import compact
from warehouse.ingest import ingest
from warehouse.lake import Lake
from warehouse.registry import publish, read_file
from warehouse.rejects import raw, rejects
from warehouse.window_rows import window_rows
from warehouse.windows import select, stored

lake_fixture = sqlite_lake


def held(lake: Lake) -> set[str]:
    """Every file in the home but the catalog's."""
    return {
        lake.paths.relative(path)
        for path in lake.paths.home.rglob("*")
        if path.is_file() and not path.name.startswith("catalog.sqlite")
    }


def lost(lake: Lake, name: str, content: bytes = b"left") -> Path:
    path = lake.paths.absolute(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@on_both
def test_retired_partitions_go_when_the_grace_is_over_and_not_before(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 3)
    compact(lake)
    report = collect(lake)
    assert report.removed == [] and len(report.waiting) == 3 and len(held(lake)) == 4
    as_if_passed(lake, 6.9)
    assert collect(lake).removed == []
    as_if_passed(lake, 0.2)
    would = collect(lake, dry_run=True)
    assert len(would.removed) == 3 and len(held(lake)) == 4
    assert [(one.path, one.bytes) for one in collect(lake).removed] == [(one.path, one.bytes) for one in would.removed]
    assert len(held(lake)) == 1 and prove(lake) == 3
    assert collect(lake) == CollectionReport()


def test_what_a_window_of_a_version_names_stays_for_good(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 3)
    manifest = select(lake, Window(newest=2))
    told = window_rows(lake, manifest)
    publish(lake, draft(window_id=manifest.window_id), files)
    compact(lake)
    as_if_passed(lake, 1000)
    report = collect(lake)
    assert (len(report.removed), len(report.pinned)) == (1, 2)
    assert window_rows(lake, stored(lake, manifest.window_id)) == told


def test_what_a_window_selected_lately_names_stays_because_a_training_may_be_at_work(
    lake: Lake, tmp_path: Path
) -> None:
    one_by_one(lake, tmp_path / "a", 2)
    manifest = select(lake, Window())
    as_if_passed(lake, 30)
    select(lake, Window())
    compact(lake)
    as_if_passed(lake, 6.9)
    assert len(collect(lake).pinned) == 2
    as_if_passed(lake, 0.2)
    assert len(collect(lake).removed) == 2
    assert len(window_rows(lake, manifest)) == 16, "the same rows, read where they lie now"


@on_both
def test_pinned_files_are_released_on_demand_and_their_windows_read_the_same_rows(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 3)
    manifest = select(lake, Window(newest=2))
    told = window_rows(lake, manifest)
    publish(lake, draft(window_id=manifest.window_id), files)
    compact(lake)
    as_if_passed(lake, 8)
    assert len(collect(under(lake, release_pinned=True)).removed) == 3
    assert window_rows(lake, stored(lake, manifest.window_id)) == told
    one_by_one(lake, tmp_path / "a", 1, first=3)
    compact(lake)
    as_if_passed(lake, 8)
    collect(under(lake, release_pinned=True))
    again = window_rows(lake, stored(lake, manifest.window_id))
    assert again.filter(again["in_window"]) == told.filter(told["in_window"])


def test_a_retired_partition_stays_while_the_one_that_replaced_it_is_damaged(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 2)
    compact(lake)
    as_if_passed(lake, 8)
    ((path,),) = sql_catalog(lake, "select path from partitions where retired_at is null")
    torn = lake.paths.absolute(path)
    content = torn.read_bytes()
    torn.write_bytes(content[:-1])
    report = collect(lake)
    assert report.removed == [] and len(report.hindered) == 2 and path in str(report.hindered)
    torn.write_bytes(content)
    assert len(collect(lake).removed) == 2


def sql_catalog(lake: Lake, statement: str) -> list[tuple[object, ...]]:
    with lake.catalog.read() as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement))]


@on_both
def test_files_that_no_row_names_are_written_down_first_and_deleted_later(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 1)
    publish(lake, draft(), files)
    whole = held(lake)
    names = ["experiences/run=a/part-0.parquet", "scratch/1.tmp", "scratch/orphan-v00007-1/policy.onnx",
             "models/v00009/manifest.json", f"rejects/00/{'0' * 64}.gz"]  # fmt: skip
    for name in names:
        lost(lake, name)
    mine = [
        lost(lake, "models/notes/mine.txt"),
        lost(lake, "drives/rollout_0_20241225_140000.json"),
        lost(lake, "a.txt"),
    ]
    for path in held(lake):
        os.utime(lake.paths.absolute(path), (0, 0))
    for folder in ("scratch/orphan-v00007-1", "models/v00009"):
        os.utime(lake.paths.absolute(folder), (0, 0))
    assert collect(lake, dry_run=True).removed == [] and collect(lake).removed == []
    assert len(collect(lake).waiting) == 5, "old by the file's clock alone"
    as_if_passed(lake, 8)
    assert len(collect(lake).removed) == 5
    assert held(lake) == whole | {lake.paths.relative(path) for path in mine}


def test_an_orphan_that_an_ingest_takes_up_is_never_taken_away(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 1)
    ((path,),) = sql_catalog(lake, "select path from partitions")
    with lake.catalog.begin() as connection:  # as if the process had died before its commit
        for table in (t.rollouts, t.partitions, t.sightings, t.runs):
            connection.execute(table.delete())
    collect(lake)
    as_if_passed(lake, 8)
    assert ingest(lake, [tmp_path / "a"]).rollouts
    assert collect(lake) == CollectionReport() and prove(lake) == 1
    assert lake.paths.absolute(str(path)).exists()


@pytest.mark.parametrize("hours", [-24 * 365, -24])
def test_a_clock_that_was_set_back_deletes_nothing_early(lake: Lake, tmp_path: Path, hours: float) -> None:
    """While the clock is behind, files and catalog get times behind; then it is put right."""
    one_by_one(lake, tmp_path / "a", 2)
    past = time.time() + hours * 3600
    orphan = lost(lake, "experiences/run=a/part-0.parquet")
    os.utime(orphan, (past, past))
    later = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(hours=-hours)
    with lake.catalog.begin() as connection:  # what came in before the clock was set back
        connection.execute(t.rollouts.update().values(ingested_at=later))
    compact(lake)
    collect(lake)
    ((retired, seen),) = sql_catalog(
        lake, "select min(retired_at), (select min(first_seen_at) from garbage) from partitions"
    )
    assert str(retired)[:19] == str(seen)[:19] == later.isoformat(" ")[:19]
    as_if_passed(lake, -hours / 24 + 6.9)
    assert collect(lake).removed == []
    as_if_passed(lake, 0.2)
    assert len(collect(lake).removed) == 3


def test_the_bytes_of_a_reject_stay_until_the_file_came_in_after_all(lake: Lake, tmp_path: Path) -> None:
    path = write(tmp_path / "a", 0)
    good = path.read_bytes()
    path.write_bytes(good[:-10])
    ingest(lake, [tmp_path / "a"])
    as_if_passed(lake, 100)
    assert collect(lake) == CollectionReport()
    path.write_bytes(good)
    ingest(lake, [tmp_path / "a"])
    (reject,) = rejects(lake, resolved=True)
    assert raw(lake, reject.reject_id) == good[:-10]
    collect(lake)
    as_if_passed(lake, 8)
    assert len(collect(lake).removed) == 1
    with pytest.raises(NotRegistered, match="came in after all as rollout"):
        raw(lake, reject.reject_id)


def test_a_file_that_was_torn_away_before_the_catalog_knew_is_told_later(lake: Lake, tmp_path: Path) -> None:
    one_by_one(lake, tmp_path / "a", 2)
    manifest = select(lake, Window())
    compact(lake)
    as_if_passed(lake, 8)
    for path in {member.path for member in manifest.rollouts}:
        lake.paths.absolute(path).unlink()
    with pytest.raises(LakeDamaged):
        window_rows(lake, manifest)
    assert [one.reason for one in collect(lake).removed] == ["retired, and its file is gone already"] * 2
    assert len(window_rows(lake, manifest)) == 16


def test_files_of_versions_stay(lake: Lake, tmp_path: Path) -> None:
    publish(lake, draft(), files)
    write(tmp_path / "a", 0, rows(8))
    ingest(lake, [tmp_path / "a"])
    as_if_passed(lake, 1000)
    assert collect(lake) == CollectionReport()
    assert read_file(lake, 1, "policy.onnx") == b"onnx" and sql(lake, "select count(*) from experiences") == [(8,)]
