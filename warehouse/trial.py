"""Versions on trial in an engine that has no evaluation: judged by the returns of what was driven anyway.

Arrives: rollouts whose authors are known. Leaves: the alias `champion`, moved on or taken back, and a `Decision` that
says which version the engine should drive.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.errors import SettingsRejected
from warehouse import query
from warehouse import tables as t
from warehouse.aliases import CHAMPION, move, resolve, standing, undo
from warehouse.comparison import Comparison, compare_returns
from warehouse.lake import Lake
from warehouse.promotion import NOT_WORSE, Decision, decide, settle, stays
from warehouse.sql_header import SqlFile

_RETURNS = SqlFile.read(Path(__file__).parent / "sql" / "internal" / "episode-returns.sql").statement


def judge_by_returns(lake: Lake, risk: float = 0.5, min_episodes: int = 20, newest: int = 200) -> Decision:
    """Judge by whole episodes, the `newest` of each version, as the engine drove them: its noise included.

    Judged is the newest version after the champion that has `min_episodes`; one that the champion was taken back from
    is out. It is promoted as `warehouse.promotion.decide` says. Where there is none, the champion itself, if promotion
    made it one, is held against the one before it, and is rolled back when it is worse with a probability more than
    half-way from `risk` to 1. What people moved stands until a newer version is judged.

    Both sides of a comparison drove for the same time, the newest rollouts of each: of a driver who had only a few,
    long episodes are missing, which did not end in them.

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
        evidence = _evidence(lake, standings, newest, risk, min_episodes)
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


class _Episode(NamedTuple):
    """A whole one."""

    age: int
    """Rollouts of its version from the newest back to the one in which it began, from 1."""
    return_: float


@dataclass(frozen=True)
class _Evidence:
    """Whole episodes by version, newest first, and what is made of them."""

    standings: _Standings
    episodes: Mapping[int, list[_Episode]] = field(repr=False)
    rollouts: Mapping[int, int]
    """How many each version drove."""
    risk: float
    min_episodes: int

    def returns(self, version: int, other: int) -> dict[int, list[float]]:
        """Of both, in as many rollouts as the one with fewer drove; all of `version` where the other has no episode."""
        both = (version, other) if self.episodes.get(other) else (version,)
        newest = min(self.rollouts.get(one, 0) for one in both)
        return {one: [each.return_ for each in self.episodes.get(one, ()) if each.age <= newest] for one in both}

    def suffices(self, version: int, other: int) -> bool:
        """Whether the two can be compared: both have enough episodes, or the other one has no more to show."""
        found = self.returns(version, other)
        shown = len(found.get(other, ())) >= self.min_episodes or self.rollouts[version] >= self.rollouts.get(other, 0)
        return len(found[version]) >= self.min_episodes and (shown or other not in found)

    def compare(self, version: int, other: int) -> Comparison | None:
        """None where the other one has no episode."""
        found = self.returns(version, other)
        return compare_returns(version, other, found) if found.get(other) else None

    def is_worse(self, version: int, champion: int) -> bool:
        comparison = self.compare(version, champion) if self.suffices(version, champion) else None
        return comparison is not None and not decide(comparison, self.risk)

    def judged(self) -> int | None:
        """The newest version after the champion that can be judged."""
        champion, barred = self.standings.champion, self.standings.out | self.standings.dropped
        newer = [version for version in self.episodes if version > champion and version not in barred]
        return max((version for version in newer if self.suffices(version, champion)), default=None)

    def to_drive(self, champion: int) -> int:
        """The newest trained version while it is on trial, else the champion."""
        trial = version = self.standings.trained
        if trial is None or trial <= champion or self.suffices(trial, champion):
            return champion
        while version is not None and version != champion:
            if version in self.standings.out or self.is_worse(version, champion):
                return champion
            version = self.standings.parents.get(version)
        return trial


def _evidence(lake: Lake, standings: _Standings, newest: int, risk: float, min_episodes: int) -> _Evidence:
    """Of the champion, the one before it and every newer version."""
    wanted = [v for v in standings.parents if v >= standings.champion or v == standings.before]
    a = t.attributions.c
    driven = (
        sa.select(a.version, t.rollouts.c.run_id)
        .join_from(t.rollouts, t.attributions)
        .where(a.version.in_(wanted), t.rollouts.c.superseded_by.is_(None), t.rollouts.c.dropped_at.is_(None))
    )
    with lake.catalog.read() as connection:
        ledger = connection.execute(driven).all()
    found = defaultdict[int, list[_Episode]](list)
    if ledger:
        runs = sorted({row.run_id for row in ledger})
        answer = query.run(lake, _RETURNS, {"versions": wanted, "runs": runs, "newest": newest})
        for row in answer.to_pylist():
            found[row["policy_version"]].append(_Episode(row["age"], row["return"]))
    return _Evidence(standings, dict(found), Counter(row.version for row in ledger), risk, min_episodes)


def _judge(lake: Lake, connection: Connection, evidence: _Evidence) -> Decision:
    champion, before = evidence.standings.champion, evidence.standings.before
    if (judged := evidence.judged()) is not None:
        if (comparison := evidence.compare(judged, champion)) is not None:
            return settle(lake, connection, comparison, evidence.risk, "by returns")
        reason = f"{NOT_WORSE} by returns: version {champion} has no whole episodes to compare with"
        move(lake.catalog, connection, CHAMPION, judged, reason)
        return Decision(promoted=True, reason=reason, champion=judged, drive=judged, comparison=None)
    if len(evidence.episodes.get(champion, ())) < evidence.min_episodes:
        return stays(champion, f"no version from {champion} on has {evidence.min_episodes} whole episodes yet")
    enough = before is not None and evidence.suffices(champion, before) and evidence.suffices(before, champion)
    if before is None or not enough or (comparison := evidence.compare(champion, before)) is None:
        return stays(champion, f"version {champion} is the champion, and there is no other to hold it against")
    if decide(comparison, (1 + evidence.risk) / 2):
        return stays(champion, f"version {champion} stays champion: {comparison.words()}", comparison)
    reason = f"returns fell: {comparison.words()}"
    undo(lake.catalog, connection, CHAMPION, reason)
    return Decision(
        promoted=False, rolled_back=True, reason=reason, champion=before, drive=before, comparison=comparison
    )
