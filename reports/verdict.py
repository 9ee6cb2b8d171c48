"""One line: is the version better than its parent, was the update sound, were the data healthy?"""

from dataclasses import dataclass

from reports.difference import ahead
from reports.episodes import mean_of
from reports.gathered import Gathered
from reports.part import Missing
from reports.usual import USUAL
from reports.words import signed, span
from schemas.counted import counted


@dataclass(frozen=True)
class Verdict:
    """Its tone is good, warn, bad, or empty where nothing was judged."""

    tone: str
    words: str
    next_step: Missing | None = None


def verdict(gathered: Gathered) -> Verdict:
    """Drives that were judged decide; where there are none, episodes; where there are none, nothing does."""
    if gathered.parent is None:
        return _first(gathered)
    tone, words, next_step = _against_parent(gathered)
    remarks, worse = _remarks(gathered)
    if tone == "good" and worse:
        tone = "warn"
    return Verdict(tone, " ".join([words, *remarks]), next_step)


def _first(gathered: Gathered) -> Verdict:
    made = {
        "imported": "It was imported, so nothing is known of its training.",
        "fresh": "It is a random policy that knows nothing yet.",
        "clone": "It began as a clone of unknown behaviour: no registered policy computes what was recorded.",
        "warm": "It has no parent.",
    }
    remarks, worse = _remarks(gathered) if gathered.trained else ([], False)
    first = f"Version {gathered.version} is the first of its line. {made[gathered.manifest.start]}"
    return Verdict("warn" if worse else "", " ".join([first, *remarks]))


def _against_parent(gathered: Gathered) -> tuple[str, str, Missing | None]:
    who = f"Version {gathered.version}"
    if (row := ahead(gathered)) is not None and row["low"] is not None:
        unit = "laps" if gathered.rows("comparison", figure="progress") else "return"
        low, high, next_step = row["low"], row["high"], None
        basis = f"score ({unit}) {signed(row['difference'])} [{span(low, high)}], {row['drives']} paired drives"
    elif (mean := mean_of(gathered, "difference", "return")) is not None:
        low, high = mean["low"], mean["high"]
        basis = f"return of an episode {signed(mean['mean'])} [{span(low, high)}], exploration noise included"
        next_step = Missing(
            "Judge it by drives that start alike", f"pitwall evaluate {gathered.parent} {gathered.version}"
        )
    else:
        next_step = Missing("To know", f"pitwall evaluate {gathered.parent} {gathered.version}")
        return "", f"{who} was not held against its parent {gathered.parent} yet.", next_step
    if low > 0:
        return "good", f"{who} drives better than its parent {gathered.parent}: {basis}.", next_step
    if high < 0:
        return "bad", f"{who} drives worse than its parent {gathered.parent}: {basis}.", next_step
    return "warn", f"{who} drives about as its parent {gathered.parent} does: {basis}.", next_step


def _remarks(gathered: Gathered) -> tuple[list[str], bool]:
    metrics = gathered.manifest.metrics
    odd = [
        usual.title.partition(" (")[0]
        for key, usual in USUAL.items()
        if key in metrics and usual.tone(metrics[key]) != "good"
    ]
    remarks = ["The update lies in its usual ranges." if not odd else f"Look at: {', '.join(odd)}."]
    checks = gathered.rows("health")
    problems = [row for row in checks if row["verdict"] != "ok"]
    if checks:
        remarks.append(f"Health: {counted(len(problems), 'problem')}." if problems else "Its data are healthy.")
    return remarks, bool(odd or any(row["verdict"] == "bad" for row in problems))
