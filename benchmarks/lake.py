"""The lake: files to committed partitions by one process and by two, a window read again, the memory of a long ingest.

The rollouts are the sample session's, each made different by a seed in its head. Peers run in the same process on the
same files: `json.loads` alone, and `json.loads` into arrays as a trainer script does it. The floors: a scan of the JSON
in C that checks its grammar and makes no value of it, and one sha256 of the partitions that a window lies in.
"""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.row import Row

SAMPLES = Path(__file__).parents[1] / "samples" / "session_a"
WINDOW = 100
PEER_FILES = 20
GOAL = 150_000
"""Experiences a second of one core."""
GOAL_OF_TWO = 1.6
"""Times the rate of one process, of two on two cores that others use too."""
FLAT = 0.9
"""The peak of a tenth of the files, as a part of that of all."""
GIB = 2**30


def rows(rollouts: int = 1000) -> list[Row]:
    """Ingest and window figures over so many rollouts of 2048 experiences, each in a process held to one thread."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "Exports"
        write_rollouts(source, rollouts)
        (found,), peak = _measured(source, Path(folder) / "home", 1)
        surplus = sorted(source.iterdir())[rollouts // 10 :]
        pair, _ = _measured(source, Path(folder) / "shared", 2)
        for path in surplus:
            path.unlink()
        (few,), few_peak = _measured(source, Path(folder) / "few", 1)
    experiences, files, seconds = found["experiences"], found["files"], found["ingest_seconds"]
    rate, peer_rate = experiences / seconds, experiences / files / found["loads_seconds"]
    pair_rate = experiences / (max(each["ended"] for each in pair) - min(each["began"] for each in pair))
    window, peer_window = 1e3 * found["window_seconds"], 1e3 * found["script_seconds"] * found["window_files"]
    what, scan = f"{files} files, 1 core", experiences / files / found["scan_seconds"]
    return [
        Row(
            "ingest",
            f"files to committed partitions, {what}",
            rate,
            "json.loads alone",
            peer_rate,
            "rows/s",
            rate / peer_rate,
            None,
            scan,
            "scan of the JSON",
        ),
        Row("ingest", f"files to committed partitions, {what}", rate, "goal", GOAL, "rows/s", rate / GOAL, 1.0),
        Row(
            "ingest",
            f"{files} files of one folder, 2 processes",
            pair_rate,
            "1 process",
            rate,
            "rows/s",
            pair_rate / rate,
            GOAL_OF_TWO if (os.cpu_count() or 1) > 1 else None,
        ),
        Row(
            "window",
            f"read {found['window_files']} rollouts again, checked",
            window,
            "json.loads into arrays",
            peer_window,
            "ms",
            peer_window / window,
            50.0,
            1e3 * found["hash_seconds"],
            "sha256 of its partitions",
        ),
        Row("memory", f"peak while ingesting, {what}", peak / GIB, "goal", 1.0, "GiB", GIB / peak, 1.0),
        Row(
            "memory",
            f"the same, {what}",
            peak / GIB,
            f"{few['files']} files",
            few_peak / GIB,
            "GiB",
            few_peak / peak,
            FLAT,
        ),
    ]


def write_rollouts(folder: Path, count: int) -> None:
    """`count` rollouts of one session, in the engine's spelling."""
    folder.mkdir(parents=True)
    samples = [gzip.decompress(path.read_bytes()) for path in sorted(SAMPLES.glob("*.gz"))]
    for index in range(count):
        moment = time.strftime("%Y%m%d_%H%M%S", time.gmtime(1_735_135_200 + 43 * index))
        text = samples[index % len(samples)]
        own = text.replace(b'"num_experiences"', b'"seed": %d, "num_experiences"' % index, 1)
        (folder / f"rollout_{index}_{moment}.json").write_bytes(own)


def _measured(source: Path, home: Path, processes: int) -> tuple[list[dict[str, float]], int]:
    """What each of so many processes at once found, and the largest memory of the first."""
    threads = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}
    command = [sys.executable, "-m", "benchmarks.lake", str(source), str(home), str(processes)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | threads) for _ in range(processes)
    ]
    peak = _peak_bytes(running[0])
    outputs = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise RuntimeError(f"{' '.join(command)} failed with {[process.returncode for process in running]}")
    return [json.loads(output) for output in outputs], peak


def _peak_bytes(process: "subprocess.Popen[str]") -> int:
    """Largest resident memory of a child, sampled until it ends (works on every system)."""
    import psutil

    child, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            peak = max(peak, child.memory_info().rss)
        except psutil.Error:
            break
        time.sleep(0.02)
    return peak


def _measure(source: Path, home: Path, processes: int) -> dict[str, float]:
    """Run in a process of its own, of so many: what `rows` makes figures of."""
    from schemas.settings import Settings
    from schemas.window import Window
    from warehouse.ingest import ingest
    from warehouse.lake import Lake
    from warehouse.window_rows import window_rows
    from warehouse.windows import select

    lake = Lake.open(Settings.load(home=home))
    files = sorted(source.iterdir(), key=lambda path: int(path.name.split("_")[1]))
    _together(home, processes)
    began = time.monotonic()  # one clock for all processes of a machine
    came = ingest(lake, [source])
    ended = time.monotonic()
    if processes > 1:
        return {"began": began, "ended": ended}
    manifest = select(lake, Window(newest=WINDOW))
    window_seconds = _best(lambda: window_rows(lake, manifest))
    partitions = [lake.paths.home / path for path in {member.path for member in manifest.rollouts}]
    texts = [path.read_bytes() for path in files[:PEER_FILES]]
    return {
        "files": len(files),
        "experiences": came.experiences,
        "ingest_seconds": ended - began,
        "window_files": len(manifest.rollouts),
        "window_seconds": window_seconds,
        "loads_seconds": _best(lambda: [json.loads(text) for text in texts]) / len(texts),
        "scan_seconds": _best(lambda: [msgspec.json.decode(text, type=msgspec.Raw) for text in texts]) / len(texts),
        "hash_seconds": _best(lambda: [hashlib.sha256(path.read_bytes()).digest() for path in partitions]),
        "script_seconds": _best(lambda: [_script(path) for path in files[:PEER_FILES]]) / PEER_FILES,
    }


def _together(home: Path, processes: int) -> None:
    """Wait until so many processes have loaded everything."""
    (home / f"ready-{os.getpid()}").touch()
    while len(list(home.glob("ready-*"))) < processes:
        time.sleep(0.01)


def _best(call: Any, rounds: int = 5) -> float:  # noqa: ANN401 - any function without arguments
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _script(path: Path) -> list[Any]:
    """What a trainer script does with a file: json.loads, then an array per field."""
    rows = json.loads(path.read_bytes())["experiences"]
    state = np.array([row["state"] for row in rows], np.float32)
    action = np.array([[row["action"][name] for name in ("steer", "throttle", "brake")] for row in rows], np.float32)
    names = ("reward", "done", "log_prob", "value", "agent_index")
    return [state, action, *(np.array([row[name] for row in rows], np.float32) for name in names)]


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
