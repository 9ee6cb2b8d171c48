"""Versions on trial in an engine that has no evaluation: judged by the returns of what was driven anyway.

Arrives: rollouts whose authors are known. Leaves: the alias `champion`, moved on or taken back, and a `Decision` that
says which version the engine should drive.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.errors import SettingsRejected
from warehouse import query
from warehouse import tables as t
from warehouse.aliases import CHAMPION, move, resolve, standing, undo
from warehouse.comparison import compare_returns
from warehouse.lake import Lake
from warehouse.promotion import NOT_WORSE, Decision, decide, settle, stays
from warehouse.sql_header import SqlFile

_RETURNS = SqlFile.read(Path(__file__).parent / "sql" / "internal" / "episode-returns.sql").statement


def judge_by_returns(lake: Lake, risk: float = 0.5, min_episodes: int = 20, newest: int = 200) -> Decision:
    """Judge by whole episodes, the `newest` of each version, as the engine drove them: its noise included.

    Judged is the newest version, from the champion on, that has `min_episodes`; one that the champion was taken back
    from is out. A newer one than the champion is promoted as `warehouse.promotion.decide` says. The champion itself,
    where promotion made it one, is held against the one before it, and is rolled back when it is worse with a
    probability more than half-way from `risk` to 1. What people moved stands until a newer version is judged.

    `drive` of the decision is the newest trained version while it has too few episodes, unless it goes back on one that
    is out or worse than the champion; else the champion. The same evidence gives the same decision, and no second move.

    Raises:
        NotRegistered: there are no versions.
        SettingsRejected: `risk` is no probability, or the numbers of episodes make no sense.
        LakeDamaged: a partition cannot be read.
    """
    if not (1 <= min_episodes <= newest and 0 <= risk <= 1):
        raise SettingsRejected(
            f"risk is {risk}, min_episodes {min_episodes}; wanted a probability from 0 to 1, and 1 to {newest} episodes"
        )
    while True:
        with lake.catalog.read() as connection:
            standings = _Standings.read(connection)
        evidence = _Evidence(standings, _returns(lake, standings, newest), risk, min_episodes)
        with lake.catalog.begin() as connection:
            lake.catalog.lock(connection, "models")
            if _Standings.read(connection) == standings:  # else somebody moved or published meanwhile
                decision = _judge(lake, connection, evidence)
                return replace(decision, drive=evidence.to_drive(decision.champion))


@dataclass(frozen=True)
class _Standings:
    """What the registry says before a judgement."""

    champion: int
    before: int | None
    """The champion before it, where promotion made the change."""
    out: frozenset[int]
    """Versions that the champion was taken back from, by a rollback or by hand."""
    parents: Mapping[int, int | None]
    """Of every version in the champion's space."""
    trained: int | None
    """The newest of these that was trained."""
    dropped: frozenset[int]
    """Of these, the ones that retention dropped: they cannot be driven."""

    @classmethod
    def read(cls, connection: Connection) -> "_Standings":
        champion = resolve(connection, CHAMPION)
        m, moves = t.models.c, t.alias_moves.c
        space = sa.select(m.space_id).where(m.version == champion).scalar_subquery()
        kin = connection.execute(
            sa.select(m.version, m.parent, m.window_id, m.dropped_at).where(m.space_id == space)
        ).all()
        ways = sa.select(moves.from_version, moves.to_version).where(moves.alias == CHAMPION).order_by(moves.move_id)
        out: set[int] = set()
        for origin, target in connection.execute(ways):
            out.discard(target)
            if origin is not None and target < origin:
                out.add(origin)
        last = standing(connection, CHAMPION)
        promoted = last is not None and last.to_version == champion and last.reason.startswith(NOT_WORSE)
        return cls(
            champion=champion,
            before=last.from_version if last is not None and promoted else None,
            out=frozenset(out),
            parents={row.version: row.parent for row in kin},
            trained=max((row.version for row in kin if row.window_id is not None), default=None),
            dropped=frozenset(row.version for row in kin if row.dropped_at is not None),
        )


@dataclass(frozen=True)
class _Evidence:
    """Returns of whole episodes by version, newest first, and what is made of them."""

    standings: _Standings
    returns: Mapping[int, list[float]] = field(repr=False)
    risk: float
    min_episodes: int

    def suffices(self, version: int) -> bool:
        return len(self.returns.get(version, ())) >= self.min_episodes

    def is_worse(self, version: int, champion: int) -> bool:
        if not self.suffices(version) or not self.returns.get(champion):
            return False
        return not decide(compare_returns(version, champion, self.returns), self.risk)

    def judged(self) -> int | None:
        """The newest version from the champion on that can be judged."""
        some = [version for version in self.returns if version >= self.standings.champion and self.suffices(version)]
        barred = self.standings.out | self.standings.dropped
        return max((version for version in some if version not in barred), default=None)

    def to_drive(self, champion: int) -> int:
        """The newest trained version while it is on trial, else the champion."""
        trial = version = self.standings.trained
        if trial is None or trial <= champion or self.suffices(trial):
            return champion
        while version is not None and version != champion:
            if version in self.standings.out or self.is_worse(version, champion):
                return champion
            version = self.standings.parents.get(version)
        return trial


def _returns(lake: Lake, standings: _Standings, newest: int) -> dict[int, list[float]]:
    """Of the champion, the one before it and every newer version."""
    wanted = [v for v in standings.parents if v >= standings.champion or v == standings.before]
    r, a = t.rollouts.c, t.attributions.c
    driven = sa.select(r.run_id).join_from(t.rollouts, t.attributions).where(a.version.in_(wanted)).distinct()
    with lake.catalog.read() as connection:
        runs = sorted(connection.scalars(driven))
    found = defaultdict[int, list[float]](list)
    if runs:
        answer = query.run(lake, _RETURNS, {"versions": wanted, "runs": runs, "newest": newest})
        for version, value in zip(*(answer[name].to_pylist() for name in ("policy_version", "return")), strict=True):
            found[version].append(value)
    return dict(found)


def _judge(lake: Lake, connection: Connection, evidence: _Evidence) -> Decision:
    champion, before = evidence.standings.champion, evidence.standings.before
    judged = evidence.judged()
    if judged is None:
        return stays(champion, f"no version from {champion} on has {evidence.min_episodes} whole episodes yet")
    if judged > champion and not evidence.returns.get(champion):
        reason = f"{NOT_WORSE} by returns: version {champion} has no whole episodes to compare with"
        move(lake.catalog, connection, CHAMPION, judged, reason)
        return Decision(promoted=True, reason=reason, champion=judged, drive=judged, comparison=None)
    if judged > champion:
        comparison = compare_returns(judged, champion, evidence.returns)
        return settle(lake, connection, comparison, evidence.risk, "by returns")
    if before is None or not evidence.suffices(before):
        return stays(champion, f"version {champion} is the champion, and there is no other to hold it against")
    comparison = compare_returns(champion, before, evidence.returns)
    if decide(comparison, (1 + evidence.risk) / 2):
        return stays(champion, f"version {champion} stays champion: {comparison.words()}", comparison)
    reason = f"returns fell: {comparison.words()}"
    undo(lake.catalog, connection, CHAMPION, reason)
    return Decision(
        promoted=False, rolled_back=True, reason=reason, champion=before, drive=before, comparison=comparison
    )
