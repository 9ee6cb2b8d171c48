"""How well it drives, as judged: intervals beside its parent, the champion and all versions before."""

import json
from typing import Any

from reports import drawing
from reports.gathered import Gathered
from reports.part import Missing, Panel, Part
from reports.words import number, share, span

_LABELS = {
    "finished": ("Drives that finish a lap", "%", 100.0),
    "progress": ("Progress", "laps", 1.0),
    "speed": ("Mean speed", "km/h", 3.6),
    "crashed": ("Drives that crash", "%", 100.0),
    "return": ("Return", "", 1.0),
}
"""Label, unit, and what the figure is multiplied with."""


def evaluation(gathered: Gathered) -> Part:
    """Each figure beside that of the parent and the champion; the first of them over all versions."""
    name, title = "evaluation", "Evaluation"
    judged = {row["version"] for row in gathered.rows("evaluations")}
    both = f"{gathered.version}" if gathered.parent is None else f"{gathered.parent} {gathered.version}"
    if gathered.version not in judged:
        why = f"Version {gathered.version} was not evaluated yet"
        return Part(name=name, title=title, missing=[Missing(why, f"pitwall evaluate {both}")])
    missing = []
    if gathered.parent is not None and gathered.parent not in judged:
        why = f"Its parent, version {gathered.parent}, was not evaluated in the same drives, so they cannot be compared"
        missing.append(Missing(why, f"pitwall evaluate {both}"))
    ours = gathered.rows("evaluations", version=gathered.version)
    panels = [_beside(gathered, row["figure"]) for row in ours]
    if len(judged) > 2:
        leading = "finished" if any(row["figure"] == "finished" for row in ours) else "return"
        panels.append(_history(gathered, leading))
    said = f"{ours[0]['drives']} drives of {ours[0]['task']}{_where(ours[0]['settings'])}, without exploration noise. "
    said += "Whiskers are 95 % bootstrap intervals."
    return Part(name=name, title=title, said=said, panels=panels, missing=missing)


def score_of(gathered: Gathered) -> dict[str, Any] | None:
    """The figure by which this version is introduced: laps finished, or the return."""
    ours = {row["figure"]: row for row in gathered.rows("evaluations", version=gathered.version)}
    return ours.get("finished") or ours.get("return")


def shown(figure: str, mean: float, low: float, high: float) -> tuple[str, str]:
    """Value and interval in the figure's unit."""
    _, unit, factor = _LABELS[figure]
    if unit == "%":
        return share(mean), f"{share(low)} to {share(high)}"
    return f"{number(mean * factor)} {unit}".strip(), span(low * factor, high * factor)


def _where(settings: str) -> str:
    told = json.loads(settings)
    if "tracks" in told:
        return f" on {len(told['tracks'])} tracks with {told['cars']} cars each"
    return f" from seed {told['seed']}" if "seed" in told else ""


def _roles(gathered: Gathered) -> dict[int, str]:
    """Whom to stand beside, the version last."""
    roles = {row["version"]: "champion" for row in gathered.rows("versions", champion="now")}
    if gathered.parent is not None:
        also = ", champion" if gathered.parent in roles else ""
        roles[gathered.parent] = f"parent{also}"
    also = ", champion" if gathered.version in roles else ""
    roles.pop(gathered.version, None)
    return roles | {gathered.version: f"this{also}"}


def _beside(gathered: Gathered, figure: str) -> Panel:
    label, unit, factor = _LABELS[figure]
    found = {row["version"]: row for row in gathered.rows("evaluations", figure=figure)}
    there = [(version, role, found[version]) for version, role in _roles(gathered).items() if version in found]
    told = [f"version {v} {_value(figure, row)}" for v, _, row in reversed(there)]
    said = f"{'; '.join(told)}.".capitalize()

    def paint(axes: Any) -> None:  # noqa: ANN401
        for at, (version, _, row) in enumerate(there):
            mean, low, high = (row[key] * factor for key in ("mean", "low", "high"))
            colour = drawing.AFTER if version == gathered.version else drawing.BEFORE
            axes.errorbar(mean, at, xerr=[[mean - low], [high - mean]], fmt="o", color=colour, ms=8, elinewidth=2.4)
        axes.set_yticks(range(len(there)), [f"{version}\n{role}" for version, role, _ in there])
        axes.set_ylim(-0.6, len(there) - 0.4)
        axes.grid(axis="x")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0, labelcolor=drawing.INK)
        axes.set_xlabel(unit)
        if unit == "%":
            axes.set_xlim(-3, 103)

    return Panel(
        title=label,
        said=said,
        figure=drawing.draw(f"evaluation-{figure}", label, said, paint, (4.3, 0.7 + 0.5 * len(there))),
    )


def _value(figure: str, row: dict[str, Any]) -> str:
    value, interval = shown(figure, row["mean"], row["low"], row["high"])
    return f"{value} [{interval}]"


def _history(gathered: Gathered, figure: str) -> Panel:
    label, unit, factor = _LABELS[figure]
    rows = gathered.rows("evaluations", figure=figure)
    best = max(rows, key=lambda row: (row["mean"], -row["version"]))
    said = f"Best so far: version {best['version']} with {_value(figure, best)}; this is version {gathered.version}."

    def paint(axes: Any) -> None:  # noqa: ANN401
        x = [row["version"] for row in rows]
        mean, low, high = ([row[key] * factor for row in rows] for key in ("mean", "low", "high"))
        axes.fill_between(x, low, high, color=drawing.BEFORE, alpha=0.22, linewidth=0)
        axes.plot(x, mean, color=drawing.BEFORE, marker="o", markersize=4)
        at = x.index(gathered.version)
        axes.plot(x[at], mean[at], "o", ms=9, mfc=drawing.AFTER, mec=drawing.PAPER, mew=1.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("version")
        axes.set_ylabel(unit)

    title = f"{label}, over versions"
    return Panel(title=title, said=said, figure=drawing.draw(f"history-{figure}", title, said, paint))
