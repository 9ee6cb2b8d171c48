"""The state of a lake in a few figures, from the catalog alone: no partition is read.

Arrives: a lake. Leaves: an `Overview`.
"""

import datetime
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from warehouse import lineage, loops
from warehouse import tables as t
from warehouse.aliases import CHAMPION, LATEST
from warehouse.evaluations import Evaluation, newest_in
from warehouse.lake import Lake
from warehouse.model import Model, load_models


@dataclass(frozen=True)
class Came:
    """A rollout that came in."""

    ingested_at: datetime.datetime
    """UTC."""
    run_id: str
    file_name: str
    rows: int
    policy_version: int | None
    """Who drove; None while unknown."""


@dataclass(frozen=True)
class Standing:
    """A version, and its newest evaluation."""

    model: Model
    evaluation: Evaluation | None


@dataclass(frozen=True)
class Overview:
    """Live rollouts only: those that were replaced or dropped do not count."""

    rollouts: int
    experiences: int
    runs: int
    bytes: int
    """Of the partitions."""
    rejected_files: int
    rejected_rows: int
    """Those that did not come in after all."""
    newest: list[Came]
    versions: int
    latest: Standing | None
    champion: Standing | None
    untrained: int
    """Rollouts that no version was trained on."""
    loop: loops.Loop | None
    """The driving loop that was interrupted last."""
    laps: int
    """Laps that it has done."""


def overview(lake: Lake, newest: int = 3) -> Overview:
    """Figures, and the `newest` rollouts; raises CatalogBusy."""
    r, p, j = t.rollouts.c, t.partitions.c, t.rejects.c
    live = sa.and_(r.superseded_by.is_(None), r.dropped_at.is_(None))
    with lake.catalog.read() as connection:
        counts = sa.select(
            sa.func.count(), sa.func.coalesce(sa.func.sum(r.rows), 0), sa.func.count(r.run_id.distinct())
        )
        rollouts, rows, runs = connection.execute(counts.where(live)).one()
        stored = connection.scalar(sa.select(sa.func.sum(p.bytes)).where(p.retired_at.is_(None)))
        open_rejects = sa.select(sa.func.count()).where(j.resolved_by.is_(None))
        rejected_files = connection.scalar(open_rejects.where(j.row_index == -1)) or 0
        rejected_rows = connection.scalar(open_rejects.where(j.row_index != -1)) or 0
        named = dict(connection.execute(sa.select(t.aliases.c.alias, t.aliases.c.version)).tuples().all())
        newest_rollouts = _newest(connection, live, newest)
        versions = connection.scalar(sa.select(sa.func.count()).select_from(t.models)) or 0
        latest, champion = (_standing(lake, connection, named.get(alias)) for alias in (LATEST, CHAMPION))
    loop = loops.unfinished(lake)
    done = [] if loop is None else [lap for lap in loops.laps(lake, loop.loop_id) if lap.goes_on is not None]
    return Overview(
        rollouts=rollouts,
        experiences=int(rows or 0),
        runs=runs,
        bytes=int(stored or 0),
        rejected_files=rejected_files,
        rejected_rows=rejected_rows,
        newest=newest_rollouts,
        versions=versions,
        latest=latest,
        champion=champion,
        untrained=lineage.waiting(lake),
        loop=loop,
        laps=len(done),
    )


def _newest(connection: Connection, live: sa.ColumnElement[bool], count: int) -> list[Came]:
    r = t.rollouts.c
    query = (
        sa.select(r.ingested_at, r.run_id, r.file_name, r.rows, t.attributions.c.version)
        .join_from(t.rollouts, t.attributions, isouter=True)
        .where(live)
        .order_by(r.ingested_at.desc(), r.run_id.desc(), r.position.desc())
        .limit(count)
    )
    return [Came(*row) for row in connection.execute(query)]


def _standing(lake: Lake, connection: Connection, version: int | None) -> Standing | None:
    if version is None:
        return None
    (model,) = load_models(connection, lake.paths, [version])
    return Standing(model, newest_in(connection, version))
