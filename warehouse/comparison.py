"""Does one version drive worse than another? A bootstrap of the difference of their mean scores.

Arrives: two evaluations with the same settings, or returns of episodes. Leaves: a `Comparison`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from schemas.errors import EvaluationRejected
from warehouse import tables as t
from warehouse.aliases import resolve
from warehouse.bootstrap import Interval, around, means
from warehouse.evaluations import Evaluation, find_in
from warehouse.lake import Lake

LAPS_PER_SPEED = 0.001
"""Laps that a finished drive scores per m/s of its mean speed."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A challenger against a champion, by mean scores."""

    challenger: int
    champion: int
    score: str
    """laps or return."""
    pairs: int | None
    """Drives that started alike; None where episodes are compared that have no partners."""
    counts: tuple[int, int]
    """Drives or episodes of the challenger and of the champion."""
    means: tuple[float, float]
    """Mean scores of the challenger and of the champion."""
    difference: Interval
    """The challenger's mean less the champion's."""
    probability_worse: float
    """Share of resampled differences below 0."""

    def words(self) -> str:
        """The figures, for people."""
        ours, theirs = self.means
        drives = f"{self.pairs} paired drives" if self.pairs else f"{self.counts[0]} and {self.counts[1]} episodes"
        return (
            f"{self.score} {ours:.4g} against {theirs:.4g} of version {self.champion}, difference "
            f"{self.difference.mean:+.4g} [{self.difference.low:+.4g}, {self.difference.high:+.4g}], "
            f"worse with probability {self.probability_worse:.3f} ({drives})"
        )


def score(drive: Mapping[str, Any]) -> float:
    """What a drive is worth: the lap that was driven, and for a finished one a thousandth per m/s; else the return.

    Arriving comes first: of 40 drives, one that crashes half-way costs as much as 12 m/s more in all of them bring.
    Between drivers who all arrive, speed decides. A crash keeps what was driven until then.
    """
    if not _knows_laps(drive):
        return float(drive["return"])
    return min(float(drive["progress"]), 1.0) + LAPS_PER_SPEED * float(drive["finished"]) * float(drive["speed"])


def compare(
    lake: Lake, challenger: int | str, champion: int | str, task: str, settings: Mapping[str, Any]
) -> Comparison:
    """Two evaluations, drive by drive; drives on one track are drawn together.

    Raises:
        EvaluationRejected: a version was not evaluated so, or the drives of the two did not start alike.
        NotRegistered: no such version.
    """
    with lake.catalog.read() as connection:
        sides = resolve(connection, challenger), resolve(connection, champion)
        return compare_in(connection, *sides, task, settings)


def compare_in(
    connection: Connection, challenger: int, champion: int, task: str, settings: Mapping[str, Any]
) -> Comparison:
    """The same, within the caller's transaction."""
    evaluated = [_evaluation(connection, version, task, settings) for version in (challenger, champion)]
    ours, theirs = (_drives(connection, evaluation) for evaluation in evaluated)
    if [(drive["number"], drive["track"]) for drive in ours] != [(drive["number"], drive["track"]) for drive in theirs]:
        raise EvaluationRejected(
            f"evaluations {evaluated[0].evaluation_id} and {evaluated[1].evaluation_id} on {task} have other drives or "
            "tracks, though the same settings; see: pitwall sql 'from drives'. Evaluate both with new settings"
        )
    scores = np.array([[score(drive) for drive in drives] for drives in (ours, theirs)])  # (2, N)
    tracks = [drive["track"] for drive in ours]
    drawn = means(scores[0] - scores[1], None if None in tracks else tracks)
    name = "laps" if _knows_laps(ours[0]) else "return"
    return _comparison(challenger, champion, name, len(ours), (scores[0], scores[1]), drawn)


def compare_returns(challenger: int, champion: int, returns: Mapping[int, Sequence[float]]) -> Comparison:
    """Two versions by the returns of episodes that each of them drove, of which none has a partner."""
    ours, theirs = np.asarray(returns[challenger]), np.asarray(returns[champion])
    drawn = means(ours, seed=0) - means(theirs, seed=1)
    return _comparison(challenger, champion, "return", None, (ours, theirs), drawn)


def _knows_laps(drive: Mapping[str, Any]) -> bool:
    return all(drive[name] is not None for name in ("progress", "finished", "speed"))


def _comparison(
    challenger: int,
    champion: int,
    name: str,
    pairs: int | None,
    scores: tuple[NDArray[np.float64], NDArray[np.float64]],
    drawn: NDArray[np.float64],
) -> Comparison:
    ours, theirs = (float(side.mean()) for side in scores)
    return Comparison(
        challenger=challenger,
        champion=champion,
        score=name,
        pairs=pairs,
        counts=(len(scores[0]), len(scores[1])),
        means=(ours, theirs),
        difference=around(ours - theirs, drawn),
        probability_worse=float((drawn < 0).mean()),
    )


def _evaluation(connection: Connection, version: int, task: str, settings: Mapping[str, Any]) -> Evaluation:
    found = find_in(connection, version, task, settings)
    if found is None:
        raise EvaluationRejected(
            f"version {version} was not evaluated on {task} with the settings {dict(settings)}. "
            f"First: pitwall evaluate {version}"
        )
    return found


def _drives(connection: Connection, evaluation: Evaluation) -> list[dict[str, Any]]:
    ours = t.drives.c.evaluation_id == evaluation.evaluation_id
    found = connection.execute(sa.select(t.drives).where(ours).order_by(t.drives.c.number)).mappings()
    return [dict(row) for row in found]
