"""Learning curves: what happened from epoch to epoch of the update."""

from typing import Any

from reports import drawing
from reports.gathered import Gathered
from reports.part import Missing, Panel, Part
from reports.update import unrecorded, untrained
from reports.words import number
from schemas.counted import counted

_CURVES = {
    "policy_loss": "Policy loss",
    "value_loss": "Value loss",
    "kl": "KL per minibatch (nats)",
    "clip_fraction": "Clip fraction",
    "effective_sample_size": "Effective sample size",
    "grad_norm": "Gradient norm before clipping",
}
_FROM_ZERO = ("kl", "clip_fraction", "grad_norm", "value_loss")


def learning(gathered: Gathered) -> Part:
    """One panel for each curve."""
    name, title = "learning", "Learning curves"
    if not gathered.trained:
        return Part(name=name, title=title, missing=[untrained(gathered)])
    curves = {key.removeprefix("epoch."): curve for key, curve in gathered.manifest.curves.items()}
    if not curves:
        return Part(name=name, title=title, missing=[unrecorded("Learning curves")])
    epochs = len(next(iter(curves.values())))
    panels, missing = [], list[Missing]()
    for key, label in _CURVES.items():
        if key in curves:
            panels.append(_panel(key, label, curves[key]))
        else:
            missing.append(unrecorded(label))
    planned = gathered.manifest.config.get("epochs")
    said = f"{counted(epochs, 'epoch')} in {counted(int(gathered.manifest.metrics['updates']), 'minibatch step')}"
    if gathered.manifest.metrics.get("stopped_early"):
        target = gathered.manifest.config.get("target_kl")
        said += f"; {planned} were planned, it stopped early because KL passed 1.5 times target_kl {target}"
    return Part(name=name, title=title, said=f"{said}.", panels=panels, missing=missing)


def _panel(key: str, label: str, curve: tuple[float, ...]) -> Panel:
    first, last = curve[0], curve[-1]
    if len(curve) == 1:
        said = f"{number(first)} in the only epoch."
    else:
        way = "rose" if last > first else "fell" if last < first else "stayed"
        said = (
            f"It {way} from {number(first)} to {number(last)}." if way != "stayed" else f"It stayed at {number(first)}."
        )

    def paint(axes: Any) -> None:  # noqa: ANN401
        axes.plot(range(1, len(curve) + 1), curve, color=drawing.AFTER, marker="o", markersize=4)
        if key in _FROM_ZERO:
            axes.set_ylim(0, 1.12 * max(curve) or 1)
        elif key == "effective_sample_size":
            axes.set_ylim(0.95 * min(0.5, *curve), 1.02)
        axes.margins(x=0.06, y=0.12)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("epoch")

    return Panel(title=label, said=said, figure=drawing.draw(f"learning-{key}", label, said, paint, (4.3, 2.1)))
