import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.settings import Settings
from tests.warehouse import bad_files
from tests.warehouse.rollouts import snapshot, sql, write
from warehouse.ingest import ingest
from warehouse.lake import Lake


@pytest.fixture
def exports(tmp_path):
    """Two sessions, a nested one and the broken files."""
    root = tmp_path / "exports"
    for index in range(3):
        write(root / "a", index)
        write(root / "b", index, extra={"run_id": "given"})
    write(root / "deep" / "a", 0, second=7)
    write(root / "deep" / "a", 0, second=900)  # a later session
    bad_files.make(root / "bad")
    return root


def open_lake(home: Path, url: str = "", **settings) -> Lake:
    return Lake.open(Settings.load(home=home, catalog=url, settle_seconds=0.01, **settings))


def at_once(home: Path, url: str, root: Path, order: int) -> None:
    lake = open_lake(home, url, batch_rows=100)
    places = [root] if order % 2 else sorted(root.iterdir(), reverse=True)
    ingest(lake, places)
    lake.catalog.engine.dispose()


@pytest.fixture
def expected(exports, tmp_path):
    lake = open_lake(tmp_path / "reference")
    ingest(lake, [exports])
    found = snapshot(lake)
    lake.catalog.engine.dispose()
    return found


def test_twice_is_once(lake, exports, expected):
    ingest(lake, [exports])
    again = ingest(lake, [exports])
    assert not again.accepted and not again.rejected and not again.warnings
    assert snapshot(lake) == expected


@pytest.mark.parametrize("way", ["sub-folders first", "backwards", "small batches", "spelled oddly"])
def test_any_order_makes_the_same_lake(tmp_path, exports, expected, way):
    lake = open_lake(tmp_path / "home", batch_rows=30 if way == "small batches" else 100_000)
    files = [path for path in sorted(exports.rglob("rollout_*.json")) if path.parent.name != "bad"]
    if way == "sub-folders first":
        ingest(lake, [exports / "deep" / "a"])
        ingest(lake, [exports / "b", exports / "a"])
    elif way == "backwards":
        for path in reversed(files):
            ingest(lake, [path])
    elif way == "spelled oddly":
        ingest(lake, [exports / "a" / ".." / "deep" / "." / "a", exports / "a" / ".." / "b"])
    ingest(lake, [exports])
    found = snapshot(lake)
    if way != "small batches":
        # asked for as itself, a folder of that name bears the shorter label; which one does not depend on the order
        assert {row[:1] + row[2:] for row in found["rollouts"]} == {row[:1] + row[2:] for row in expected["rollouts"]}
        assert found["rejects"] == expected["rejects"]
    else:
        assert found == expected
    lake.catalog.engine.dispose()


@pytest.mark.parametrize("first", [0, 1])
def test_the_order_of_two_folders_of_one_name_does_not_matter(lake, tmp_path, first):
    places = [tmp_path / "one" / "session", tmp_path / "two" / "session"]
    for number, place in enumerate(places):
        write(place, 0, second=number)
        write(place, 0, second=500 + number)
    for place in (places[first], places[1 - first]):
        ingest(lake, [place])
    runs = sql(lake, "select file_path, run_id, position from rollouts order by written_at")
    assert [position for *_, position in runs] == [0, 0, 0, 0]
    names = [run for _, run, _ in runs]
    assert names[0] == "session" and names[2] == "session@20241225_140820"
    assert names[1].startswith("session~") and names[3] == f"{names[1]}@20241225_140821"
    assert sql(lake, "select count(*) from runs") == [(4,)]


@pytest.mark.slow
def test_six_processes_at_once_make_the_same_lake(lake, catalog_url, tmp_path, exports, expected):
    spawn = multiprocessing.get_context("spawn")
    arguments = [(tmp_path / "home", catalog_url, exports, order) for order in range(6)]
    processes = [spawn.Process(target=at_once, args=one) for one in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 6
    ingest(lake, [exports])
    found = snapshot(lake)
    assert [row[0] for row in found["rollouts"]] == [row[0] for row in expected["rollouts"]]
    one = {row[0]: row[3:5] for row in found["rollouts"]}
    assert one == {row[0]: row[3:5] for row in expected["rollouts"]}
    assert {row[:3] for row in found["rejects"]} == {row[:3] for row in expected["rejects"]}
    assert (
        sql(lake, "select count(*), count(distinct (rollout_id, row_index)) from experiences")[0]
        == (sum(row[3] for row in found["rollouts"]),) * 2
    )


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.9, 1.4])
def test_a_killed_ingest_goes_on_where_it_was(lake, catalog_url, tmp_path, exports, expected, seconds):
    code = "import sys; from pathlib import Path; from tests.warehouse.test_ingest_again import at_once; "
    code += "at_once(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), 1)"
    command = [sys.executable, "-c", code, str(tmp_path / "home"), catalog_url, str(exports)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, cwd=root, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(root)}
    ) as child:
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
    ingest(lake, [exports])
    assert snapshot(lake) == expected
    shutil.rmtree(lake.paths.scratch)  # what was unfinished is nobody's
    assert sql(lake, "select count(*) from experiences") == [(sum(row[3] for row in expected["rollouts"]),)]


def test_a_folder_of_copies_renames_no_run(lake, exports, tmp_path):
    ingest(lake, [exports])
    before = snapshot(lake)
    copies = tmp_path / "0" / exports.name  # before the first by path
    shutil.copytree(exports, copies)
    assert not ingest(lake, [copies]).accepted
    after = snapshot(lake)
    assert all(after[name] == before[name] for name in before if name != "rejects")
