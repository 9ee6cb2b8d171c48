"""`pitwall verify` over real lakes that something happened to behind our back."""

import json
import shutil

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from pitwall.cli import app
from schemas.errors import LakeDamaged
from schemas.window import Window
from tests.warehouse.drafts import draft, files
from tests.warehouse.rollouts import rows, sql, write
from warehouse import tables as t
from warehouse.ingest import ingest
from warehouse.lake import Lake
from warehouse.registry import publish
from warehouse.verify import verify
from warehouse.windows import select


@pytest.fixture
def exports(tmp_path):
    """Two sessions, of which one file is broken."""
    for index in range(2):
        write(tmp_path / "exports" / "a", index)
        write(tmp_path / "exports" / "b", index, second=500 + index)
    broken = write(tmp_path / "exports" / "b", 2)
    broken.write_bytes(broken.read_bytes()[:100])
    return tmp_path / "exports"


@pytest.fixture
def full(lake, exports):
    """Version 1 is imported and champion, version 2 was trained on run a."""
    ingest(lake, [exports])
    publish(lake, draft("one", start="imported"), files)
    window = select(lake, Window(run="a"))
    publish(lake, draft("two", parent=1, window_id=window.window_id), files)
    return lake


def partition_of(lake, run):
    (path,) = {path for (path,) in sql(lake, f"select p.path from catalog.partitions p where path like '%run={run}/%'")}
    return lake.paths.absolute(path)


def flip(path, place):
    """Turn one bit."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def tree(folder):
    """Every file of the home with its content, less the database's own."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("catalog.sqlite")
    }


def command(lake, *words):
    place = ["--home", str(lake.settings.home), "--catalog", lake.settings.catalog]
    return CliRunner().invoke(app, [*place, "verify", *words])


@pytest.mark.parametrize("deep", [False, True])
def test_a_sound_lake_is_all_good_and_stays_as_it_is(full, deep):
    before = tree(full.settings.home)
    places = []
    found = verify(full, deep=deep, progress=lambda done, total, place: places.append((done, total)))
    assert found.good and not found.leftovers
    assert found.checked["partitions"] == 2 and found.checked["versions"] == 2 and found.checked["rejected_files"] == 1
    assert places[-1] == (len(places), len(places))
    assert tree(full.settings.home) == before
    said = command(full, *(["--deep"] if deep else []))
    assert said.exit_code == 0 and "all good" in said.output


def test_a_deleted_partition_is_named_with_everything_that_hangs_on_it(full):
    path = partition_of(full, "a")
    path.unlink()
    (damage,) = verify(full).damages
    assert (damage.kind, damage.place) == ("partition", full.paths.relative(path))
    assert "is gone, wanted" in damage.found and "backup" in damage.next_step and "exports/a" in damage.next_step
    assert len(damage.rollouts) == 2 and not damage.whole and damage.runs == ("a",)
    assert len(damage.windows) == 1 and damage.versions == (2,)
    said = command(full)
    assert said.exit_code == 1 and "trained on it: versions 2;" in said.output and "1 damaged" in said.output


def test_a_flipped_bit_is_found_and_the_rollouts_beside_it_are_told_apart(lake, tmp_path):
    """Row groups hold 32,768 rows, so the second rollout lies in one of its own."""
    write(tmp_path / "exports", 0, rows(32_768, agents=1))
    write(tmp_path / "exports", 1)
    ingest(lake, [tmp_path / "exports"])
    path = partition_of(lake, "exports")
    flip(path, 1000)
    (damage,) = verify(lake).damages
    assert "with sha256" in damage.found and len(damage.rollouts) == 2
    assert len(damage.whole) == 1 and damage.whole[0].startswith("exports/rollout_1_")


@pytest.mark.parametrize("place", [0, 40, -5, -200])
def test_a_flipped_bit_anywhere_in_a_partition_is_found(full, place):
    flip(partition_of(full, "b"), place)
    (damage,) = verify(full).damages
    assert damage.runs == ("b",) and not damage.versions


def test_rows_that_are_not_those_of_the_ledger_are_found_deep(full):
    """The file is what was committed; what the ledger says of it was changed."""
    with full.catalog.begin() as connection:
        connection.execute(t.rollouts.update().where(t.rollouts.c.position == 0).values(rows_sha256="0" * 64))
    assert verify(full).good
    damages = verify(full, deep=True).damages
    assert {damage.runs for damage in damages} == {("a",), ("b",)}
    assert all("its bytes are right" in damage.found and len(damage.whole) == 1 for damage in damages)


@pytest.mark.parametrize("what", ["changed", "deleted", "folder deleted", "manifest"])
def test_a_model_that_is_not_what_was_published_is_named_with_its_aliases(full, what):
    path = full.paths.model(2) / ("manifest.json" if what == "manifest" else "policy.onnx")
    if what == "folder deleted":
        shutil.rmtree(path.parent)
    elif what == "deleted":
        path.unlink()
    else:
        flip(path, 3)
    damages = verify(full).damages
    assert len(damages) == (4 if what == "folder deleted" else 1)
    assert {damage.versions for damage in damages} == {(2,)} and {damage.aliases for damage in damages} == {("latest",)}
    assert full.paths.relative(path) in {damage.place for damage in damages}
    assert command(full).exit_code == 1


def test_a_damaged_champion_says_who_can_drive_meanwhile(full):
    flip(full.paths.model(1) / "policy.engine.json", 3)
    (damage,) = verify(full).damages
    assert damage.aliases == ("champion",) and "pitwall models promote 2" in damage.next_step


def test_an_alias_that_points_elsewhere_than_its_last_move_is_found(full):
    with full.catalog.begin() as connection:
        connection.execute(t.aliases.update().where(t.aliases.c.alias == "champion").values(version=2))
        connection.execute(t.aliases.delete().where(t.aliases.c.alias == "latest"))
    champion, latest = verify(full).damages
    assert champion.place == "champion" and "points at version 2; wanted 1" in champion.found
    assert latest.place == "latest" and "points at no version; wanted 2" in latest.found


def test_a_window_that_lost_rows_is_found(full):
    with full.catalog.begin() as connection:
        connection.execute(t.window_rollouts.delete().where(t.window_rollouts.c.ordinal == 1))
    (damage,) = verify(full).damages
    assert damage.kind == "window" and damage.versions == (2,) and "names 8 rows" in damage.found


@pytest.mark.parametrize("what", ["deleted", "torn"])
def test_a_kept_file_of_a_reject_that_is_gone_or_torn_is_found(full, what):
    (kept,) = (path for path in full.paths.rejects.rglob("*") if path.is_file())
    if what == "deleted":
        kept.unlink()
    else:
        kept.write_bytes(kept.read_bytes()[:-10])
    (damage,) = verify(full).damages
    assert damage.kind == "reject" and "rollout_2" in damage.found and "--retry-rejected" in damage.next_step


def test_what_belongs_to_nobody_is_told_and_harms_nothing(full):
    stray = full.paths.partition("a", "f" * 64)
    stray.write_bytes(b"torn")
    (full.paths.scratch / "0.tmp").write_bytes(b"half")
    folder = full.paths.model(3)
    folder.mkdir()
    (folder / "policy.onnx").write_bytes(b"onnx")
    (full.paths.model(1) / "notes.txt").write_bytes(b"mine")
    found = verify(full)
    assert found.good
    assert {(left.place, left.bytes) for left in found.leftovers} == {
        (full.paths.relative(stray), 4), ("scratch/0.tmp", 4), ("models/v00003", 4), ("models/v00001/notes.txt", 4),
    }  # fmt: skip
    said = command(full)
    assert said.exit_code == 0 and "4 left over, which harms nothing" in said.output


def test_a_collected_partition_that_nothing_needs_is_no_damage(full):
    with full.catalog.begin() as connection:
        connection.execute(t.partitions.update().values(retired_at=sa.func.current_timestamp()))
    partition_of(full, "b").unlink()
    assert verify(full).good
    partition_of(full, "a").unlink()  # version 2 was trained on it
    assert [damage.versions for damage in verify(full).damages] == [(2,)]


def test_the_account_as_json_says_the_same(full):
    partition_of(full, "a").unlink()
    said = command(full, "--json")
    told = json.loads(said.stdout)
    assert said.exit_code == 1 and not told["good"]
    assert told["damages"][0]["versions"] == [2] and told["checked"]["partitions"] == 2


def test_a_home_without_a_lake_stays_as_it_was(tmp_path):
    said = CliRunner().invoke(app, ["--home", str(tmp_path / "nowhere"), "verify"])
    assert "holds no lake" in str(said.exception) and not (tmp_path / "nowhere").exists()


def test_a_lake_whose_catalog_is_gone_is_damaged_and_gets_no_new_one(tmp_path, exports):
    home = tmp_path / "alone"
    assert CliRunner().invoke(app, ["--home", str(home), "ingest", str(exports)]).exit_code == 3
    for path in home.glob("catalog.sqlite*"):
        path.unlink()
    said = CliRunner().invoke(app, ["--home", str(home), "verify"])
    assert isinstance(said.exception, LakeDamaged) and "backup" in str(said.exception)
    assert not (home / "catalog.sqlite").exists()


def test_a_catalog_that_is_no_database_any_more_says_so(tmp_path, exports):
    home = tmp_path / "alone"
    CliRunner().invoke(app, ["--home", str(home), "ingest", str(exports)])
    for path in home.glob("catalog.sqlite-*"):
        path.unlink()
    content = bytearray((home / "catalog.sqlite").read_bytes())
    (home / "catalog.sqlite").write_bytes(b"\0" * 100 + content[100:])
    said = CliRunner().invoke(app, ["--home", str(home), "verify"])
    assert isinstance(said.exception, LakeDamaged) and "the catalog is damaged" in str(said.exception)


def test_pages_of_the_catalog_that_do_not_fit_together_are_found(tmp_path, exports):
    home = tmp_path / "alone"
    CliRunner().invoke(app, ["--home", str(home), "ingest", str(exports)])
    lake = Lake.open(_settings(home))
    with lake.catalog.engine.connect() as connection:
        page = connection.exec_driver_sql(
            "select rootpage from sqlite_schema where name = 'rollouts_by_order'"
        ).scalar()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar()
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    lake.catalog.engine.dispose()
    with (home / "catalog.sqlite").open("r+b") as file:  # empty the index
        file.seek((page - 1) * size + 3)
        file.write(b"\0\0")
    lake = Lake.open(_settings(home))
    assert any(damage.kind == "catalog" and "SQLite says" in damage.found for damage in verify(lake).damages)
    lake.catalog.engine.dispose()


def _settings(home):
    from schemas.settings import Settings

    return Settings.load(home=home)
