"""A training as a table for people, or as JSON for scripts."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.training import TrainReport

Lines = list[tuple[str, str]]


def as_lines(report: "TrainReport") -> Lines:
    """What was trained on, how it went, where it lies."""
    metrics, window = report.metrics, report.window
    lines = [
        ("window", f"{len(window.rollouts)} rollouts, {window.rows:,} experiences, id {window.window_id[:12]}"),
    ]
    if report.published is None:
        return [*lines, ("result", report.reason)]
    counts = metrics["counts"]
    left = ", ".join(f"{rows:,} {name.replace('_', ' ')}" for name, rows in counts.items() if name != "trained")
    lines += [
        ("trained on", f"{metrics['rows_trained']:,} experiences" + (f" ({left})" if left else "")),
        ("start", f"version {report.parent}" if report.parent is not None else "a clone of the recorded behaviour"),
        (
            "ratio at start",
            f"mean {metrics['first_ratio_mean']:.7f}, within {metrics['first_ratio_deviation']:.1e} of 1",
        ),
        ("KL", f"{metrics['kl']:.5f} nats"),
        ("clip fraction", f"{metrics['clip_fraction']:.3f}"),
        (
            "explained variance",
            f"{metrics['explained_variance_before']:.3f} before, {metrics['explained_variance']:.3f} after",
        ),
        ("parity", f"exports agree within {max(report.published.parity.values()):.1e}"),
        ("seconds", ", ".join(f"{name} {seconds:.2f}" for name, seconds in report.seconds.items())),
        ("version", str(report.published.version)),
        ("lies in", str(report.published.folder)),
    ]
    if report.published.engine_file is not None:
        lines.append(("engine loads", str(report.published.engine_file)))
    return [*lines, *(("note", note) for note in report.notes)]


def as_json(report: "TrainReport") -> dict[str, Any]:
    """The same for scripts."""
    published = report.published
    return {
        "version": published.version if published else None,
        "folder": str(published.folder) if published else None,
        "engine_file": str(published.engine_file) if published and published.engine_file else None,
        "reason": report.reason or None,
        "parent": report.parent,
        "start": report.start or None,
        "window_id": report.window.window_id,
        "rollouts": len(report.window.rollouts),
        "rows": report.window.rows,
        "new_rollouts": report.new_rollouts,
        "metrics": report.metrics,
        "seconds": report.seconds,
        "notes": list(report.notes),
    }


def show(title: str, lines: Lines) -> None:
    """Print two columns on standard output."""
    from rich.markup import escape
    from rich.table import Table

    from pitwall.session import console

    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in lines:
        table.add_row(name, escape(value))
    console().print(table)
