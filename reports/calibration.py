"""Is the critic right? What it predicted, against what followed."""

from typing import Any

from reports import drawing
from reports.gathered import Gathered
from reports.part import Missing, Panel, Part
from reports.update import untrained
from reports.words import number, share

_WHO = {"before": "The critic before: recorded values", "after": "The critic after the update"}


def calibration(gathered: Gathered) -> Part:
    """Tenths of the rows by predicted value; on the diagonal a critic is right."""
    name, title = "calibration", "Value calibration"
    if not gathered.trained:
        return Part(name=name, title=title, missing=[untrained(gathered)])
    if "calibration" in gathered.missing:
        return Part(name=name, title=title, missing=[Missing(gathered.missing["calibration"], "pitwall verify")])
    panels, missing = [], []
    for critic, label in _WHO.items():
        if bins := gathered.rows("calibration", critic=critic):
            panels.append(_panel(critic, label, bins))
        else:
            missing.append(Missing(gathered.missing.get(f"calibration.{critic}", f"{label}: nothing is known")))
    said = (
        "Each dot is a tenth of the window's rows: the discounted return that followed, against the value that was "
        "predicted. The line is where both are equal; whiskers are 95 % intervals over segments of drives. "
        f"{share(gathered.bootstrapped)} of the returns rest mostly on the critic itself: the window ends first."
    )
    return Part(name=name, title=title, said=said, panels=panels, missing=missing, halves=True)


def _panel(critic: str, label: str, bins: list[dict[str, Any]]) -> Panel:
    rows = sum(row["rows"] for row in bins)
    bias = sum((row["predicted"] - row["returned"]) * row["rows"] for row in bins) / rows
    off = sum(abs(row["predicted"] - row["returned"]) * row["rows"] for row in bins) / rows
    inside = sum(row["low"] <= row["predicted"] <= row["high"] for row in bins)
    way = "too high" if bias > 0 else "too low"
    said = (
        f"On average {number(abs(bias))} {way} and {number(off)} off; "
        f"the interval holds the prediction in {inside} of {len(bins)} tenths."
    )

    def paint(axes: Any) -> None:  # noqa: ANN401
        x, y = ([row[key] for row in bins] for key in ("predicted", "returned"))
        low, high = ([abs(row["returned"] - row[end]) for row in bins] for end in ("low", "high"))
        ends = [min(*x, *y), max(*x, *y)]
        axes.plot(ends, ends, color=drawing.MUTED, linewidth=1, linestyle=(0, (4, 3)))
        colour = drawing.BEFORE if critic == "before" else drawing.AFTER
        axes.errorbar(x, y, [low, high], fmt="o", color=colour, markersize=5, elinewidth=1.5)
        axes.set_xlabel("predicted value")
        axes.set_ylabel("return")

    return Panel(title=label, said=said, figure=drawing.draw(f"calibration-{critic}", label, said, paint, drawing.HALF))
