"""Ingest holds a batch, never everything: the peak of 150 rollouts is that of 30."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.warehouse.rollouts import rows, write

ROOT = Path(__file__).parents[2]
INGEST = """
import re, sys
from pathlib import Path
from schemas.settings import Settings
from warehouse.ingest import ingest
from warehouse.lake import Lake
lake = Lake.open(Settings.load(home=sys.argv[1], batch_rows=2048))
report = ingest(lake, [Path(sys.argv[2])])
lake.catalog.engine.dispose()
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(len(report.accepted), peak[1])
"""


def peak_mib(tmp_path, count):
    """Peak of the resident memory of a process that ingests so many rollouts."""
    template = write(tmp_path, 0, rows(512)).read_bytes()
    folder = tmp_path / f"in{count}"
    folder.mkdir()
    for index in range(count):
        (folder / f"rollout_{index}_20241225_14{index // 60:02d}{index % 60:02d}.json").write_bytes(
            template + b" " * index
        )
    done = subprocess.run(
        [sys.executable, "-c", INGEST, str(tmp_path / f"home{count}"), str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    accepted, peak = map(int, done.stdout.split())
    assert accepted == count
    return peak / 1024


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc")
def test_the_peak_of_many_rollouts_is_that_of_few(tmp_path):
    few, many = peak_mib(tmp_path, 30), peak_mib(tmp_path, 150)
    assert many < few + 40  # 120 more files hold 46 MB of text and 10 MB of numbers
