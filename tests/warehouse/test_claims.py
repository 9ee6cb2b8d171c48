"""Several processes on one folder share it, and none waits for one that is dead."""

import multiprocessing
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from schemas.settings import Settings
from tests.warehouse.rollouts import sql, write
from warehouse.claims import NEIGHBOURS, Claims, share_of
from warehouse.ingest import ingest
from warehouse.lake import Lake
from warehouse.landing import Landed

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from warehouse.claims import Claims
from warehouse.paths import Paths
claims = Claims(Paths(Path(sys.argv[1])))
print(claims.take(int(sys.argv[2])), flush=True)
sys.stdin.readline()
"""


def landed(index: int, folder: str = "/engine") -> Landed:
    return Landed(folder, "engine", f"rollout_{index}_20241225_140000.json")


def in_another_process(lake: Lake, share: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(lake.paths.home), str(share)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "True\n"
    return process


def test_neighbours_are_claimed_together_and_sessions_apart():
    assert len({share_of(landed(index)) for index in range(NEIGHBOURS)}) == 1
    assert len({share_of(landed(index)) for index in range(NEIGHBOURS * 40)}) > 30
    assert len({share_of(landed(0, f"/engine{number}")) for number in range(40)}) > 30


def test_a_claimed_share_is_not_taken_until_it_is_let_go(lake):
    ours, theirs = Claims(lake.paths), Claims(lake.paths)
    assert ours.take(7) and ours.take(7) and ours.take(8)
    assert not theirs.take(7)
    ours.let_go(keep=8)
    assert theirs.take(7) and not theirs.take(8)
    ours.let_go()
    theirs.let_go()


def test_patience_ends(lake):
    ours, theirs = Claims(lake.paths), Claims(lake.paths)
    assert ours.take(7) and theirs.take(7, patience=0.1)
    theirs.let_go()
    ours.let_go()
    assert not any(lake.paths.claim(7).parent.iterdir()), "nothing stays behind"


def test_what_a_dead_process_had_claimed_is_brought_in_after_the_others(lake, tmp_path):
    files = [write(tmp_path / "exports", index) for index in (0, NEIGHBOURS)]
    first = Landed((tmp_path / "exports").resolve().as_posix(), "exports", files[0].name)
    reports = []
    with in_another_process(lake, share_of(first)) as other:
        working = threading.Thread(target=lambda: reports.append(ingest(lake, [tmp_path / "exports"])))
        working.start()
        until = time.monotonic() + 20
        while not sql(lake, "select rollout_id from rollouts") and time.monotonic() < until:
            time.sleep(0.02)
        assert sql(lake, "select file_name from rollouts") == [(files[1].name,)]
        assert working.is_alive()
        other.kill()
        working.join(20)
    assert list(reports[0].accepted) == [str(files[1]), str(files[0])]


def half(home: Path, folder: Path, start, reports) -> None:
    lake = Lake.open(Settings.load(home=home, batch_rows=500))
    start.wait()
    report = ingest(lake, [folder])
    reports.put((list(report.accepted), report.known))
    lake.catalog.engine.dispose()


@pytest.mark.slow
def test_two_processes_share_a_folder_and_read_no_file_twice(lake, tmp_path):
    if lake.catalog.engine.dialect.name != "sqlite":
        pytest.skip("the processes open the home's own catalog")
    folder, count = tmp_path / "exports", 12 * NEIGHBOURS
    for index in range(count):
        write(folder, index)
    spawn = multiprocessing.get_context("spawn")
    start, reports = spawn.Barrier(2), spawn.Queue()
    processes = [spawn.Process(target=half, args=(lake.paths.home, folder, start, reports)) for _ in range(2)]
    for process in processes:
        process.start()
    found = [reports.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(20)
    accepted = [set(mine) for mine, _ in found]
    assert not accepted[0] & accepted[1] and len(accepted[0] | accepted[1]) == count
    assert all(len(mine) + len(known) == count for mine, known in found)
    assert min(map(len, accepted)) >= NEIGHBOURS, "each had its share"
