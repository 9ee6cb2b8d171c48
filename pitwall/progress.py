"""How a driver came along over its versions, as a picture and in the terminal.

Arrives: evaluations. Leaves: a PNG file; lines of text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse.evaluations import Evaluation

_ACCENT, _INK = "#d1342b", "#22262e"


@dataclass(frozen=True)
class Curve:
    """One figure over versions, with its 95 % interval."""

    title: str
    versions: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]
    top: float | None
    """Upper end of its scale, where it has one."""


def curves(found: "Sequence[Evaluation]") -> list[Curve]:
    """What evaluations of one task with one kind of settings tell, in order of versions."""
    if all(one.finished is not None for one in found):
        return [
            _curve("drives that finish a lap on unseen tracks, %", found, "finished", 100.0, 100.0),
            _curve("mean speed, km/h", found, "speed", 3.6, None),
        ]
    return [_curve("return of an episode", found, "return_", 1.0, None)]


def draw(found: Sequence[Curve], target: Path) -> None:
    """A PNG with a panel for each curve."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.6 * len(found) + 0.6), layout="constrained")
    for panel, curve in zip(figure.subplots(len(found), squeeze=False)[:, 0], found, strict=True):
        panel.fill_between(curve.versions, curve.low, curve.high, color=_ACCENT, alpha=0.18, linewidth=0)
        panel.plot(curve.versions, curve.mean, color=_ACCENT, linewidth=2, marker="o", markersize=4)
        panel.set_title(curve.title, loc="left", color=_INK, fontweight="bold")
        panel.set_xlabel("version")
        panel.set_ylim(0 if min(curve.low) >= 0 else None, None if curve.top is None else curve.top * 1.02)
        panel.grid(axis="y", alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.name}.tmp")
    figure.savefig(temporary, format="png", dpi=140)
    temporary.replace(target)


def text(curve: Curve, width: int = 76) -> str:
    """A plot of characters."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(width, 15)
    plotext.plot(curve.versions, curve.mean, marker="braille")
    if curve.top is not None:
        plotext.ylim(0, curve.top)
    plotext.title(curve.title)
    plotext.xlabel("version")
    drawn: str = plotext.uncolorize(plotext.build())
    return "\n".join(line.rstrip() for line in drawn.splitlines())


def _curve(title: str, found: "Sequence[Evaluation]", name: str, unit: float, top: float | None) -> Curve:
    intervals = [getattr(one, name) for one in found]
    mean, low, high = ([getattr(one, end) * unit for one in intervals] for end in ("mean", "low", "high"))
    return Curve(title, [one.version for one in found], mean, low, high, top)
