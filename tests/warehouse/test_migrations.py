"""Catalogs of earlier releases, on both databases."""

import multiprocessing
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from schemas.errors import SettingsRejected
from schemas.settings import Settings
from schemas.window import Window
from tests.warehouse.old_lake import contents, old_lake
from tests.warehouse.rollouts import sql
from warehouse import tables
from warehouse.catalog import REVISION, Catalog, _engine
from warehouse.lake import Lake
from warehouse.registry import get, read_file, read_manifest, versions
from warehouse.rejects import raw, rejects
from warehouse.window_rows import window_rows
from warehouse.windows import select, stored

_spawn = multiprocessing.get_context("spawn")


def test_a_lake_of_an_earlier_release_opens_with_everything_that_was_in_it(catalog_url: str, tmp_path: Path) -> None:
    before = old_lake(tmp_path / "home", catalog_url)
    assert {name: len(rows) for name, rows in before.items() if rows} == {
        "spaces": 1, "runs": 1, "sources": 1, "partitions": 4, "rollouts": 4, "attributions": 4, "sightings": 5,
        "rejects": 2, "windows": 1, "window_rollouts": 3, "models": 2, "model_files": 11, "metrics": 55,
        "aliases": 2, "alias_moves": 4,
    }  # fmt: skip
    lake = Lake.open(Settings.load(home=tmp_path / "home", catalog=catalog_url))
    try:
        after = contents(lake.catalog.engine)
        assert set(after) == set(tables.metadata.tables)
        for name, rows in after.items():
            old = before.get(name, [])
            assert [{key: row[key] for key in was} for row, was in zip(rows, old, strict=True)] == old, name
            new = {row[key] for row, was in zip(rows, old, strict=True) for key in row.keys() - was.keys()}
            assert new <= {None}, name
        with lake.catalog.read() as connection:
            assert connection.scalar(sa.text("select version_num from alembic_version")) == REVISION
        files = [pq.read_metadata(path) for path in lake.paths.experiences.rglob("*.parquet")]
        assert {file.row_group(0).column(0).compression for file in files} == {"ZSTD"}, "today's are LZ4"
        _read_everything(lake)
    finally:
        lake.catalog.engine.dispose()


def _read_everything(lake: Lake) -> None:
    assert [model.version for model in versions(lake)] == [1, 2]
    assert get(lake, "champion").version == 2
    for model in versions(lake):
        assert read_manifest(lake, model.version).version == model.version
        for name in model.files:
            assert read_file(lake, model.version, name)
    window = get(lake, 2).window_id
    assert window is not None
    assert window_rows(lake, stored(lake, window)).num_rows >= 95
    assert sql(lake, "select count(*), count(distinct rollout_id), min(policy_version) from experiences") == [
        (127, 4, 1)
    ]
    assert [raw(lake, reject.reject_id)[:1] for reject in rejects(lake)] == [b"{", b"{"]
    assert select(lake, Window(newest=3)).rows_sha256 == stored(lake, window).rows_sha256


@pytest.mark.parametrize("statement", (1, 9))
def test_an_upgrade_that_fails_at_any_statement_leaves_the_old_catalog(
    catalog_url: str, tmp_path: Path, statement: int
) -> None:
    before = old_lake(tmp_path / "home", catalog_url)
    catalog = Catalog(_engine(sa.make_url(catalog_url)))
    changes = 0

    @sa.event.listens_for(catalog.engine, "before_cursor_execute")
    def out_of_luck(connection: object, cursor: object, text: str, *_: object) -> None:
        nonlocal changes
        changes += text.strip().upper().startswith(("CREATE", "ALTER", "UPDATE"))
        if changes == statement:
            raise InterruptedError("the disk is full")

    with pytest.raises(InterruptedError):
        catalog._upgrade()
    catalog.engine.dispose()
    engine = _engine(sa.make_url(catalog_url))
    assert contents(engine) == before
    engine.dispose()
    Catalog.open(catalog_url).engine.dispose()


def test_an_upgrade_whose_process_is_killed_is_done_by_the_next_open(catalog_url: str, tmp_path: Path) -> None:
    before = old_lake(tmp_path / "home", catalog_url)
    dying = _spawn.Process(target=_die_in_upgrade, args=(catalog_url,))
    dying.start()
    dying.join(60)
    assert dying.exitcode == 9
    engine = _engine(sa.make_url(catalog_url))
    assert contents(engine) == before
    engine.dispose()
    lake = Lake.open(Settings.load(home=tmp_path / "home", catalog=catalog_url))
    _read_everything(lake)
    lake.catalog.engine.dispose()


def _die_in_upgrade(url: str) -> None:
    catalog = Catalog(_engine(sa.make_url(url)))

    @sa.event.listens_for(catalog.engine, "before_cursor_execute")
    def killed(connection: object, cursor: object, text: str, *_: object) -> None:
        if "CREATE TABLE GARBAGE" in text.upper():
            os._exit(9)

    catalog._upgrade()


def test_a_catalog_of_a_later_release_is_left_alone_and_said_so(catalog_url: str) -> None:
    catalog = Catalog.open(catalog_url)
    with catalog.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    catalog.engine.dispose()
    with pytest.raises(SettingsRejected, match=r"is at revision 9999, .* a later one made it\. Update pitwall"):
        Catalog.open(catalog_url)
