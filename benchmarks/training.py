"""The whole of `train/ppo`, from rollouts that nobody has looked at to a published version, stage by stage.

20 rollouts of 2048 experiences, 4 epochs in minibatches of 64, the engine's own configuration. Imports are not counted:
a training of one rollout comes first and loads everything.
"""

import gzip
import tempfile
import time
from pathlib import Path

from benchmarks.lake import write_rollouts
from benchmarks.row import Row

POLICY = Path(__file__).parents[1] / "samples" / "policy.json.gz"
ROLLOUTS = 20
GOAL_SECONDS = 6.0
ROUNDS = 2


def rows(device: str = "cpu") -> list[Row]:
    """The whole beside its goal, then each stage; of the best round, seconds."""
    _seconds(1, device)
    whole, stages = min(_seconds(ROLLOUTS, device) for _ in range(ROUNDS))
    found = [_row(f"{ROLLOUTS} rollouts, batch 64, 4 epochs, {device}", whole, GOAL_SECONDS)]
    stages["between the stages"] = whole - sum(stages.values())
    return found + [_row(f"of it {name}", seconds, None) for name, seconds in stages.items()]


def _row(what: str, seconds: float, goal: float | None) -> Row:
    if goal is None:
        return Row("train/ppo", what, seconds, "", None, "s", None, None)
    return Row("train/ppo", what, seconds, "goal", goal, "s", goal / seconds, 1.0)


def _seconds(rollouts: int, device: str) -> tuple[float, dict[str, float]]:
    """Of one training, and of its stages."""
    from flows.importing import import_policy
    from flows.reporter import Reporter
    from flows.training import train
    from schemas.settings import Settings
    from schemas.training import TrainConfig
    from schemas.window import Window
    from warehouse.ingest import ingest
    from warehouse.lake import Lake

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "Exports"
        write_rollouts(source, rollouts)
        lake = Lake.open(Settings.load(home=Path(folder) / "home", catalog=""))
        import_policy(lake, gzip.decompress(POLICY.read_bytes()), POLICY.name)
        ingest(lake, [source])
        config = TrainConfig.model_validate({"device": device})
        began = time.perf_counter()
        report = train(lake, Window(newest=rollouts), config, Reporter())
        whole = time.perf_counter() - began
        lake.catalog.engine.dispose()
    return whole, report.seconds
