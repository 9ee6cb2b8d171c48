"""The ten numbers at the top."""

from dataclasses import dataclass

from reports.difference import ahead
from reports.episodes import mean_of
from reports.evaluation import score_of, shown
from reports.gathered import Gathered
from reports.usual import USUAL
from reports.words import number, share, signed, span


@dataclass(frozen=True)
class Tile:
    """A number; without a value its note says why."""

    label: str
    value: str | None
    note: str
    tone: str = ""


def tiles(gathered: Gathered) -> list[Tile]:
    """Data, update, drives."""
    return [*_data(gathered), *_update(gathered), *_drives(gathered)]


def _data(gathered: Gathered) -> list[Tile]:
    if not gathered.trained:
        return [Tile(name, None, f"{gathered.manifest.start}, not trained") for name in ("rollouts", "experiences")]
    sources = gathered.rows("training_data")
    versions = {row["policy_version"] for row in sources}
    trained = gathered.manifest.metrics.get("rows_trained")
    window = gathered.manifest.window
    assert window is not None
    return [
        Tile("rollouts", f"{sum(row['rollouts'] for row in sources):,}", f"of {len(versions)} policy versions"
             if len(versions) > 1 else "of one policy"),
        Tile("experiences", None if trained is None else f"{trained:,.0f}", f"trained on, of {window.rows:,}"),
    ]  # fmt: skip


def _update(gathered: Gathered) -> list[Tile]:
    metrics, found = gathered.manifest.metrics, []
    names = {
        "kl": "KL",
        "clip_fraction": "clip fraction",
        "effective_sample_size": "effective sample size",
        "explained_variance": "explained variance",
    }
    for key, label in names.items():
        if not gathered.trained or key not in metrics:
            why = "not recorded then" if gathered.trained else f"{gathered.manifest.start}, not trained"
            found.append(Tile(label, None, why))
            continue
        value, usual = metrics[key], USUAL[key]
        text = share(value) if key in ("clip_fraction", "effective_sample_size") else number(value)
        notes = {
            "kl": "nats from the start",
            "clip_fraction": "of rows",
            "effective_sample_size": "of rows",
            "explained_variance": f"{number(metrics.get('explained_variance_before'))} before",
        }
        found.append(Tile(label, text, notes[key], usual.tone(value)))
    return found


def _drives(gathered: Gathered) -> list[Tile]:
    found = []
    for side, nothing in (("before", "no whole episode"), ("after", f"{gathered.version} has not driven yet")):
        mean = mean_of(gathered, side, "return")
        note = nothing if mean is None else span(mean["low"], mean["high"])
        found.append(Tile(f"return {side}", None if mean is None else number(mean["mean"]), note))
    score = score_of(gathered)
    if score is None:
        found.append(Tile("evaluation", None, "not evaluated yet"))
    else:
        value, interval = shown(score["figure"], score["mean"], score["low"], score["high"])
        found.append(Tile("laps finished" if score["figure"] == "finished" else "return, evaluated", value, interval))
    if (row := ahead(gathered)) is None or row["low"] is None:
        why = "no parent" if gathered.parent is None else "not compared yet"
        found.append(Tile("score against parent", None, why))
    else:
        tone = "good" if row["low"] > 0 else "bad" if row["high"] < 0 else ""
        found.append(Tile("score against parent", signed(row["difference"]), span(row["low"], row["high"]), tone))
    return found
