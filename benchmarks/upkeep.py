"""A lake of many small ingests before and after its upkeep: files, bytes, window selection, an aggregate over all rows.

python -m benchmarks.upkeep [ROLLOUTS]
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.lake import write_rollouts
from schemas.settings import Settings
from schemas.window import Window
from warehouse import query
from warehouse.compaction import compact
from warehouse.ingest import ingest
from warehouse.lake import Lake
from warehouse.window_rows import window_rows
from warehouse.windows import select

_ALL = "select count(*), avg(reward), avg(obs_speed_norm) from experiences"


def main(rollouts: int) -> None:
    """Print the figures as a table."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "session"
        write_rollouts(source, rollouts)
        lake = Lake.open(Settings.load(home=Path(folder) / "home", catalog="", batch_rows=1))
        began = time.process_time()
        ingest(lake, [source])
        print(f"{rollouts} ingests of one rollout each: {time.process_time() - began:.1f} s", flush=True)
        before = _figures(lake)
        began = time.process_time()
        report = compact(lake)
        seconds = time.process_time() - began
        print(
            f"compaction: {report.partitions} into {report.made}, {report.rows / seconds:,.0f} rows/s, {seconds:.1f} s"
        )
        after = _figures(lake)
        for name, value in before.items():
            print(f"{name:<40} {value:>12,.1f} {after[name]:>12,.1f}")
        lake.catalog.engine.dispose()


def _figures(lake: Lake) -> dict[str, float]:
    ((files, size),) = [
        tuple(row.values())
        for row in query.run(
            lake, "select count(*), sum(bytes) from catalog.partitions where retired_at is null"
        ).to_pylist()
    ]
    window = select(lake, Window(newest=20))
    return {
        "partitions in use": files,
        "MB": float(size) / 1e6,
        "select newest 20, ms": _milliseconds(lambda: select(lake, Window(newest=20))),
        "read newest 20, checked, ms": _milliseconds(lambda: window_rows(lake, window)),
        "aggregate over all rows, ms": _milliseconds(lambda: query.run(lake, _ALL)),
        "episodes of the run, ms": _milliseconds(lambda: query.run(lake, "select count(*) from episodes")),
    }


def _milliseconds(work: Callable[[], object]) -> float:
    """Median of five."""
    took = []
    for _ in range(5):
        began = time.process_time()
        work()
        took.append(1e3 * (time.process_time() - began))
    return statistics.median(took)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
