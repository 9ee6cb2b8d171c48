"""What sets the version apart from its parent: drive by drive, in settings and in figures."""

import json
from typing import Any

from reports.gathered import Gathered
from reports.part import Missing, Part, Table
from reports.words import number, signed, span
from schemas.counted import counted

_NAMES = {"score": "score (laps, and 0.001 per m/s)", "progress": "progress (laps)", "speed": "speed (m/s)"}


def difference(gathered: Gathered) -> Part:
    """Three tables."""
    name, title = "difference", "Difference to the parent"
    if gathered.parent is None:
        return Part(name=name, title=title, missing=[Missing(f"Version {gathered.version} has no parent")])
    pairs, missing, tables = gathered.rows("comparison"), [], []
    if pairs:
        tables.append(_drives(gathered, pairs))
    else:
        why = f"Versions {gathered.version} and {gathered.parent} were not evaluated in the same drives"
        missing.append(Missing(why, f"pitwall evaluate {gathered.parent} {gathered.version}"))
    columns = ("", f"version {gathered.parent}", f"version {gathered.version}")
    settings = [(key, _spelled(a), _spelled(b)) for key, (a, b) in gathered.settings_changed.items()]
    if gathered.rows("versions", version=gathered.parent)[0]["start"] in ("imported", "fresh"):
        settings = []
        missing.append(
            Missing("Its parent was not trained here: there are no settings and figures of a training to compare")
        )
    elif settings:
        tables.append(Table(columns=("setting ", *columns[1:]), rows=settings, caption="Settings that differ."))
    figures = [
        (key, number(a), number(b), signed(b - a) if a is not None and b is not None else "")
        for key, (a, b) in gathered.figures_changed.items()
        if key in _SHOWN and a is not None
    ]
    if figures:
        caption = "Figures of the two trainings."
        tables.append(Table(columns=("figure ", *columns[1:], "change"), rows=figures, caption=caption, folded=True))
    said = f"{counted(gathered.rollouts_shared, 'rollout')} in both windows; "
    said += (
        f"{len(settings)} settings differ."
        if settings
        else "the same settings."
        if figures
        else "other settings unknown."
    )
    return Part(name=name, title=title, said=said, tables=tables, missing=missing)


_SHOWN = (
    "rows_trained", "kl", "clip_fraction", "effective_sample_size", "explained_variance_before", "explained_variance",
    "entropy", "return_mean", "advantage_std", "updates", "learning_rate", "seconds",
)  # fmt: skip


def ahead(gathered: Gathered) -> dict[str, Any] | None:
    """The row of the score: what decides a promotion."""
    found = gathered.rows("comparison", figure="score")
    return found[0] if found else None


def _spelled(value: object) -> str:
    return "not set" if value is None else json.dumps(value)


def _drives(gathered: Gathered, pairs: list[dict[str, Any]]) -> Table:
    rows = [
        (
            _NAMES.get(row["figure"], row["figure"]),
            number(row["mean_b"]),
            number(row["mean_a"]),
            signed(row["difference"]),
            span(row["low"], row["high"]),
            f"{row['a_higher']} / {row['a_lower']}",
        )
        for row in pairs
    ]
    return Table(
        columns=(
            "figure ", f"version {gathered.parent}", f"version {gathered.version}", "difference", "95 % interval",
            "higher / lower",
        ),
        rows=rows,
        caption=f"{pairs[0]['drives']} drives that started alike, pair by pair.",
    )  # fmt: skip
