"""Reports in words, line by line.

Arrives: what an ingest or a training did. Leaves: pairs of name and text, for a table of any kind.
"""

from typing import TYPE_CHECKING, Any

from schemas.counted import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.training import TrainReport
    from schemas.window import Window
    from warehouse.ingest_report import IngestReport

Lines = list[tuple[str, str]]


def ingest_lines(came: "IngestReport", seconds: "Mapping[str, float]") -> Lines:
    """What came of the files."""
    return [
        ("rollouts", f"{len(came.accepted):,}"),
        ("experiences", f"{came.experiences:,}"),
        ("rejected files", f"{len(came.rejected_files):,}"),
        ("rejected rows", f"{sum(map(len, came.rejected_rows.values())):,}"),
        ("in the lake already", f"{len(came.known) + len(came.duplicates):,}"),
        ("left for the next time", f"{len(came.left):,}"),
        ("seconds", _seconds(seconds)),
    ]


def reject_lines(came: "IngestReport", most: int = 100) -> Lines:
    """File and reason of what was turned away."""
    rows = [(name, reason) for name, reasons in came.rejected_rows.items() for reason in reasons]
    lines = [*came.rejected_files.items(), *rows]
    more = [("…", f"{len(lines) - most:,} more; see: pitwall rejects")] if len(lines) > most else []
    return lines[:most] + more


def train_lines(report: "TrainReport") -> Lines:
    """What was trained on, how it went and where it lies; or why there was nothing to do."""
    metrics, window, published = report.metrics, report.window, report.published
    size = f"{len(window.rollouts):,} rollouts ({report.new_rollouts:,} new to training), {window.rows:,} experiences"
    lines = [("window", f"{window_words(window.request)}: {size}, id {window.window_id[:12]}")]
    if window.reward is not None:
        lines.append(("reward", f"{window.reward.name}: {window.reward.formula}"))
    if published is None:
        return [*lines, ("result", report.reason)]
    left = [f"{rows:,} {name.replace('_', ' ')}" for name, rows in metrics["counts"].items() if name != "trained"]
    lines += [
        ("trained on", f"{metrics['rows_trained']:,} experiences" + (f" ({', '.join(left)})" if left else "")),
        ("start", "a clone of the recorded behaviour" if report.parent is None else f"version {report.parent}"),
        ("ratio at start", _ratio(report)),
        ("KL", f"{metrics['kl']:.5f} nats"),
        ("clip fraction", f"{metrics['clip_fraction']:.3f}"),
        (
            "explained variance",
            f"{metrics['explained_variance_before']:.3f} before, {metrics['explained_variance']:.3f} after",
        ),
        ("parity", f"exports agree within {max(published.parity.values()):.1e}"),
        ("seconds", _seconds(report.seconds)),
        ("version", str(published.version)),
        ("lies in", str(published.folder)),
    ]
    if report.engine_file is not None:
        lines.append(("engine loads", str(report.engine_file)))
    return [*lines, *(("note", note) for note in report.notes)]


def version_line(report: "TrainReport") -> str:
    """A training that made a version, in one line."""
    metrics, published = report.metrics, report.published
    assert published is not None
    start = "a clone of the recorded behaviour" if report.parent is None else f"version {report.parent}"
    return (
        f"version {published.version} from {start}: {counted(len(report.window.rollouts), 'rollout')}, "
        f"{metrics['rows_trained']:,} experiences, mean return {metrics['return_mean']:.2f}, KL {metrics['kl']:.4f}, "
        f"clip fraction {metrics['clip_fraction']:.3f}, ratio at start {_ratio(report)}, "
        f"exports agree within {max(published.parity.values()):.1e}"
    )


def train_words(report: "TrainReport") -> str:
    """A training in a few words, e.g. `train v8 from v7, newest-20`."""
    assert report.published is not None
    start = "a clone" if report.parent is None else f"v{report.parent}"
    return f"train v{report.published.version} from {start}, {window_words(report.window.request)}"


def epoch_rows(metrics: "Mapping[str, Any]") -> list[dict[str, float]]:
    """Figures of each epoch, to six digits."""
    return [
        {"epoch": number, **{name: float(f"{value:.6g}") for name, value in figures.items()}}
        for number, figures in enumerate(metrics["epochs"], 1)
    ]


def _ratio(report: "TrainReport") -> str:
    mean, off = report.metrics["first_ratio_mean"], report.metrics["first_ratio_deviation"]
    return f"mean {mean:.3f}, a clone's" if report.parent is None else f"mean {mean:.7f}, within {off:.1e} of 1"


def window_words(window: "Window") -> str:
    """A window's conditions in a few words, e.g. `newest-20 run-lap_3`, `chosen-5`; `everything` without any."""
    asked = window.model_dump(mode="json", exclude_defaults=True)
    if window.rollouts:  # named one by one: by space and hash, which tell a person nothing
        asked = {name: value for name, value in asked.items() if name not in ("rollouts", "space", "refuted")}
        asked = {"chosen": len(window.rollouts)} | asked
    words = [name if name in ("sql", "refuted") else f"{name}-{value}" for name, value in asked.items()]
    return " ".join(words).replace("_", "-") or "everything"


def _seconds(seconds: "Mapping[str, float]") -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in seconds.items())
