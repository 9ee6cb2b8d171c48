"""Nothing that is read takes more memory than a multiple of the file, or more than a moment."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.warehouse import bombs
from tests.warehouse.rollouts import name, rows, under, write, write_json
from warehouse import rejects
from warehouse.ingest import ingest
from warehouse.unpacked import MIB, CannotUnpack, unpacked

ROOT = Path(__file__).parents[2]
MULTIPLE, BESIDE = 48, 16 * MIB
"""As docs/hostile-input.md states: 48 bytes for each byte of the file, and 16 MiB for whatever is loaded late."""
SIZE = 500_000


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads the peak from /proc")
def test_every_bomb_gets_a_verdict_in_bounded_time_and_memory():
    command = [sys.executable, "-m", "tests.warehouse.bombs", str(SIZE)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["name"] for one in figures] == list(bombs.BOMBS)
    for one in figures:
        assert one["verdict"].startswith(("accepted", "rejected")), one
        assert one["peak"] <= MULTIPLE * one["bytes"] + BESIDE, one
        assert one["seconds"] < 30, one
    verdicts = {one["name"]: one["verdict"] for one in figures}
    assert verdicts["zip of gigabytes"] == (
        "rejected: it holds more than 64 MiB; split it, or raise the setting max_file_mib"
    )


def test_a_file_beyond_the_limit_is_refused_unread_and_stays_where_it_is(lake, tmp_path):
    large = tmp_path / "in" / name(0)
    large.parent.mkdir()
    with large.open("wb") as file:
        file.truncate(3 * MIB)  # a hole: it could be of any size
    small = write(tmp_path / "in", 1)
    report = ingest(under(lake, max_file_mib=2), [tmp_path / "in"])
    assert list(report.accepted) == [str(small)]
    assert "more than 2 MiB" in report.rejected_files[str(large)]
    assert not list((lake.paths.home / "rejects").rglob("*.gz"))
    assert rejects.export(lake, tmp_path / "mend") == {large: large.as_posix()}
    with pytest.raises(Exception, match=r"more than 2 MiB.*max_file_mib\. Look at"):
        rejects.raw(lake, rejects.rejects(lake)[0].reject_id)
    assert len(ingest(lake, [tmp_path / "in"]).known_rejects) == 1


def test_a_larger_limit_lets_a_refused_file_in(lake, tmp_path):
    path = write_json(tmp_path / name(0), {"experiences": rows(), "unknown": "x" * 3 * MIB})
    assert ingest(under(lake, max_file_mib=2), [path]).rejected_files
    assert ingest(lake, [path]).known_rejects == [str(path)]
    assert ingest(lake, [path], retry_rejected=True).accepted == {str(path): 8}
    assert rejects.rejects(lake) == []


def test_what_is_packed_well_but_small_is_unpacked_whole():
    content = b" " * (3 * MIB) + b"{}"
    assert unpacked(gzip.compress(content), 4) == content
    assert unpacked(gzip.compress(b"{}") * 3, 4) == b"{}{}{}"
    assert unpacked(gzip.compress(b" " * 4 * MIB), 4) == b" " * 4 * MIB
    with pytest.raises(CannotUnpack, match="more than 4 MiB"):
        unpacked(gzip.compress(b" " * (4 * MIB + 1)), 4)
    with pytest.raises(CannotUnpack, match="damaged"):
        unpacked(gzip.compress(content)[:-3], 4)


def test_folders_without_end_are_left_and_the_others_read(lake, tmp_path):
    path = write(tmp_path / "in" / "a", 0)
    deep = [f"{tmp_path / 'in'}{'/a' * depth}" for depth in range(2, 500)]
    for folder in deep:
        Path(folder).mkdir()
    report = ingest(lake, [tmp_path / "in"])
    assert list(report.accepted) == [str(path)]
    assert report.left == {deep[99]: "lies more than 100 folders deep; give this folder itself"}
    for folder in reversed(deep):
        Path(folder).rmdir()


def test_reasons_stay_short_however_many_names_there_are(lake, tmp_path):
    names = [f"{number:0100}" for number in range(900)]
    experiences = [row | {"action": dict.fromkeys(names, 1.0)} for row in rows()]
    experiences[3]["action"] = {"x" * 10_000: 1.0} | dict.fromkeys(names[:500], 2.0)
    report = ingest(lake, [write_json(tmp_path / name(0), {"experiences": experiences})])
    [[reason]] = report.rejected_rows.values()
    assert len(reason) < 2500 and reason.startswith("experiences[3].action has the keys ['000") and "892 more" in reason
