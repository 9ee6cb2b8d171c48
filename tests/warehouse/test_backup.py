"""A copy of the lake that was taken while it was in use, and the lake that comes back from it."""

import multiprocessing
import time
from pathlib import Path

import pytest

from schemas.errors import LakeDamaged, SettingsRejected, StorageBusy
from schemas.settings import Settings
from schemas.window import Window
from tests.warehouse.databases import on_both, sqlite_lake
from tests.warehouse.days import as_if_passed
from tests.warehouse.drafts import draft, files
from tests.warehouse.old_lake import contents
from tests.warehouse.rollouts import snapshot, sql, under, write
from tests.warehouse.test_compaction import one_by_one, prove
from warehouse.backup import PROOF, TAKEN, backup
from warehouse.collection import collect
from warehouse.compaction import compact
from warehouse.ingest import ingest
from warehouse.lake import Lake
from warehouse.marks import alone, restore_begun
from warehouse.paths import CATALOG
from warehouse.registry import publish, read_file
from warehouse.rejects import raw, rejects
from warehouse.restore import restore
from warehouse.window_rows import window_rows
from warehouse.windows import select, stored

_spawn = multiprocessing.get_context("spawn")

lake_fixture = sqlite_lake


@pytest.fixture
def other(tmp_path: Path):
    lake = Lake.open(Settings.load(home=tmp_path / "other", catalog="", settle_seconds=0))
    yield lake
    lake.catalog.engine.dispose()


def fill(lake: Lake, folder: Path) -> str:
    """Rollouts, a reject, a version with its window; returns the window."""
    one_by_one(lake, folder / "a", 3)
    write(folder / "a", 9).write_text("{ broken")
    ingest(lake, [folder / "a"])
    window = select(lake, Window(newest=2)).window_id
    publish(lake, draft(window_id=window), files)
    compact(lake)
    return window


@on_both
def test_a_restored_lake_is_the_same_and_goes_on(lake: Lake, other: Lake, tmp_path: Path) -> None:
    window = fill(lake, tmp_path)
    done = backup(lake, tmp_path / "copy")
    assert done.damaged == {} and done.files == done.copied == 4 + 1 + 4
    assert restore(other, tmp_path / "copy").files == done.files
    assert contents(other.catalog.engine) == contents(lake.catalog.engine)
    assert window_rows(other, stored(other, window)) == window_rows(lake, stored(lake, window))
    assert read_file(other, 1, "policy.onnx") == b"onnx" and raw(other, rejects(other)[0].reject_id) == b"{ broken"
    one_by_one(other, tmp_path / "a", 2, first=3)
    assert publish(other, draft("b"), files).version == 2 and prove(other) == 5


@on_both
def test_a_catalog_moves_between_databases(lake: Lake, tmp_path: Path) -> None:
    """From the lake of either database to SQLite, and on to the other one, where numbers go on."""
    here = Lake.open(Settings.load(home=tmp_path / "here", catalog="", settle_seconds=0))
    fill(here, tmp_path)
    backup(here, tmp_path / "copy")
    restore(lake, tmp_path / "copy")
    assert contents(lake.catalog.engine) == contents(here.catalog.engine)
    write(tmp_path / "a", 10).write_text("{ broken too")
    ingest(lake, [tmp_path / "a"])
    assert [reject.reject_id for reject in rejects(lake)] == [1, 2]
    here.catalog.engine.dispose()


def test_a_second_backup_copies_only_what_is_new(lake: Lake, other: Lake, tmp_path: Path) -> None:
    fill(lake, tmp_path)
    backup(lake, tmp_path / "copy")
    assert backup(lake, tmp_path / "copy").copied == 0
    one_by_one(lake, tmp_path / "a", 1, first=3)
    assert backup(lake, tmp_path / "copy").copied == 1
    restore(other, tmp_path / "copy")
    assert snapshot(other) == snapshot(lake)


def test_a_backup_while_another_process_ingests_holds_everything_that_it_names(
    lake: Lake, other: Lake, tmp_path: Path
) -> None:
    for index in range(20):
        write(tmp_path / "a", index)
    ingesting = _spawn.Process(
        target=_ingest, args=(str(lake.settings.home), lake.settings.catalog, str(tmp_path / "a"))
    )
    ingesting.start()
    while not sql(lake, "from runs") and ingesting.is_alive():
        time.sleep(0.02)
    came = []
    while ingesting.is_alive() and len(came) < 3:
        report = backup(lake, tmp_path / "copy")
        assert report.damaged == {}
        came.append(report.files)
    restore(other, tmp_path / "copy")
    assert prove(other) == came[-1] and came == sorted(came)
    ingesting.join()
    assert ingesting.exitcode == 0 and prove(lake) == 20
    assert len(ingest(other, [tmp_path / "a"]).rollouts) == 20 - came[-1], "and the copy goes on from there"
    assert prove(other) == 20


def _ingest(home: str, catalog: str, folder: str) -> None:
    lake = Lake.open(Settings.load(home=Path(home), catalog=catalog, batch_rows=1))
    ingest(lake, [Path(folder)])
    lake.catalog.engine.dispose()


@pytest.mark.parametrize("harm", ["bit", "gone"])
def test_a_damaged_backup_is_refused_with_the_names_of_its_files(
    lake: Lake, other: Lake, tmp_path: Path, harm: str
) -> None:
    fill(lake, tmp_path)
    backup(lake, tmp_path / "copy")
    victim = next((tmp_path / "copy" / "models").rglob("policy.onnx"))
    good = victim.read_bytes()
    victim.unlink() if harm == "gone" else victim.write_bytes(b"onny")
    with pytest.raises(LakeDamaged, match=r"models/v00001/policy\.onnx: .*"):
        restore(other, tmp_path / "copy")
    assert sql(other, "from rollouts") == []
    victim.write_bytes(good)
    restore(other, tmp_path / "copy")
    assert prove(other) == 3


def test_damage_in_the_lake_is_named_and_the_good_copy_stays(lake: Lake, other: Lake, tmp_path: Path) -> None:
    fill(lake, tmp_path)
    backup(lake, tmp_path / "copy")
    one_by_one(lake, tmp_path / "b", 1)
    for path in lake.paths.experiences.rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-1])
    assert [Path(path).parent.name for path in backup(lake, tmp_path / "copy").damaged] == ["run=b"]
    with pytest.raises(LakeDamaged, match="run=b"):
        restore(other, tmp_path / "copy")


def test_files_that_were_collected_are_not_missed(lake: Lake, other: Lake, tmp_path: Path) -> None:
    window = fill(lake, tmp_path)
    as_if_passed(lake, 8)
    assert len(collect(under(lake, release_pinned=True)).removed) == 3
    backup(lake, tmp_path / "copy")
    restore(other, tmp_path / "copy")
    assert len(window_rows(other, stored(other, window))) == 16


def test_only_an_empty_lake_is_filled_and_only_from_a_backup(lake: Lake, other: Lake, tmp_path: Path) -> None:
    with pytest.raises(SettingsRejected, match="no backup"):
        restore(lake, tmp_path)
    one_by_one(lake, tmp_path / "a", 1)
    with pytest.raises(SettingsRejected, match="a backup there is lost with it"):
        backup(lake, lake.paths.home / "copy")
    with pytest.raises(SettingsRejected, match="home of another lake"):
        backup(lake, other.paths.home)
    backup(lake, tmp_path / "copy")
    with pytest.raises(SettingsRejected, match="is not empty"):
        restore(lake, tmp_path / "copy")


def test_two_backups_into_one_folder_take_turns(lake: Lake, tmp_path: Path) -> None:
    lock = alone(tmp_path / "copy" / "backup.lock", "")
    with lock, pytest.raises(StorageBusy, match="another backup"):
        backup(lake, tmp_path / "copy")
    backup(lake, tmp_path / "copy")
    assert (tmp_path / "copy" / CATALOG).is_file()


def test_two_restores_into_one_home_take_turns(lake: Lake, other: Lake, tmp_path: Path) -> None:
    fill(lake, tmp_path)
    backup(lake, tmp_path / "copy")
    with alone(other.paths.home / "restore.lock", ""), pytest.raises(StorageBusy, match="another restore"):
        restore(other, tmp_path / "copy")
    restore(other, tmp_path / "copy")
    assert prove(other) == 3


def test_a_backup_is_no_home_and_a_home_no_backup(lake: Lake, other: Lake, tmp_path: Path) -> None:
    """Opened as a home a first backup that was cut off would get an empty catalog, and count as whole."""
    fill(lake, tmp_path)
    backup(lake, tmp_path / "copy")
    before = (tmp_path / "copy" / CATALOG).read_bytes()
    with pytest.raises(SettingsRejected, match="is a backup, and is kept as it is"):
        Lake.open(Settings.load(home=tmp_path / "copy", catalog=""))
    assert (tmp_path / "copy" / CATALOG).read_bytes() == before
    with pytest.raises(SettingsRejected, match="is a lake's home, and no backup"):
        restore(other, lake.paths.home)
    (lake.paths.home / CATALOG).rename(tmp_path / "elsewhere")  # as where the catalog is PostgreSQL
    with pytest.raises(SettingsRejected, match="home of another lake"):
        backup(other, lake.paths.home)


def test_a_first_backup_that_was_cut_off_is_told_as_such(lake: Lake, other: Lake, tmp_path: Path) -> None:
    fill(lake, tmp_path)
    with pytest.raises(ZeroDivisionError):
        backup(lake, tmp_path / "copy", progress=lambda done, total: 1 // (done - 3))
    with pytest.raises(SettingsRejected, match="was cut off before its end"):
        restore(other, tmp_path / "copy")
    assert restore_begun(other.paths.home) is None
    backup(lake, tmp_path / "copy")
    assert restore(other, tmp_path / "copy").note == "" and prove(other) == 3


def test_a_later_backup_that_was_cut_off_leaves_the_one_before_and_restore_says_so(
    lake: Lake, other: Lake, tmp_path: Path
) -> None:
    fill(lake, tmp_path)
    backup(lake, tmp_path / "copy")
    one_by_one(lake, tmp_path / "b", 2)
    (tmp_path / "copy" / "scratch" / f"pitwall-{'0' * 32}.tmp").write_bytes(b"half")
    with pytest.raises(ZeroDivisionError):
        backup(lake, tmp_path / "copy", progress=lambda done, total: 1 // (done - 3))
    assert (tmp_path / "copy" / "scratch" / TAKEN).exists()
    assert "this is the one before it" in restore(other, tmp_path / "copy").note and prove(other) == 3
    backup(lake, tmp_path / "copy")
    assert list((tmp_path / "copy" / "scratch").iterdir()) == []


def test_a_backup_whose_catalog_changed_behind_our_back_is_refused(lake: Lake, other: Lake, tmp_path: Path) -> None:
    fill(lake, tmp_path)
    backup(lake, tmp_path / "copy")
    place = tmp_path / "copy" / CATALOG
    good = place.read_bytes()
    at = good.rindex(b"rollout_1_")
    place.write_bytes(good[:at] + b"s" + good[at + 1 :])
    with pytest.raises(LakeDamaged, match=PROOF):
        restore(other, tmp_path / "copy")
    place.write_bytes(good)
    restore(other, tmp_path / "copy")


@on_both
def test_a_restore_that_was_cut_off_is_no_lake_until_the_same_call_ends_it(
    lake: Lake, other: Lake, tmp_path: Path
) -> None:
    fill(other, tmp_path)
    backup(other, tmp_path / "copy")
    with pytest.raises(ZeroDivisionError):
        restore(lake, tmp_path / "copy", progress=lambda done, total: 1 // (done - 5))
    with pytest.raises(SettingsRejected, match=r"a restore is at work here, or was cut off.*restore FOLDER\."):
        Lake.open(lake.settings)
    assert restore(lake, tmp_path / "copy").copied == 4
    again = Lake.open(lake.settings)
    assert prove(again) == 3
    again.catalog.engine.dispose()


@on_both
def test_a_restore_that_was_killed_after_its_transaction_only_takes_the_mark_away(
    lake: Lake, other: Lake, tmp_path: Path
) -> None:
    fill(other, tmp_path)
    backup(other, tmp_path / "copy")
    with pytest.raises(ZeroDivisionError):
        restore(lake, tmp_path / "copy", progress=lambda done, total: 1 // (done - 5))
    mark = lake.paths.home / "RESTORING.txt"
    text = mark.read_bytes()
    restore(lake, tmp_path / "copy")
    mark.write_bytes(text)
    assert restore(lake, tmp_path / "copy").copied == 0 and not mark.exists() and prove(lake) == 3
    mark.write_bytes(text)
    one_by_one(other, tmp_path / "b", 1)
    backup(other, tmp_path / "copy")
    with pytest.raises(SettingsRejected, match="another state of this backup"):
        restore(lake, tmp_path / "copy")
    assert mark.exists() and prove(lake) == 3


def test_what_came_in_while_a_restore_was_cut_off_is_not_taken_for_it(lake: Lake, other: Lake, tmp_path: Path) -> None:
    """A process that had opened the home before goes on to ingest into it."""
    fill(lake, tmp_path)
    backup(lake, tmp_path / "copy")
    with pytest.raises(ZeroDivisionError):
        restore(other, tmp_path / "copy", progress=lambda done, total: 1 // (done - 5))
    one_by_one(other, tmp_path / "b", 1)
    with pytest.raises(SettingsRejected, match="or of another lake"):
        restore(other, tmp_path / "copy")
    assert restore_begun(other.paths.home)
