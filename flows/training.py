"""From the newest experiences to the next version of the policy.

Arrives: a lake, a window, a configuration. Leaves: a new version and a `TrainReport`, or a clear "nothing to do".
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import events
from flows.attributing import attribute
from flows.judging import judge_if_asked
from flows.learning import learn
from flows.loading import load_torch
from flows.publishing import Published, hand_over, publish
from flows.reporter import Reporter
from flows.torchrun import refuse_inside
from flows.tracking import track_published
from schemas.errors import Transient
from schemas.ingredients import Facts
from schemas.training import TrainConfig
from schemas.window import Window, WindowManifest
from warehouse import lineage, registry
from warehouse.engine_folder import check_engine_folder
from warehouse.lake import Lake
from warehouse.window_rows import window_facts, window_rows
from warehouse.windows import select

if TYPE_CHECKING:
    import pyarrow as pa


_OLD = 4
"""Versions from which on recorded values mislead; see docs/results.md, "How old may experiences be?"."""


@dataclass(frozen=True)
class TrainReport:
    """What a training did; without `published` it had nothing to do and `reason` says why."""

    window: WindowManifest
    new_rollouts: int
    """Rollouts of the window that no version was trained on before."""
    reason: str = ""
    start: str = ""
    """warm: from the policy that collected; clone: its author is unknown."""
    parent: int | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    published: Published | None = None
    engine_file: Path | None = None
    """Where the engine finds it, with `engine_models_dir` set."""
    seconds: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def train(
    lake: Lake,
    window: Window,
    config: TrainConfig,
    report: Reporter,
    *,
    parent: int | str | None = None,
    at_least_new: int = 0,
    to_engine: bool = True,
) -> TrainReport:
    """Attribute, select, learn, check, publish.

    Training goes on from the newest policy that collected in the window, or from `parent`. With fewer than
    `at_least_new` rollouts that are new to training, nothing is done. With `to_engine` the new version goes into the
    engine's folder, if the settings name one. Under the window's named reward, or from a critic of another one, the
    critic is fitted to the window's rewards first.

    Raises:
        NotRegistered: no version is called `parent`, or no reward as the window's.
        RewardRejected: the window's reward gives no finite number for a row.
        SettingsRejected: the device or the engine's folder is not there.
        WindowEmpty: the window selects nothing that can be trained on.
        TrainingStopped: a number is not finite; nothing is published.
        WorkersLost: one of `config.processes` was killed; nothing is published.
        ParityBroken: the exports disagree; nothing is published.
    """
    refuse_inside()
    check_engine_folder(lake.settings)
    begin = None if parent is None else registry.get(lake, parent).version
    report.stage("attribute", attribute, lake, report)
    manifest = report.stage("select", select, lake, window)
    new = lineage.untrained(lake, [member.rollout_id for member in manifest.rollouts])
    if new < at_least_new:
        reason = f"nothing to do: {new} rollouts of the window are new to training, wanted {at_least_new}"
        report.say(reason)
        return TrainReport(manifest, new, reason, seconds=report.seconds)
    facts = window_facts(lake, manifest)
    table = report.stage("load", window_rows, lake, manifest, facts)
    begin = _parent(lake, table, report) if begin is None else begin
    report.say(
        f"training on {len(manifest.rollouts)} rollouts with {manifest.rows:,} experiences from "
        + (f"version {begin}" if begin is not None else "a clone of what was recorded (no registered policy fits)")
        + ("" if manifest.reward is None else f", on the reward {manifest.reward.name}: {manifest.reward.formula}")
    )
    load_torch(report)
    learned = report.stage("learn", learn, lake, manifest, table, config, begin, report)
    metrics = learned.trained.metrics
    notes = (*manifest.narrowed, *learned.notes, *_advice(config, metrics, begin))
    if not new:
        notes = (
            *notes,
            f"all {len(manifest.rollouts):,} rollouts of the window were trained on before. To train on new ones "
            "alone: pitwall train --at-least-new 1 (at_least_new=1 in Python), or a window of others",
        )
    if twin := lineage.twin(lake, begin, manifest.window_id, config.model_dump(mode="json")):
        notes = (*notes, f"trained like version {twin}: the same parent, window and configuration")
    draft = {
        "start": learned.start,
        "space": manifest.space,
        "parent": begin,
        "window_id": manifest.window_id,
        "config": config.model_dump(mode="json"),
        "metrics": _figures(metrics) | learned.start_metrics,
        "curves": _curves(metrics),
        "seeds": {"train": config.seed},
        "ingredients": learned.ingredients,
        "notes": notes,
    }
    state, known = learned.trained.optimizer_state, Facts(rollouts=facts)
    published = report.stage(
        "publish", publish, lake, learned.trained.policy, draft, learned.golden, state, known, learned.rows
    )
    report.say(f"version {published.version} is published in {published.folder}")
    report.event(events.published(lake, published.version, begin, metrics))
    engine_file, delivers = None, to_engine and lake.settings.engine_models_dir is not None
    try:
        engine_file = report.stage("deliver", hand_over, lake, published.version) if delivers else None
    except Transient as error:  # the version stands; only the way into the engine's folder failed
        notes = (*notes, f"the engine does not have it yet: {error}. Then: pitwall models deliver {published.version}")
    notes = (*notes, *track_published(lake, published.version))
    return TrainReport(
        window=manifest,
        new_rollouts=new,
        start=learned.start,
        parent=begin,
        metrics=metrics,
        published=published,
        engine_file=engine_file,
        seconds=dict(report.seconds),
        notes=notes,
    )


def _parent(lake: Lake, table: "pa.Table", report: Reporter) -> int | None:
    """The newest version that collected in the window; after its returns fell, the one that drives again."""
    import pyarrow.compute as pc

    newest: int | None = pc.max(table["policy_version"].filter(table["in_window"])).as_py()
    if newest is None:
        return None
    decision = judge_if_asked(lake, report)
    if decision is None or registry.get(lake, decision.drive).space != registry.get(lake, newest).space:
        return newest
    return min(newest, decision.drive)


def _advice(config: TrainConfig, metrics: dict[str, Any], parent: int | None) -> tuple[str, ...]:
    """What figures say about the configuration."""
    found = []
    known = [source["version"] for source in metrics["sources"] if source["version"] is not None]
    age = 0 if parent is None or not known else parent - min(known)
    if age >= _OLD and not config.recompute_advantages:
        found.append(
            f"rows are up to {age} versions old, and so are the critics that valued them. Estimate advantages with the "
            "current one: pitwall train --set recompute_advantages=true"
        )
    held = config.value_clip is not None and not config.scale_returns
    if held and metrics["explained_variance"] < 0.1 and abs(metrics["return_mean"]) > 2:
        found.append(
            f"the critic explains little: value_clip {config.value_clip:g} holds it near its old values, while returns "
            f"are around {metrics['return_mean']:.1f}. Count in their unit: pitwall train --set scale_returns=true"
        )
    return tuple(found)


def _figures(metrics: dict[str, Any]) -> dict[str, float]:
    """Single figures by name, nested ones as `counts.trained` or `source_3.kl`."""
    figures = {name: float(value) for name, value in metrics.items() if isinstance(value, bool | int | float)}
    figures |= {f"counts.{name}": float(rows) for name, rows in metrics["counts"].items()}
    figures |= {f"std.{number}": float(value) for number, value in enumerate(metrics["std"])}
    for source in metrics["sources"]:
        name = f"source_{'unknown' if source['version'] is None else source['version']}"
        figures |= {f"{name}.{key}": float(source[key]) for key in ("rows", "effective_sample_size", "kl")}
    return figures


def _curves(metrics: dict[str, Any]) -> dict[str, tuple[float, ...]]:
    """Figures per epoch, by name."""
    names = metrics["epochs"][0]
    return {f"epoch.{name}": tuple(float(epoch[name]) for epoch in metrics["epochs"]) for name in names}
