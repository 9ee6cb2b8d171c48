"""Months of driving in one lake: what grows with its size, and what does not.

python -m benchmarks.load [ROLLOUTS] [--home FOLDER]    10,000 rollouts, 20 million experiences; 5 GB of disk

Sessions of 100 rollouts come in one after the other, all through one folder, as an engine's do. Each rollout is one of
the sample session's with every observation, reward, value and log-probability changed at random. Once it is in, a hole
of the same size and time takes its file's place: the folder grows, the disk does not. At a tenth, a half and the whole
of them the lake is asked what its users ask. The last tenth comes in by turns with the first of a second lake, so that
both meet the same machine.
"""

import argparse
import gc
import gzip
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil

from schemas.settings import Settings
from schemas.window import Window
from warehouse import query
from warehouse.ingest import ingest
from warehouse.lake import Lake
from warehouse.window_rows import window_rows
from warehouse.windows import select

SAMPLES = Path(__file__).parents[1] / "samples" / "session_a"
SESSION = 100
GOALS = {"select newest 20, ms": 500, "episodes of one run, ms": 1000}


def main(rollouts: int, home: Path) -> None:
    """Fill the lake, print what it takes on the way, and leave with 1 where a goal is missed."""
    sessions = rollouts // SESSION
    tenth = max(1, sessions // 10)
    random = np.random.default_rng(0)
    old, new = _Filled(home / "old", random), _Filled(home / "new", random)
    columns: dict[str, dict[str, float]] = {}
    for session in range(sessions):
        old.drive(session)
        if session >= sessions - tenth:
            new.drive(session)
        if session + 1 in {tenth, sessions // 2, sessions}:
            columns[f"{(session + 1) * SESSION:,}"] = _figures(old.lake, session)
            print(f"{session + 1} of {sessions} sessions", file=sys.stderr, flush=True)
    _show(columns)
    last = columns[f"{rollouts:,}"]
    rates = [SESSION * 2048 / statistics.median(lake.seconds[-tenth:]) for lake in (old, new)]
    print(f"ingest by turns, rows/s: {rates[0]:,.0f} at the end, {rates[1]:,.0f} at the beginning")
    print(f"their ratio: {rates[0] / rates[1]:.2f}, goal at least 0.8")
    for name, goal in GOALS.items():
        print(f"{name}: {last[name]:.1f}, goal at most {goal}")
    sys.exit(1 if rates[0] < 0.8 * rates[1] or any(last[name] > goal for name, goal in GOALS.items()) else 0)


class _Filled:
    """A lake and the engine's folder beside it."""

    def __init__(self, home: Path, random: np.random.Generator) -> None:
        self.lake, self.random = Lake.open(Settings.load(home=home, catalog="")), random
        self.folder = home / "Exports"
        self.folder.mkdir()
        self.seconds: list[float] = []
        """Processor time of each session's ingest: others use the machine too."""

    def drive(self, session: int) -> None:
        """One session into the folder and from there into the lake."""
        written = _drive(self.folder, session, self.random)
        began = time.process_time()
        came = ingest(self.lake, [self.folder])
        self.seconds.append(time.process_time() - began)
        if len(came.accepted) != SESSION:
            raise RuntimeError(f"{self.folder}: {len(came.accepted)} of {SESSION} rollouts came in")
        for path in written:
            _hollow(path)


def _drive(folder: Path, session: int, random: np.random.Generator) -> list[Path]:
    """One session of the engine: 100 rollouts whose numbers are the samples', each times 1 + 0.01 x normal."""
    documents = [json.loads(gzip.decompress(path.read_bytes())) for path in sorted(SAMPLES.glob("*.gz"))]
    began = 1_735_135_200 + 86_400 * session
    written = []
    for index in range(SESSION):
        document = documents[index % len(documents)]
        rows = [dict(row) for row in document["experiences"]]
        state = _perturbed(random, [row["state"] for row in rows])
        scalars = {name: _perturbed(random, [row[name] for row in rows]) for name in ("reward", "value", "log_prob")}
        for position, row in enumerate(rows):
            row["state"] = state[position]
            for name, numbers in scalars.items():
                row[name] = numbers[position]
        moment = time.strftime("%Y%m%d_%H%M%S", time.gmtime(began + 43 * index))
        name = f"rollout_{index}_{moment}.json"
        own = {**document, "rollout_index": index, "session": session, "experiences": rows}
        written.append(folder / name)
        written[-1].write_bytes(msgspec.json.encode(own))
    return written


def _hollow(path: Path) -> None:
    """The same file to a folder's listing, without its bytes."""
    looks = path.stat()
    with path.open("wb") as file:
        file.truncate(looks.st_size)
    os.utime(path, ns=(looks.st_atime_ns, looks.st_mtime_ns))


def _perturbed(random: np.random.Generator, numbers: list[Any]) -> list[Any]:
    found = np.asarray(numbers, np.float64)
    scaled = found * (1 + 0.01 * random.standard_normal(found.shape))
    listed: list[Any] = scaled.astype(np.float32).astype(np.float64).tolist()
    return listed


def _figures(lake: Lake, session: int) -> dict[str, float]:
    count = query.run(
        lake, "select count(*), sum(bytes), sum(rows) from catalog.partitions where retired_at is null"
    ).to_pylist()
    files, size, rows = (int(number) for number in count[0].values())
    run = query.run(lake, "select run_id from runs order by first_written_at limit 1 offset $n", {"n": session // 2})
    run_id = run["run_id"][0].as_py()
    window = select(lake, Window(newest=20))
    episodes = "select * from episodes where run_id = $run"
    figures = {
        "experiences, millions": rows / 1e6,
        "partitions": files,
        "experiences, MB": size / 1e6,
        "catalog, MB": sum(path.stat().st_size for path in lake.paths.home.glob("catalog.sqlite*")) / 1e6,
        "select newest 20, ms": _milliseconds(lambda: select(lake, Window(newest=20))),
        "select one run, ms": _milliseconds(lambda: select(lake, Window(run=run_id))),
        "select best 20 of a run, ms": _milliseconds(lambda: select(lake, Window(run=run_id, best=20))),
        "read newest 20, checked, ms": _milliseconds(lambda: window_rows(lake, window)),
        "episodes of one run, ms": _milliseconds(lambda: query.run(lake, episodes, {"run": run_id})),
        "rollouts of one run, ms": _milliseconds(
            lambda: query.run(lake, "select * from rollouts where run_id = $run", {"run": run_id})
        ),
        "mean reward over all, ms": _milliseconds(lambda: query.run(lake, "select avg(reward) from experiences")),
        "an ingest that finds nothing new, ms": _milliseconds(lambda: ingest(lake, [lake.paths.home / "Exports"])),
    }
    gc.collect()
    return figures | {"memory of this process, MB": psutil.Process().memory_info().rss / 1e6}


def _milliseconds(work: Callable[[], object]) -> float:
    """Least of five: others use the machine too."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        took.append(1e3 * (time.perf_counter() - began))
    return min(took)


def _show(columns: dict[str, dict[str, float]]) -> None:
    print(f"{'rollouts':<44}" + "".join(f"{name:>12}" for name in columns))
    for name in next(iter(columns.values())):
        print(f"{name:<44}" + "".join(f"{column[name]:>12,.1f}" for column in columns.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rollouts", nargs="?", type=int, default=10_000)
    parser.add_argument("--home", type=Path, help="an empty folder; a temporary one otherwise")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        main(arguments.rollouts, arguments.home or Path(temporary) / "home")
