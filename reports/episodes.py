"""Before and after: returns and lengths of whole episodes, of what collected and of this version."""

from typing import Any

from reports import drawing
from reports.gathered import Gathered
from reports.part import Missing, Panel, Part
from reports.words import number, signed, span
from schemas.counted import counted

_FIGURES = {"return": "Return of an episode", "length": "Length of an episode (steps)"}


def episodes(gathered: Gathered) -> Part:
    """Two distributions each, with the means and their intervals."""
    name, title = "episodes", "Before and after: returns and lengths"
    sides = {side: gathered.rows("episodes", side=side) for side in ("before", "after")}
    missing = [lacking for side in sides if (lacking := missing_side(gathered, side, bool(sides[side])))]
    if not any(sides.values()):
        return Part(name=name, title=title, missing=missing)
    panels = [_panel(gathered, figure, label, sides) for figure, label in _FIGURES.items()]
    said = "; ".join(
        f"{side}: {counted(len(rows), 'whole episode')} driven by {driver(rows)}"
        for side, rows in sides.items()
        if rows
    )
    return Part(
        name=name, title=title, said=f"{said[0].upper()}{said[1:]}.", panels=panels, missing=missing, halves=True
    )


def driver(rows: list[dict[str, Any]]) -> str:
    """Who drove these."""
    version = rows[0]["policy_version"]
    return "a policy that nobody registered" if version is None else f"version {version}"


def missing_side(gathered: Gathered, side: str, there: bool, what: str = "whole episode") -> Missing | None:
    """Why one side is empty, and what fills it."""
    if there:
        return None
    if "episodes" in gathered.missing:
        return Missing(gathered.missing["episodes"], "pitwall verify")
    if side == "after":
        return Missing(
            f"No {what} that version {gathered.version} drove is in the lake yet. Let the engine drive it and ingest, "
            "or drive it here",
            f"pitwall drive {gathered.version} --to drives && pitwall ingest drives",
        )
    if not gathered.trained:
        return Missing(f"There is no before: version {gathered.version} is {gathered.manifest.start}")
    return Missing(
        f"No {what} of its window was driven by one known policy from start to end. Longer rollouts have some"
    )


def mean_of(gathered: Gathered, side: str, figure: str) -> dict[str, Any] | None:
    """The row of `episode_means`."""
    found = gathered.rows("episode_means", side=side, figure=figure)
    return found[0] if found else None


def _panel(gathered: Gathered, figure: str, label: str, sides: dict[str, list[dict[str, Any]]]) -> Panel:
    told, values = [], {side: [row[figure] for row in rows if row[figure] is not None] for side, rows in sides.items()}
    for side in sides:
        if mean := mean_of(gathered, side, figure):
            told.append(f"{side} {number(mean['mean'])} [{span(mean['low'], mean['high'])}]")
    said = f"Mean {', '.join(told)}."
    if difference := mean_of(gathered, "difference", figure):
        sure = "no clear change" if difference["low"] <= 0 <= difference["high"] else "a clear change"
        said += f" {signed(difference['mean'])} [{span(difference['low'], difference['high'])}]: {sure}."

    def paint(axes: Any) -> None:  # noqa: ANN401
        import numpy as np

        together = [value for some in values.values() for value in some]
        low, high = min(together), max(together)
        edges = np.linspace(low, high, 25) if high > low else np.array([low - 0.5, low + 0.5])
        for side, colour, alpha in (("before", drawing.BEFORE, 0.42), ("after", drawing.AFTER, 0.16)):
            if not values[side]:
                continue
            weights = np.full(len(values[side]), 100 / len(values[side]))
            axes.hist(values[side], edges, weights=weights, color=colour, alpha=alpha, label=side, linewidth=0)
            axes.hist(values[side], edges, weights=weights, histtype="step", color=colour, linewidth=1.6)
            axes.axvline(sum(values[side]) / len(values[side]), color=colour, linewidth=1.6, linestyle=(0, (4, 2)))
        axes.set_ylabel("% of episodes")
        axes.legend(loc="best", handlelength=1)

    return Panel(title=label, said=said, figure=drawing.draw(f"episodes-{figure}", label, said, paint, drawing.HALF))
