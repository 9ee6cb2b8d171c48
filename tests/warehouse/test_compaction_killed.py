"""Compaction, killed at random points: `PITWALL_KILLS=1000` for a night of it."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemas.settings import Settings
from tests.warehouse.rollouts import snapshot, sql
from tests.warehouse.test_compaction import in_use, one_by_one, prove
from warehouse.compaction import compact, plan
from warehouse.lake import Lake

KILLS = int(os.environ.get("PITWALL_KILLS", "6"))
RUNS, EACH = 6, 3
_PROGRAM = """
import sys
from pathlib import Path
from schemas.settings import Settings
from warehouse.compaction import compact
from warehouse.lake import Lake
lake = Lake.open(Settings.load(home=Path(sys.argv[1]), catalog=""))
print("ready", flush=True)
compact(lake)
print("done", flush=True)
"""


@pytest.mark.slow
def test_compaction_that_is_killed_at_any_point_loses_nothing_and_goes_on(tmp_path: Path) -> None:
    lake = Lake.open(Settings.load(home=tmp_path / "home", catalog="", settle_seconds=0))
    chance, longest, moments = random.Random(7), 0.5, []
    filled = 0
    for _ in range(KILLS):
        if not plan(lake):
            for run in range(RUNS):
                one_by_one(lake, tmp_path / f"{chr(97 + run)}{filled}", EACH, first=filled * EACH)
            filled += 1
            told, before = snapshot(lake), sql(lake, "from experiences order by all")
        child = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(lake.settings.home)], stdout=subprocess.PIPE)
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        began = time.perf_counter()
        time.sleep(chance.uniform(0, longest))
        child.kill()
        left = child.stdout.read()
        child.wait()
        child.stdout.close()
        if left:  # it was done before the blow: strike earlier
            longest *= 0.8
        moments.append((round(time.perf_counter() - began, 3), bool(left), len(in_use(lake))))
        assert prove(lake) == filled * RUNS * EACH
        assert snapshot(lake) == told and sql(lake, "from experiences order by all") == before
    struck = [moment for moment in moments if not moment[1]]
    assert len(struck) > KILLS / 4, moments
    compact(lake)
    assert prove(lake) == filled * RUNS * EACH and plan(lake) == []
    lake.catalog.engine.dispose()
