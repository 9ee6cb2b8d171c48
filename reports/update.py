"""How large was the step, and is it to be trusted? KL, clip fraction, effective sample size, explained variance."""

from typing import Any

from reports import drawing
from reports.gathered import Gathered
from reports.part import Missing, Panel, Part
from reports.usual import USUAL, Usual
from reports.words import number

BEFORE = "explained_variance_before"


def update(gathered: Gathered) -> Part:
    """One strip for each figure, with the range in which it usually lies."""
    name, title = "update", "The update: how large was the step?"
    if not gathered.trained:
        return Part(name=name, title=title, missing=[untrained(gathered)])
    metrics, panels, missing = gathered.manifest.metrics, [], []
    for key, usual in USUAL.items():
        if key not in metrics:
            missing.append(unrecorded(usual.title))
            continue
        panels.append(_panel(key, usual, metrics[key], metrics.get(BEFORE) if key == "explained_variance" else None))
    odd = [usual for key, usual in USUAL.items() if key in metrics and usual.tone(metrics[key]) != "good"]
    said = "All figures lie in their usual ranges." if not odd else f"Outside its usual range: {_listed(odd)}."
    tone = "warn" if odd else "good"
    return Part(name=name, title=title, said=said, tone=tone, panels=panels, missing=missing, halves=True)


def untrained(gathered: Gathered) -> Missing:
    """What stands where only a training has something to show."""
    how = {
        "imported": "It was imported: no training of ours made it. What comes next has one",
        "fresh": "It is a random policy: nothing was learned yet. Train what it collects",
    }
    return Missing(how[gathered.manifest.start], "pitwall train")


def unrecorded(what: str) -> Missing:
    """A figure that an earlier release did not write down."""
    return Missing(
        f"{what}: the release that trained this version did not record it. Versions trained from now on have it"
    )


def _listed(odd: list[Usual]) -> str:
    return ", ".join(usual.title.partition(" (")[0] for usual in odd)


def _panel(key: str, usual: Usual, value: float, before: float | None) -> Panel:
    said = f"{number(value)}, {usual.words(value)}."
    if before is not None:
        said = f"{number(value)} after the update, {number(before)} before; {usual.words(value)}."
    start = -1.0 if key == "explained_variance" else 0.0

    def paint(axes: Any) -> None:  # noqa: ANN401
        colour = {"good": drawing.GOOD, "warn": drawing.WARN, "bad": drawing.BAD}[usual.tone(value)]
        axes.barh(0, usual.top - start, left=start, height=0.34, color=drawing.LINE, linewidth=0)
        axes.barh(0, usual.high - usual.low, left=usual.low, height=0.34, color=drawing.BAND, linewidth=0)
        if before is not None:
            at = min(max(before, start), usual.top)
            axes.plot(at, 0, "o", ms=10, mfc=drawing.PAPER, mec=drawing.BEFORE, mew=2)
        axes.plot(min(max(value, start), usual.top), 0, "o", ms=12, mfc=colour, mec=drawing.PAPER, mew=2)
        axes.set_xlim(start - 0.03 * (usual.top - start), usual.top + 0.03 * (usual.top - start))
        axes.set_ylim(-0.5, 0.5)
        axes.set_yticks([])
        axes.grid(visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.tick_params(length=0, pad=1)

    title = usual.title
    return Panel(title=title, said=said, figure=drawing.draw(f"update-{key}", title, said, paint, (6.5, 0.62)))
