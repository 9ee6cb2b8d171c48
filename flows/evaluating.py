"""How well does a version drive? Deterministic drives on unseen tracks, the same for every version.

Arrives: a lake, a version, what to drive. Leaves: an evaluation in the catalog, with every drive.
"""

from dataclasses import asdict
from typing import Any

from flows.driving import driver_of, racing_words
from flows.reporter import Reporter
from racing.evaluation import evaluate as drive_all
from racing.world import REVISION
from schemas.loop import RACING, DriveConfig, EvaluateConfig
from warehouse import evaluations, registry
from warehouse.evaluations import Evaluation
from warehouse.lake import Lake


def evaluate(lake: Lake, version: int | str, drive: DriveConfig, how: EvaluateConfig, report: Reporter) -> Evaluation:
    """Drive and store; what was driven before is not driven again, for it would end the same.

    Raises SettingsRejected where the environment is not there or the policy does not fit it.
    """
    number = registry.get(lake, version).version
    settings = settings_of(drive, how)
    if (known := evaluations.find(lake, number, drive.environment, settings)) is not None:
        return known
    driver = driver_of(lake, number)

    def progress(done: int, total: int) -> None:
        report.progress("drives", done, total)

    with racing_words():
        drives = drive_all(driver, drive.environment, progress=progress, **_asked(settings))
    return evaluations.store(lake, number, drive.environment, settings, [asdict(one) for one in drives])


def settings_of(drive: DriveConfig, how: EvaluateConfig) -> dict[str, Any]:
    """What makes two evaluations comparable."""
    if drive.environment == RACING:
        tracks = range(how.first_track, how.first_track + how.tracks)
        return {"tracks": list(tracks), "cars": how.cars, "lidar": drive.lidar, "revision": REVISION}
    return {"episodes": how.episodes, "seed": how.seed}


def _asked(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "revision"}
