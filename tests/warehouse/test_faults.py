"""Disks that are full, folders that cannot be written, catalogs that are locked or restarted: nothing is lost."""

import multiprocessing
import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from schemas.errors import CatalogBusy, LakeDamaged, PitwallError, StorageBusy
from schemas.settings import Settings
from tests import places
from tests.ppo.contract import engine
from tests.warehouse.drafts import draft, files
from tests.warehouse.rollouts import rows, snapshot, sql, write
from warehouse.ingest import ingest
from warehouse.lake import Lake
from warehouse.registry import get, publish, versions
from warehouse.verify import verify

posix = pytest.mark.skipif(os.name == "nt", reason="the system's limits and users are POSIX")
spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def exports(tmp_path):
    """Three rollouts, a row that cannot be, a torn file."""
    return fill(tmp_path / "exports")


def fill(folder: Path) -> Path:
    for index in range(3):
        write(folder, index)
    broken = rows(start=3000)
    del broken[5]["reward"]
    write(folder, 3, broken)
    torn = write(folder, 4)
    torn.write_bytes(torn.read_bytes()[:300])
    return folder


@pytest.fixture
def expected(exports, tmp_path):
    """The same files in a lake that nothing happened to."""
    calm = open_lake(tmp_path / "calm")
    ingest(calm, [exports])
    yield snapshot(calm)
    calm.catalog.engine.dispose()


def open_lake(home: Path, **settings) -> Lake:
    return Lake.open(Settings.load(home=home, settle_seconds=0.01, **settings))


def healed(lake: Lake, exports: Path, expected) -> None:
    """The next undisturbed run brings in what is missing, once."""
    ingest(lake, [exports])
    assert snapshot(lake) == expected
    assert verify(lake, deep=True).good


def big(version: int) -> dict[str, bytes]:
    return dict(files(version)) | {"policy.safetensors": b"w" * 3_000_000}


# Full disks


@posix
@pytest.mark.parametrize(
    ("room", "words"),
    [(4096, r"part-\w+\.parquet: cannot be written \(No space"), (32_768, "the catalog's disk is full")],
)
def test_an_ingest_that_fills_the_disk_says_so_and_goes_on_when_there_is_room(tmp_path, exports, expected, room, words):
    """Into 4 KiB goes no partition; into 32 KiB it goes, but not the catalog's journal of it."""
    with places.tiny_disk(tmp_path / "disk", 1024) as disk:
        open_lake(disk.folder / "home").catalog.engine.dispose()  # which folds the journal into the catalog
        lake = open_lake(disk.folder / "home")
        disk.fill(room)
        with pytest.raises(StorageBusy, match=f"{words}.*Free the disk"):
            ingest(lake, [exports])
        assert verify(lake).good
        disk.resize(8192)
        healed(lake, exports, expected)
        lake.catalog.engine.dispose()


@posix
def test_a_version_that_does_not_fit_on_the_disk_is_not_published(tmp_path):
    with places.tiny_disk(tmp_path / "disk", 2048) as disk:
        lake = open_lake(disk.folder / "home")
        publish(lake, draft("small"), files)
        with pytest.raises(StorageBusy, match=r"v00002: cannot be written \(No space left on device\). Free the disk"):
            publish(lake, draft("big"), big)
        assert [model.version for model in versions(lake)] == [1] and get(lake, "latest").version == 1
        assert not lake.paths.model(2).exists() and not list(lake.paths.scratch.iterdir())
        disk.resize(16_384)
        assert publish(lake, draft("big"), big).version == 2
        assert verify(lake).good
        lake.catalog.engine.dispose()


LIMITS = (100_000, 8_000, 500)
"""Longest file that may be written (bytes): the first stops the catalog's making, the others its journal."""


def within_limits(homes: Path, exports: Path, told) -> None:
    """In a process that may write no file longer than so many bytes: a disk that fills at that byte."""
    import resource

    for limit in LIMITS:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            ingest(open_lake(homes / str(limit)), [exports])
            told.put("done")
        except PitwallError as error:
            told.put(f"{type(error).__name__}: {error}")


@posix
def test_a_write_that_ends_in_the_middle_of_a_file_leaves_no_torn_one(tmp_path, exports, expected):
    for limit in (8_000, 500):
        open_lake(tmp_path / str(limit)).catalog.engine.dispose()
    told = spawn.SimpleQueue()
    child = spawn.Process(target=within_limits, args=(tmp_path, exports, told))
    child.start()
    for _ in LIMITS:
        said = told.get()
        assert said.startswith("StorageBusy: the catalog's disk is full or fails") and "Free the disk" in said
    child.join(60)
    assert child.exitcode == 0
    for limit in LIMITS:
        lake = open_lake(tmp_path / str(limit))
        assert verify(lake).good
        healed(lake, exports, expected)
        lake.catalog.engine.dispose()


# Folders without the right to write


LOCKED = ("empty home", "whole lake", "experiences and models")


def as_nobody(folder: Path, exports: Path, told) -> None:
    """Everything is imported and used once by root, whose files nobody may not be able to read; then it is given up."""
    lake = open_lake(folder / "warm")
    ingest(lake, [exports])
    publish(lake, draft(), files)
    lake.catalog.engine.dispose()
    places.become_nobody()
    for name in LOCKED:
        for work in (lambda lake: ingest(lake, [exports]), lambda lake: publish(lake, draft("b"), files)):
            try:
                work(open_lake(folder / name))
                told.put("done")
            except PitwallError as error:
                told.put(f"{type(error).__name__}: {error}")


@posix
def test_a_folder_that_cannot_be_written_is_named_and_nothing_changes():
    with places.open_folder() as folder:
        exports = fill(folder / "exports")
        homes = [folder / name for name in LOCKED]
        for path in (folder / "warm", *homes):
            path.mkdir()
        for home in homes[1:]:
            lake = open_lake(home)
            ingest(lake, [next(exports.glob("rollout_0_*"))])
            publish(lake, draft("a"), files)
            lake.catalog.engine.dispose()
        places.read_only(homes[0])
        places.read_only(homes[1])
        places.everybody(homes[2])
        for name in ("experiences", "models"):
            places.read_only(homes[2] / name)
        before = {path: path.read_bytes() for path in folder.rglob("v00001/*")}
        told = spawn.SimpleQueue()
        child = spawn.Process(target=as_nobody, args=(folder, exports, told))
        child.start()
        said = [told.get() for _ in range(2 * len(LOCKED))]
        child.join(60)
        assert child.exitcode == 0
        for line in said:
            assert line.startswith("StorageBusy") and "this user the right to write" in line, said
        assert {path: path.read_bytes() for path in folder.rglob("v00001/*")} == before | {
            path: path.read_bytes() for path in (folder / "warm").rglob("v00001/*")
        }
        for home in homes:
            places.everybody(home)
            lake = open_lake(home)
            ingest(lake, [exports])
            assert len(snapshot(lake)["rollouts"]) == 4 and verify(lake, deep=True).good
            lake.catalog.engine.dispose()


# Catalogs that are locked, damaged or restarted


def impatient(lake: Lake) -> Lake:
    """Waits a fifth of a second for the lock of SQLite instead of thirty."""

    @sa.event.listens_for(lake.catalog.engine, "checkout")
    def soon(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA busy_timeout = 200")

    return lake


def test_a_catalog_that_stays_locked_is_a_transient_error_and_nothing_is_lost(tmp_path, exports, expected):
    lake = impatient(open_lake(tmp_path / "home"))
    other = sqlite3.connect(tmp_path / "home" / "catalog.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for work in (lambda: ingest(lake, [exports]), lambda: publish(lake, draft(), files)):
        with pytest.raises(CatalogBusy, match=r"locked.*Try again in a moment"):
            work()
    assert verify(lake).good  # reading needs no lock
    other.execute("ROLLBACK")
    other.close()
    healed(lake, exports, expected)
    assert publish(lake, draft(), files).version == 1
    lake.catalog.engine.dispose()


def test_a_catalog_that_is_unlocked_in_time_is_waited_for(tmp_path, exports, expected):
    lake = open_lake(tmp_path / "home")
    other = sqlite3.connect(tmp_path / "home" / "catalog.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.5, lambda: other.execute("ROLLBACK"))
    release.start()
    healed(lake, exports, expected)
    release.join()
    other.close()
    lake.catalog.engine.dispose()


def test_a_damaged_catalog_is_no_transient_error(tmp_path, exports):
    lake = open_lake(tmp_path / "home")
    lake.catalog.engine.dispose()
    (tmp_path / "home" / "catalog.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(LakeDamaged, match=r"the catalog is damaged.*Restore it from a backup"):
        open_lake(tmp_path / "home")


@pytest.fixture
def on_server(tmp_path, request):
    """A lake whose catalog is a database of the session's server, and the server."""
    server = request.getfixturevalue("postgresql")
    with server.fresh_database() as url:
        lake = open_lake(tmp_path / "home", catalog=url, batch_rows=1)
        yield lake, server
        lake.catalog.engine.dispose()


@pytest.mark.slow
def test_an_ingest_goes_on_over_a_restart_of_the_server_or_after_it(on_server, exports, expected):
    """Restarted at every file, with a batch for every file."""
    lake, server = on_server
    restarts = []

    def restart(done: int, *_: int) -> None:
        if done == 2 and not restarts:
            restarts.append(done)
            server.restart()

    ingest(lake, [exports], progress=restart)  # the pool looks at a connection before it gives it out
    assert restarts
    healed(lake, exports, expected)


@pytest.mark.slow
def test_a_server_that_is_restarted_while_a_version_is_published_leaves_the_old_state(on_server):
    lake, server = on_server
    publish(lake, draft("a"), files)

    def build(version: int) -> dict[str, bytes]:
        server.restart()
        return dict(files(version))

    with pytest.raises(CatalogBusy, match="Try again in a moment"):
        publish(lake, draft("b"), build)
    assert [model.version for model in versions(lake)] == [1] and get(lake, "latest").version == 1
    assert verify(lake).good
    assert publish(lake, draft("b"), files).version == 2
    assert verify(lake).good


# Two engines that write into one folder


def drive(folder: Path, number: int, run_id: str) -> None:
    """Writes twelve rollouts, each growing in place before our eyes."""
    for index in range(12):
        path = folder / f"rollout_{index}_20241225_14{index:02d}{number:02d}.json"
        extra = {"run_id": run_id} if run_id else {}
        whole = folder / f"{number}.whole"
        experiences = rows(start=10_000 * number + 100 * index)
        engine.write_rollout(whole, experiences, timestamp=f"2024.12.25-14.{index:02d}.{number:02d}", extra=extra)
        content = whole.read_bytes()
        with path.open("wb") as file:
            for start in range(0, len(content), 2000):
                file.write(content[start : start + 2000])
                file.flush()
                time.sleep(0.001)
        whole.unlink()


@pytest.mark.parametrize("names", [("left", "right"), ("", "")])
def test_two_engines_that_write_into_one_folder_lose_nothing(lake, tmp_path, names):
    folder = tmp_path / "exports"
    folder.mkdir()
    drivers = [threading.Thread(target=drive, args=(folder, number, name)) for number, name in enumerate(names)]
    for driver in drivers:
        driver.start()
    while any(driver.is_alive() for driver in drivers):
        ingest(lake, [folder])
    ingest(lake, [folder])
    assert sql(lake, "select count(*), count(distinct file_name) from rollouts") == [(24, 24)]
    assert sql(lake, "select count(*), count(distinct reward) from experiences") == [(192, 192)]
    assert sql(lake, "select count(*) from rejects where resolved_by is null") == [(0,)]
    assert verify(lake, deep=True).good
    if all(names):
        runs = sql(lake, "select run_id, count(*), max(position) from rollouts group by all order by run_id")
        assert runs == [("left", 12, 11), ("right", 12, 11)]
    else:
        assert sql(lake, "select count(distinct run_id) from rollouts") == [(24,)]  # nothing says whose is whose
