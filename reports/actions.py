"""How the policy uses its actions: distributions before and after, and how often the range's ends are hit."""

from typing import Any

from reports import drawing
from reports.episodes import missing_side
from reports.gathered import Gathered
from reports.part import Panel, Part
from reports.words import number, share

_MOST = 24
"""Actions that are drawn; a humanoid has 17."""
SATURATED = 0.5
"""Share of rows at one end of the range from which on an action counts as saturated."""


def actions(gathered: Gathered) -> Part:
    """A panel for each action."""
    name, title = "actions", "Actions and saturation"
    use = gathered.rows("action_use")
    sides = {side: [row for row in use if row["side"] == side] for side in ("before", "after")}
    missing = [lack for side in sides if (lack := missing_side(gathered, side, bool(sides[side]), "experience"))]
    names = list(dict.fromkeys(row["action"] for row in use))
    stuck = [
        f"{row['action'].removeprefix('action_')} ({row['side']}: {share(end)} at its {which} limit)"
        for row in use
        for which, end in (("lower", row["at_low"]), ("upper", row["at_high"]))
        if end is not None and end > SATURATED
    ]
    said = "" if not use else "No action is saturated." if not stuck else f"Saturated: {', '.join(stuck)}."
    if len(names) > _MOST:
        said += f" The first {_MOST} of {len(names)} are drawn; all of them: pitwall ask action-use."
    tone = "" if not use else "warn" if stuck else "good"
    panels = [_panel(gathered, at, action) for at, action in enumerate(names[:_MOST])]
    return Part(name=name, title=title, said=said, tone=tone, panels=panels, missing=missing)


def _panel(gathered: Gathered, at: int, action: str) -> Panel:
    label, use = action.removeprefix("action_"), gathered.rows("action_use", action=action)
    told = []
    for row in use:
        ends = [
            f"{share(end)} at the {which} limit"
            for which, end in (("lower", row["at_low"]), ("upper", row["at_high"]))
            if end
        ]
        told.append(f"{row['side']} {number(row['mean'])} ± {number(row['std'])}" + "".join(f", {end}" for end in ends))
    said = f"Mean {'; '.join(told)}."

    def paint(axes: Any) -> None:  # noqa: ANN401
        for side, colour, alpha in (("before", drawing.BEFORE, 0.42), ("after", drawing.AFTER, 0.16)):
            bins = gathered.rows("action_bins", action=action, side=side)
            if bins:
                left, width = [row["bin_low"] for row in bins], bins[0]["bin_high"] - bins[0]["bin_low"]
                tall = [100 * row["share"] for row in bins]
                axes.bar(left, tall, width or 0.1, align="edge", color=colour, alpha=alpha, label=side, linewidth=0)
                axes.hlines(tall, left, [each + (width or 0.1) for each in left], color=colour, linewidth=1.6)
        axes.set_ylabel("% of rows")
        axes.legend(loc="best", handlelength=1)

    return Panel(title=label, said=said, figure=drawing.draw(f"action-{at}", label, said, paint, (4.3, 2.2)))
