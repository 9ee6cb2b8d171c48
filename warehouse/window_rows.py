"""The rows of rollouts as one Arrow table, with what the catalog knows of them.

Arrives: a window's manifest, or ids of rollouts. Leaves: a table sorted by run_id, agent_index, rollout_position, step:
the columns of schemas/steps.py and run_id, rollout_position, rollout_index, policy_version, claimed_version,
noise_scale and in_window. Rows outside the window (in_window false) are the first of each agent in the rollout that
follows a member: what they observe comes right after the member's last step.
"""

from collections import defaultdict
from collections.abc import Sequence

import polars as pl
import pyarrow as pa
import sqlalchemy as sa

from schemas.errors import LakeDamaged
from schemas.window import WindowManifest
from warehouse import tables as t
from warehouse.fingerprint import fingerprint
from warehouse.lake import Lake
from warehouse.partition import read_rows

_LEDGER = {
    "rollout_id": pl.String,
    "run_id": pl.String,
    "rollout_position": pl.Int32,
    "rollout_index": pl.Int32,
    "policy_version": pl.Int32,
    "claimed_version": pl.Int32,
    "in_window": pl.Boolean,
}
_NOISE = {"rollout_id": pl.String, "agent_index": pl.Int32, "step": pl.Int32, "noise_scale": pl.Float64}
_CHUNK = 500


def window_rows(lake: Lake, manifest: WindowManifest) -> pa.Table:
    """The window's rows, checked against its hashes, and the rows that follow it.

    Raises:
        LakeDamaged: a partition is gone, or its rows are not those that were selected.
    """
    ids = [member.rollout_id for member in manifest.rollouts]
    places = [(m.path, m.first_row, m.rows, m.rows_sha256) for m in manifest.rollouts]
    frame = _steps(lake, places)
    followers = _followers(lake, ids)
    if followers:
        after = _steps(lake, [place for _, place in followers])
        first = after.unique(["rollout_id", "agent_index"], keep="first", maintain_order=True)
        frame = pl.concat([frame, first], how="diagonal")
    return _dressed(lake, frame, ids, [rollout_id for rollout_id, _ in followers])


def rollout_rows(lake: Lake, ids: Sequence[str]) -> pa.Table:
    """Whole rollouts of one space, all of them in the window.

    Raises:
        LakeDamaged: a partition is gone, or its rows are not those that were committed.
    """
    return _dressed(
        lake, _steps(lake, [place for _, place in _places(lake, t.rollouts.c.rollout_id.in_(ids))]), ids, []
    )


_Place = tuple[str, int, int, str]


def _steps(lake: Lake, places: Sequence[_Place]) -> pl.DataFrame:
    """Neighbouring ranges of a partition are read in one go; each rollout is checked by its own hash."""
    by_path: dict[str, list[_Place]] = defaultdict(list)
    for place in places:
        by_path[place[0]].append(place)
    frames = []
    for path, members in by_path.items():
        members.sort(key=lambda member: member[1])
        start = 0
        while start < len(members):
            stop = start + 1
            while stop < len(members) and members[stop][1] == members[stop - 1][1] + members[stop - 1][2]:
                stop += 1
            together = members[start:stop]
            first = together[0][1]
            read = read_rows(lake.paths, path, first, sum(rows for _, _, rows, _ in together))
            for _, first_row, rows, expected in together:
                if fingerprint(read.slice(first_row - first, rows)) != expected:
                    raise LakeDamaged(
                        f"{path}: rows {first_row} to {first_row + rows} are not those that were committed. "
                        "Restore the file from a backup of the lake"
                    )
            frames.append(read)
            start = stop
    return pl.concat(frames, how="diagonal")


def _places(lake: Lake, which: sa.ColumnElement[bool]) -> list[tuple[str, _Place]]:
    r, p = t.rollouts.c, t.partitions.c
    query = sa.select(r.rollout_id, p.path, r.first_row, r.rows, r.rows_sha256).join_from(t.rollouts, t.partitions)
    with lake.catalog.read() as connection:
        rows = connection.execute(query.where(which).order_by(r.run_id, r.position)).all()
    return [(row.rollout_id, (row.path, row.first_row, row.rows, row.rows_sha256)) for row in rows]


def _followers(lake: Lake, ids: Sequence[str]) -> list[tuple[str, _Place]]:
    """The rollouts right after members, of the same space, that are not members themselves."""
    member, after = t.rollouts.alias("member"), t.rollouts.alias("after")
    follows = sa.and_(
        after.c.run_id == member.c.run_id,
        after.c.position == member.c.position + 1,
        after.c.space_id == member.c.space_id,
        after.c.superseded_by.is_(None),
    )
    found: set[str] = set()
    with lake.catalog.read() as connection:
        for start in range(0, len(ids), _CHUNK):
            some = ids[start : start + _CHUNK]
            query = sa.select(after.c.rollout_id).join_from(member, after, follows).where(member.c.rollout_id.in_(some))
            found.update(connection.scalars(query))
    outside = found - set(ids)
    return _places(lake, t.rollouts.c.rollout_id.in_(outside)) if outside else []


def _dressed(lake: Lake, frame: pl.DataFrame, ids: Sequence[str], followers: Sequence[str]) -> pa.Table:
    ledger, noise = _ledger(lake, ids, followers)
    frame = frame.join(ledger, on="rollout_id", how="left")
    if len(noise):
        frame = frame.sort("step").join_asof(
            noise.sort("step"), on="step", by=["rollout_id", "agent_index"], strategy="backward", check_sortedness=False
        )
    else:
        frame = frame.with_columns(noise_scale=pl.lit(None, pl.Float64))
    return frame.sort("run_id", "agent_index", "rollout_position", "step").to_arrow(
        compat_level=pl.CompatLevel.oldest()
    )


def _ledger(lake: Lake, ids: Sequence[str], followers: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    r, a = t.rollouts.c, t.attributions.c
    query = sa.select(
        r.rollout_id, r.run_id, r.position, r.rollout_index, a.version, r.claimed_version, a.noise
    ).join_from(t.rollouts, t.attributions, isouter=True)
    wanted = [*ids, *followers]
    outside = set(followers)
    facts, noise = [], []
    with lake.catalog.read() as connection:
        for start in range(0, len(wanted), _CHUNK):
            for row in connection.execute(query.where(r.rollout_id.in_(wanted[start : start + _CHUNK]))):
                facts.append((*row[:6], row.rollout_id not in outside))
                noise += [(row.rollout_id, *segment) for segment in row.noise or ()]
    return pl.DataFrame(facts, _LEDGER, orient="row"), pl.DataFrame(noise, _NOISE, orient="row")
