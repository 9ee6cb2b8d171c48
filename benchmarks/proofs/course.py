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

from flows.evaluating import settings_of
from flows.looping import Lap, loop
from flows.reporter import Reporter
from schemas.loop import LoopConfig
from schemas.settings import Settings
from warehouse import evaluations, loops, query, registry
from warehouse.evaluations import Evaluation
from warehouse.lake import Lake

RESULTS = Path(__file__).parents[2] / "docs" / "results"
_LOOP = "loop-0001"
"""A home of one loop."""
_RETURNS = """
select last_rollout_id, list(round("return", 3) order by last_row_index) as returns
from episodes where whole group by last_rollout_id
"""


def run(proof: str, name: str, config: LoopConfig, laps: int, seed: int, runs: Path) -> dict[str, Any]:
    """Drive the loop to its end and write `docs/results/<proof>/<name>-<seed>.json`, unless it is there.

    What came of it is read from the lake, so a run may be interrupted anywhere; only the seconds of laps are told by
    the laps themselves, in a diary, and a lap that was interrupted has none.
    """
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
        if lap.collected is not None:
            seconds = {name: round(seconds, 4) for name, seconds in lap.seconds.items()}
            with diary.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"lap": lap.number, "seconds": seconds}) + "\n")
        print(f"{name} seed {seed}: {lap.number}/{laps}  {lap.words()}", flush=True)

    # The lake keeps the rows; of the engine's files, 1.4 MB each, thousands would pile up.
    lake = Lake.open(Settings(home=home / "home", source_files="delete"))
    try:
        if not _is_over(lake):
            loop(lake, config, laps, Reporter(), told=told)
        entries = _entries(lake, config, diary)
    finally:
        lake.catalog.engine.dispose()
    if [entry["lap"] for entry in entries] != list(range(1, laps + 1)):
        raise RuntimeError(f"{home}: {len(entries)} laps, wanted {laps}. Remove the folder and run it again")
    what = {"proof": proof, "name": name, "seed": seed, "config": config.model_dump(mode="json"), "laps": entries}
    result = about() | what
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


def _is_over(lake: Lake) -> bool:
    """Whether the one loop of this home came to its end; another one would go on from its champion."""
    return bool(query.run(lake, "from loops").num_rows) and loops.unfinished(lake) is None


def _entries(lake: Lake, config: LoopConfig, diary: Path) -> list[dict[str, Any]]:
    lines = diary.read_text(encoding="utf-8").splitlines() if diary.exists() else []
    seconds = {entry["lap"]: entry["seconds"] for entry in map(json.loads, lines)}
    returns = {row["last_rollout_id"]: row["returns"] for row in query.run(lake, _RETURNS).to_pylist()}
    settings = settings_of(config.drive, config.evaluate)
    entries = []
    for record in loops.laps(lake, _LOOP):
        assert record.version is not None  # the loop is over
        metrics = registry.get(lake, record.version).metrics
        evaluation = evaluations.find(lake, record.version, config.drive.environment, settings)
        entries.append({
            "lap": record.lap,
            "steps": record.lap * config.drive.steps,
            "returns": returns.get(record.rollout_id, []),
            "kl": metrics["kl"],
            "explained_variance": metrics["explained_variance"],
            "update_seconds": metrics["seconds"],
            "seconds": seconds.get(record.lap),
            "evaluation": None if evaluation is None else _figures(evaluation),
        })  # fmt: skip
    return entries


def _figures(evaluation: Evaluation) -> dict[str, Any]:
    wanted = ("finished", "progress", "speed", "crashed", "return_")
    return {name: value for name, value in asdict(evaluation).items() if name in wanted}
