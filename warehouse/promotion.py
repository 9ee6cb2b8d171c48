"""Who is champion, by evidence: a version is promoted unless it is worse.

Arrives: evaluations in the catalog. Leaves: the alias `champion`, moved or not, and a `Decision` that says why. Every
move keeps its figures as its reason; see the view `promotions`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from schemas.errors import SettingsRejected
from warehouse.aliases import CHAMPION, move, resolve
from warehouse.comparison import Comparison, compare_in
from warehouse.lake import Lake

NOT_WORSE = "not worse"
"""Every promotion's reason begins with it; moves of people have other reasons."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What was decided, and why."""

    promoted: bool
    """The version that was judged became champion."""
    rolled_back: bool = False
    """The champion fell, and the one before it is champion again."""
    reason: str
    champion: int
    """Now."""
    drive: int
    """The version to drive with: the champion, or a newer one that is on trial."""
    comparison: Comparison | None
    """None where there was nothing to compare."""


def decide(comparison: Comparison, risk: float = 0.5) -> bool:
    """Whether to promote: unless the challenger is worse with a probability above `risk`.

    0.5: it must be at least as good, as far as the evidence tells. 0.95: anything goes that is not shown to be worse.

    Raises SettingsRejected: `risk` is no probability.
    """
    if not 0 <= risk <= 1:
        raise SettingsRejected(f"risk is {risk}; wanted a probability from 0 to 1, e.g. 0.5")
    return comparison.probability_worse <= risk


def promote_if_not_worse(
    lake: Lake, version: int | str, task: str, settings: Mapping[str, Any], risk: float = 0.5
) -> Decision:
    """Make a version champion unless its evaluation speaks against it; both must be evaluated with these settings.

    Raises:
        EvaluationRejected: one of the two was not evaluated so, or their drives did not start alike.
        NotRegistered: no such version.
        SettingsRejected: `risk` is no probability.
    """
    with lake.catalog.begin() as connection:
        lake.catalog.lock(connection, "models")
        number, champion = resolve(connection, version), resolve(connection, CHAMPION)
        if number == champion:
            return stays(champion, f"version {number} is the champion already")
        return settle(lake, connection, compare_in(connection, number, champion, task, settings), risk, f"on {task}")


def settle(lake: Lake, connection: Connection, comparison: Comparison, risk: float, where: str) -> Decision:
    """Promote the challenger or not, within the caller's transaction, which holds the lock on models."""
    challenger = comparison.challenger
    if not decide(comparison, risk):
        reason = f"version {challenger} is worse {where}: {comparison.words()}, allowed {risk:g}"
        return stays(comparison.champion, reason, comparison)
    reason = f"{NOT_WORSE} {where}: {comparison.words()}"
    move(lake.catalog, connection, CHAMPION, challenger, reason)
    return Decision(promoted=True, reason=reason, champion=challenger, drive=challenger, comparison=comparison)


def stays(champion: int, reason: str, comparison: Comparison | None = None) -> Decision:
    """Nothing moves."""
    return Decision(promoted=False, reason=reason, champion=champion, drive=champion, comparison=comparison)
