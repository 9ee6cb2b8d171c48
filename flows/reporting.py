"""A version's report: everything that the lake knows of it on one page.

Arrives: a lake and a version. Leaves: an HTML file, written whole or not at all.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.reporter import Reporter
from flows.summary import window_words
from schemas.errors import PitwallError
from schemas.manifest import ModelManifest
from schemas.role import REASONS
from schemas.training import TrainConfig
from warehouse import registry
from warehouse.account import account
from warehouse.bootstrap import around, interval, means
from warehouse.lake import Lake
from warehouse.model_diff import ModelDiff
from warehouse.model_diff import diff as difference
from warehouse.outside_file import put_outside
from warehouse.paths import whole_file
from warehouse.questions import ask, question
from warehouse.windows import stored

if TYPE_CHECKING:
    import pyarrow as pa

    from reports.gathered import Gathered


def report(lake: Lake, version: int | str, to: Path | None = None) -> Path:
    """Write the report of a version (number or alias) to its place in the home, or to a file; returns where it lies.

    Raises:
        NotRegistered: no such version.
        LakeDamaged: its manifest is gone, or is not what was published.
        StorageBusy: the file cannot be written.
    """
    from reports.page import page

    number = registry.get(lake, version).version
    content = page(gather(lake, number)).encode()
    if to is not None:
        put_outside(to, content)
        return to
    target = lake.paths.report(number)
    with whole_file(target, lake.paths.scratch) as file:
        file.write(content)
    return target


def report_if_possible(lake: Lake, version: int, reporter: Reporter) -> Path | None:
    """The report of a version that is published already; what stands in its way is told, and harms nothing."""
    try:
        return reporter.stage("report", report, lake, version)
    except Exception as error:  # whatever it is, the version stands
        reporter.warn(
            f"version {version} stands, but its report could not be made: {error or type(error).__name__}. "
            f"Then: pitwall report {version}"
        )
        return None


def gather(lake: Lake, version: int) -> "Gathered":
    """Ask every question; what cannot be answered becomes the reason why.

    Raises:
        NotRegistered: no such version.
        LakeDamaged: its manifest is gone, or is not what was published.
    """
    from reports.gathered import Gathered

    model = registry.get(lake, version)
    manifest = registry.read_manifest(lake, model.version)
    missing = dict[str, str]()

    def answer(name: str, asked: str, **parameters: object) -> "pa.Table":
        try:
            return ask(lake, asked, **parameters)
        except PitwallError as error:
            missing[name] = _reason(lake, error)
            return _nothing(*question(asked).columns)

    number = str(model.version)
    episodes = answer("episodes", "episodes-before-after", version=number)
    calibration, bootstrapped = _calibration(lake, manifest, missing)
    apart = _apart(lake, manifest)
    return Gathered(
        manifest=manifest,
        aliases=model.aliases,
        window="" if model.window_id is None else window_words(stored(lake, model.window_id).request),
        training_data=answer("training_data", "training-data", version=number),
        account=_account(lake, model.version, missing),
        health=answer("health", "health", version=number) if manifest.window else _nothing(*question("health").columns),
        episodes=episodes,
        episode_means=_episode_means(episodes),
        action_use=answer("actions", "action-use", version=number),
        action_bins=answer("actions", "action-bins", version=number),
        reward_use=answer("rewards", "reward-use", version=number),
        calibration=calibration,
        bootstrapped=bootstrapped,
        versions=ask(lake, "family"),
        evaluations=ask(lake, "evaluations-beside", version=number),
        comparison=_comparison(lake, manifest),
        settings_changed={} if apart is None else apart.config,
        figures_changed={} if apart is None else apart.metrics,
        rollouts_shared=0 if apart is None else len(apart.rollouts_shared),
        missing=missing,
    )


def _reason(lake: Lake, error: PitwallError) -> str:
    return _portable(lake, str(error))


def _portable(lake: Lake, reason: str) -> str:
    """Without the way to the home: a report is sent to others, and paths in it begin in the home."""
    for home in dict.fromkeys((lake.paths.home.resolve(), lake.paths.home.absolute())):
        reason = reason.replace(f"{home}{os.sep}", "").replace(f"{home.as_posix()}/", "")
    return reason


def _nothing(*columns: str) -> "pa.Table":
    import pyarrow as pa

    return pa.table({column: pa.array([], pa.null()) for column in columns})


def _comparison(lake: Lake, manifest: ModelManifest) -> "pa.Table":
    if manifest.parent is None:
        return _nothing(*question("compare-versions").columns)
    return ask(lake, "compare-versions", a=str(manifest.version), b=str(manifest.parent))


def _apart(lake: Lake, manifest: ModelManifest) -> ModelDiff | None:
    return None if manifest.parent is None else difference(lake, manifest.parent, manifest.version)


def _account(lake: Lake, version: int, missing: dict[str, str]) -> tuple[tuple[str, int, str], ...]:
    """The steps of `pitwall trace`."""
    try:
        told = account(lake, version)
    except PitwallError as error:
        missing["account"] = _reason(lake, error)
        return ()
    if told.window_id is None:
        return ()
    if told.wrong:
        missing["account"] = f"it does not balance ({'; '.join(told.wrong)})"
    steps = [("rows in files", told.in_files, f"{told.files:,} files")]
    steps += [("rejected", rows, reason) for reason, rows in told.rejected.items()]
    steps.append(("in the window", told.in_window, ""))
    for name, reasons in (("left out", told.left_out), ("bootstrap only", told.bootstrap), ("gated", told.gated)):
        steps += [(name, rows, REASONS.get(reason, reason)) for reason, rows in reasons.items()]
    return (*steps, ("trained on", told.trained, ""))


def _calibration(lake: Lake, manifest: ModelManifest, missing: dict[str, str]) -> "tuple[pa.Table, float]":
    import pyarrow as pa

    from flows.calibrating import COLUMNS, calibrate

    if manifest.window is None:
        return _nothing(*COLUMNS), 0.0
    try:
        window = stored(lake, manifest.window.id)
        found = calibrate(lake, window, TrainConfig.model_validate(manifest.config), manifest.version)
    except PitwallError as error:
        missing["calibration"] = _reason(lake, error)
        return _nothing(*COLUMNS), 0.0
    missing |= {f"calibration.{critic}": _portable(lake, reason) for critic, reason in found.missing.items()}
    return pa.Table.from_pylist(found.bins) if found.bins else _nothing(*COLUMNS), found.bootstrapped


def _episode_means(episodes: "pa.Table") -> "pa.Table":
    """Means of return and length on each side, and the difference, with 95 % bootstrap intervals over episodes."""
    import pyarrow as pa

    rows: list[dict[str, Any]] = []
    for figure in ("return", "length"):
        sides = {
            side: [row[figure] for row in episodes.to_pylist() if row["side"] == side and row[figure] is not None]
            for side in ("before", "after")
        }
        for side, values in sides.items():
            if values:
                rows.append({"side": side, "figure": figure, **vars(interval(values))})
        if all(len(values) > 1 for values in sides.values()):
            before, after = sides["before"], sides["after"]
            drawn = means(after, seed=0) - means(before, seed=1)
            apart = around(sum(after) / len(after) - sum(before) / len(before), drawn)
            rows.append({"side": "difference", "figure": figure, **vars(apart)})
    return pa.Table.from_pylist(rows) if rows else _nothing("side", "figure", "mean", "low", "high")
