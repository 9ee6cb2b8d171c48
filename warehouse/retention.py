"""Retention by rule: old rollouts and versions leave the lake, and the ledger says which, when and why.

Arrives: the settings `keep_rollouts`, `keep_days` and `keep_models`; where none is set, nothing is ever dropped.
Leaves: marks in the catalog. A dropped rollout keeps its row, so that its file does not come in again; its rows leave
with the next compaction, their files a time of grace later. A dropped version keeps its number, manifest and card.
"""

import datetime
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from warehouse import tables as t
from warehouse.aliases import CHAMPION, standing
from warehouse.catalog import now
from warehouse.lake import Lake
from warehouse.moment import moment
from warehouse.pins import pinned_rollouts

_CHUNK = 500


@dataclass
class RetentionReport:
    """What was dropped, or would be."""

    rule: str = ""
    """The rollouts' rule in words; empty while none is set."""
    rollouts: list[str] = field(default_factory=list)
    rows: int = 0
    spared: int = 0
    """Rollouts that the rule would drop, but a living version, a recent window or an unfinished loop needs."""
    versions_rule: str = ""
    versions: list[int] = field(default_factory=list)


def retain(lake: Lake, *, dry_run: bool = False) -> RetentionReport:
    """Drop what no rule keeps: versions first, since they pin rollouts.

    A rollout is dropped when it is not among the newest `keep_rollouts`, was ingested more than `keep_days` ago (of
    two rules each keeps what it wants), and nothing needs it: it is no member of a living version's window nor right
    after one, of no window selected within the time of grace, of no unfinished loop. A version is dropped when it is
    not among the newest `keep_models`, has no alias, is not what `pitwall models rollback` would go back to, collected
    no rollout that still waits to be trained on, and is in no unfinished loop. Nothing younger than the time of grace
    is dropped.
    """
    settings = lake.settings
    report = RetentionReport(_rollout_rule(settings.keep_rollouts, settings.keep_days))
    if settings.keep_models is not None:
        report.versions_rule = f"keep_models = {settings.keep_models}"
    if not (report.rule or report.versions_rule):
        return report
    young = now() - datetime.timedelta(days=settings.grace_days)
    with lake.catalog.read() if dry_run else lake.catalog.begin() as connection:
        if not dry_run:
            lake.catalog.lock(connection, "models")
            lake.catalog.lock(connection, "ledger")
        at = moment(connection)
        if settings.keep_models is not None:
            report.versions = _old_versions(connection, settings.keep_models, young)
        if report.rule:
            _old_rollouts(connection, lake, young, report)
        if not dry_run:
            _mark(connection, t.models, t.models.c.version, report.versions, at, report.versions_rule)
            _mark(connection, t.rollouts, t.rollouts.c.rollout_id, report.rollouts, at, report.rule)
            _retire_empty(connection, at)
    return report


def _rollout_rule(newest: int | None, days: float | None) -> str:
    rules = {"keep_rollouts": newest, "keep_days": days}
    return ", ".join(f"{name} = {value:g}" for name, value in rules.items() if value is not None)


def _old_versions(connection: Connection, newest: int, young: datetime.datetime) -> list[int]:
    m, a, r = t.models.c, t.attributions.c, t.rollouts.c
    found = connection.execute(sa.select(m.version, m.created_at, m.dropped_at).order_by(m.version.desc())).all()
    trained = sa.select(t.window_rollouts.c.rollout_id).where(
        t.window_rollouts.c.window_id.in_(sa.select(m.window_id).where(m.window_id.is_not(None)))
    )
    waiting = sa.and_(r.dropped_at.is_(None), r.superseded_by.is_(None), r.rollout_id.not_in(trained))
    needed = set(connection.scalars(sa.select(t.aliases.c.version)))
    needed |= set(connection.scalars(sa.select(a.version).join_from(t.attributions, t.rollouts).where(waiting)))
    for column in (t.laps.c.head, t.laps.c.version, t.laps.c.goes_on):
        going_on = sa.select(column).join_from(t.laps, t.loops).where(t.loops.c.finished_at.is_(None))
        needed |= set(connection.scalars(going_on))
    if (before := standing(connection, CHAMPION)) is not None:
        needed.add(before.from_version)
    return [
        row.version
        for row in found[newest:]
        if row.dropped_at is None and row.version not in needed and row.created_at < young
    ]


def _old_rollouts(connection: Connection, lake: Lake, young: datetime.datetime, report: RetentionReport) -> None:
    r, settings = t.rollouts.c, lake.settings
    written = sa.func.coalesce(r.written_at, r.ingested_at)
    query = sa.select(r.rollout_id, r.run_id, r.rows, r.ingested_at, r.superseded_by).where(r.dropped_at.is_(None))
    found = connection.execute(query.order_by(written.desc(), r.run_id.desc(), r.position.desc())).all()
    kept = [row.rollout_id for row in found if row.superseded_by is None][: settings.keep_rollouts or 0]
    oldest = young
    if settings.keep_days is not None:
        oldest = min(young, now() - datetime.timedelta(days=settings.keep_days))
    needed = pinned_rollouts(connection, young, report.versions)
    unfinished = connection.scalars(sa.select(t.loops.c.loop_id).where(t.loops.c.finished_at.is_(None))).all()
    sessions = tuple(f"{loop_id}." for loop_id in unfinished)
    inside = set(kept)
    for row in found:
        if row.rollout_id in inside or row.ingested_at >= oldest:
            continue
        if row.rollout_id in needed or row.run_id.startswith(sessions):
            report.spared += 1
        else:
            report.rollouts.append(row.rollout_id)
            report.rows += row.rows


def _mark(
    connection: Connection,
    table: sa.Table,
    key: "sa.Column[str] | sa.Column[int]",
    dropped: list[str] | list[int],
    at: datetime.datetime,
    rule: str,
) -> None:
    for start in range(0, len(dropped), _CHUNK):
        some = table.update().where(key.in_(dropped[start : start + _CHUNK]))
        connection.execute(some.values(dropped_at=at, dropped_by=rule))


def _retire_empty(connection: Connection, at: datetime.datetime) -> None:
    """A partition of which every rollout was dropped is of no more use; compaction makes the others smaller."""
    r, p = t.rollouts.c, t.partitions.c
    living = sa.exists().where(r.partition_id == p.partition_id, r.dropped_at.is_(None))
    connection.execute(t.partitions.update().where(p.retired_at.is_(None), ~living).values(retired_at=at))
