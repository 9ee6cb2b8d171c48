"""Who saw it: a rollout, a run or a row, and the versions that met it.

Arrives: names as people give them. Leaves: what was found, what became of it in the lake, and the versions.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from schemas.errors import NotRegistered, SettingsRejected
from warehouse import tables as t
from warehouse.lake import Lake
from warehouse.questions import ask


@dataclass(frozen=True)
class Sightings:
    """What was asked for, and who saw it."""

    found: list[str]
    """In words: each rollout, or the run, or what became of the row."""
    versions: pa.Table
    """The answer of the question `row-models`."""


def sightings(lake: Lake, *, rollout: str | None = None, run: str | None = None, row: int | None = None) -> Sightings:
    """The versions that saw a rollout (its id, the beginning of it, or its file's name), a row of it, or a run.

    Raises:
        SettingsRejected: neither a rollout nor a run is given, a row without a rollout, or an empty name, with which
            every id begins.
        NotRegistered: nothing in the lake has this name, or the file has no such row.
    """
    if rollout == "" or (rollout is None and (run is None or row is not None)):
        raise SettingsRejected("whom did what see? Give --rollout FILE_OR_ID (and --row N), or --run RUN")
    r = t.rollouts.c
    query = sa.select(r.rollout_id, r.file_name, r.run_id, r.rows, r.rows_in_file, r.superseded_by)
    if rollout is not None:
        query = query.where(sa.or_(r.file_name == rollout, r.rollout_id.startswith(rollout, autoescape=True)))
    if run is not None:
        query = query.where(r.run_id == run)
    with lake.catalog.read() as connection:
        members = connection.execute(query.order_by(r.run_id, r.position)).all()
        if not members:
            raise NotRegistered(_nothing(rollout, run))
        if row is not None and all(member.rows_in_file <= row for member in members):
            most = max(member.rows_in_file for member in members)
            raise NotRegistered(f"{rollout}: experiences[{row}] is not there, the file has {most} rows (from 0)")
        rejected = {} if row is None else _rejected(connection, [member.rollout_id for member in members], row)
    if rollout is None:
        rows = sum(member.rows for member in members)
        found = [f"run {run}: {len(members)} rollouts with {rows:,} experiences in the lake"]
    else:
        found = [_words(member, row, rejected) for member in members]
    return Sightings(found, ask(lake, "row-models", rollout=rollout, run=run, row=row))


def _nothing(rollout: str | None, run: str | None) -> str:
    what = "no run" if rollout is None else "no rollout"
    within = f" in run {run!r}" if rollout is not None and run is not None else ""
    return f"{what} {rollout or run!r}{within} in the lake. See: pitwall sql 'select run_id, file_name from rollouts'"


def _rejected(connection: sa.Connection, ids: list[str], row: int) -> dict[str, str]:
    r = t.rejects.c
    query = sa.select(r.content_id, r.reason).where(r.content_id.in_(ids), r.row_index == row)
    return dict(connection.execute(query).tuples().all())


def _words(member: Any, row: int | None, rejected: dict[str, str]) -> str:  # noqa: ANN401 - a row of the catalog
    named = f"{member.file_name} ({member.rollout_id[:12]}) of run {member.run_id}"
    replaced = "; a mended file has replaced it since" if member.superseded_by else ""
    if row is None:
        return f"{named}: {member.rows:,} of its {member.rows_in_file:,} rows are in the lake{replaced}"
    if member.rollout_id in rejected:
        return f"{named}: row {row} was rejected, so nobody saw it: {rejected[member.rollout_id]}{replaced}"
    there = "is in the lake" if row < member.rows_in_file else "does not exist"
    return f"{named}: row {row} {there}{replaced}"
