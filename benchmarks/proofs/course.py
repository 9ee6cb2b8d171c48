"""One training through the whole pipeline: JSON files, lake, window, PPO, registry.

Arrives: a loop, a seed, a folder. Leaves: a result, written once the loop has come to its end.
"""

import datetime
import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from flows.looping import Lap, loop
from flows.reporter import Reporter
from schemas.loop import LoopConfig
from schemas.settings import Settings
from warehouse.evaluations import Evaluation
from warehouse.lake import Lake

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def run(proof: str, name: str, config: LoopConfig, laps: int, seed: int, runs: Path) -> dict[str, Any]:
    """Drive the loop to its end and write `docs/results/<proof>/<name>-<seed>.json`, unless it is there."""
    target = RESULTS / proof / f"{name}-{seed}.json"
    if target.exists():
        found: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
        return found
    torch.set_num_threads(1)
    config = _seeded(config, seed)
    home = runs / proof / f"{name}-{seed}"
    home.mkdir(parents=True, exist_ok=True)
    diary = home / "laps.jsonl"

    def told(lap: Lap) -> None:
        with diary.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_entry(lap, config)) + "\n")
        print(f"{name} seed {seed}: {lap.number}/{laps}  {lap.words()}", flush=True)

    # The lake keeps the rows; of the engine's files, 1.4 MB each, thousands would pile up.
    lake = Lake.open(Settings(home=home / "home", source_files="delete"))
    try:
        loop(lake, config, laps, Reporter(), told=told)
    finally:
        lake.catalog.engine.dispose()
    entries = {entry["lap"]: entry for entry in map(json.loads, diary.read_text(encoding="utf-8").splitlines())}
    result = about() | {
        "proof": proof,
        "name": name,
        "seed": seed,
        "config": config.model_dump(mode="json"),
        "laps": [entries[lap] for lap in sorted(entries)],
    }
    write(target, result)
    return result


def about() -> dict[str, Any]:
    """When and where a result came about."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, shared",
        "versions": {name: version(name) for name in ("torch", "numpy", "gymnasium", "pitwall")},
    }


def write(target: Path, result: dict[str, Any]) -> None:
    """Whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".tmp")
    temporary.write_text(json.dumps(result, separators=(",", ":")) + "\n", encoding="utf-8")
    temporary.replace(target)


def _seeded(config: LoopConfig, seed: int) -> LoopConfig:
    """Seeds that share no stream: environments count theirs up from the first."""
    drive = config.drive.model_copy(update={"seed": 10_000 * seed})
    return config.model_copy(update={"drive": drive, "train": config.train.model_copy(update={"seed": 100_000 * seed})})


def _entry(lap: Lap, config: LoopConfig) -> dict[str, Any]:
    driven = lap.collected
    return {
        "lap": lap.number,
        "steps": lap.number * config.drive.steps,
        "returns": [] if driven is None else [round(value, 3) for value in driven.returns],
        "finished": None if driven is None else driven.finished,
        "kl": lap.metrics["kl"],
        "explained_variance": lap.metrics["explained_variance"],
        "update_seconds": lap.metrics["seconds"],
        "seconds": {name: round(seconds, 4) for name, seconds in lap.seconds.items()},
        "evaluation": None if lap.evaluation is None else _figures(lap.evaluation),
    }


def _figures(evaluation: Evaluation) -> dict[str, Any]:
    wanted = ("finished", "progress", "speed", "crashed", "return_")
    return {name: value for name, value in asdict(evaluation).items() if name in wanted}
