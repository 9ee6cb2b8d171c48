"""How well does a version drive? Deterministic drives on unseen tracks, the same for every version.

Arrives: a lake, a version, what to drive. Leaves: an evaluation in the catalog, with every drive.
"""

from dataclasses import asdict
from typing import Any

from flows.driving import driver_of, racing_words
from flows.reporter import Reporter
from racing.environment import revision
from racing.evaluation import evaluate as drive_all
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
    report.say(f"evaluating version {number} in {drive.environment}")
    driver = driver_of(lake, number)

    def progress(done: int, total: int) -> None:
        report.progress("drives", done, total)

    with racing_words():
        drives = drive_all(driver, drive.environment, progress=progress, **_asked(settings))
    return evaluations.store(lake, number, drive.environment, settings, [asdict(one) for one in drives])


def settings_of(drive: DriveConfig, how: EvaluateConfig) -> dict[str, Any]:
    """What makes two evaluations comparable."""
    with racing_words():
        settings: dict[str, Any] = {"revision": revision(drive.environment)}
    if drive.environment != RACING:
        return settings | {"episodes": how.episodes, "seed": how.seed}
    tracks = range(how.first_track, how.first_track + how.tracks)
    settings |= {"tracks": list(tracks), "cars": how.cars, "lidar": drive.lidar}
    return settings | ({"reward": drive.reward} if drive.reward else {})


def _asked(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "revision"}
