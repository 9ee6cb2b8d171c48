"""A training as a table for people, or as JSON for scripts."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.training import TrainReport


def as_json(report: "TrainReport") -> dict[str, Any]:
    """The same for scripts."""
    published = report.published
    return {
        "version": published.version if published else None,
        "folder": str(published.folder) if published else None,
        "engine_file": str(report.engine_file) if published and report.engine_file else None,
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


def show(title: str, lines: list[tuple[str, str]]) -> None:
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
