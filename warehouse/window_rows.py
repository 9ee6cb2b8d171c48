"""The rows of rollouts as one Arrow table, with what the catalog knows of them.

Arrives: a window's manifest, or ids of rollouts. Leaves: a table sorted by run_id, agent_index, rollout_position, step:
the columns of schemas/steps.py (less the engine's own advantages) and run_id, rollout_position, rollout_index,
policy_version, claimed_version, verdict, noise_scale and in_window. Rows outside the window (in_window false) are the
first of each agent in the rollout that follows a member: what they observe comes right after the member's last step.
Under a named reward `reward` is the new one, null where a row lacks what the formula reads.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from numpy.typing import NDArray

from schemas.errors import LakeDamaged
from schemas.ingredients import RolloutFacts
from schemas.window import WindowManifest
from warehouse import tables as t
from warehouse.lake import Lake
from warehouse.partition import read_ranges
from warehouse.scoring import scored

_LEFT_OUT = ("rollout_id", "engine_advantage", "engine_return")
_FACTS = {
    "run_id": pl.String,
    "rollout_position": pl.Int32,
    "rollout_index": pl.Int32,
    "policy_version": pl.Int32,
    "claimed_version": pl.Int32,
    "verdict": pl.String,
    "rollout_id": pl.String,
    "in_window": pl.Boolean,
}
_r, _p, _a = t.rollouts.c, t.partitions.c, t.attributions.c
_LEDGER = (
    sa.select(
        _r.rollout_id,
        _r.run_id,
        _r.position,
        _r.rollout_index,
        _a.version.label("policy_version"),
        _r.claimed_version,
        _a.verdict,
        _a.noise,
        _r.rows_sha256,
    )
    .select_from(t.rollouts)
    .join(t.attributions, _r.rollout_id == _a.rollout_id, isouter=True)
)
_PLACES = sa.select(_r.rollout_id, _p.path, _p.partition_id, _r.first_row, _r.rows).join_from(t.rollouts, t.partitions)
_MEMBER, _AFTER = t.rollouts.alias("member"), t.rollouts.alias("after")
_FOLLOWERS = sa.select(_MEMBER.c.run_id, _MEMBER.c.position, _AFTER.c.rollout_id).join_from(
    _MEMBER,
    _AFTER,
    sa.and_(
        _AFTER.c.run_id == _MEMBER.c.run_id,
        _AFTER.c.position == _MEMBER.c.position + 1,
        _AFTER.c.space_id == _MEMBER.c.space_id,
        _AFTER.c.superseded_by.is_(None),
        _AFTER.c.dropped_at.is_(None),
    ),
    isouter=True,
)
_CHUNK = 500


class _Place(NamedTuple):
    """Where the rows of a rollout lie."""

    path: str
    sha256: str
    first_row: int
    rows: int


class _Part(NamedTuple):
    """Rows of one rollout."""

    facts: RolloutFacts
    place: _Place


def window_rows(lake: Lake, manifest: WindowManifest, facts: Sequence[RolloutFacts] | None = None) -> pa.Table:
    """The window's rows, checked against the hashes of its partitions, and the rows that follow it.

    With `facts` what was known of the rollouts on another day, else what is known today.
    Where the file of a member was removed, the same rows are read where they lie today.

    Raises:
        LakeDamaged: a partition is gone, or is not the file that was selected; or a rollout of `facts` is gone.
        RewardRejected: the window's reward gives no finite number for a row.
    """
    facts = window_facts(lake, manifest) if facts is None else facts
    moved = _moved(lake, manifest)
    places = {
        m.rollout_id: _Place(m.path, m.partition_sha256, m.first_row, m.rows)
        for m in manifest.rollouts
        if m.rollout_id not in moved
    }
    places |= _places(lake, [each.rollout_id for each in facts if each.rollout_id not in places])
    if gone := [each.rollout_id for each in facts if each.rollout_id not in places]:
        raise LakeDamaged(f"{gone[0]}: the rollout is not in the lake any more. Restore the lake from a backup")
    table = _table(lake, [_Part(each, places[each.rollout_id]) for each in facts])
    return table if manifest.reward is None else scored(lake, table, manifest.reward)


def rows_inside(lake: Lake, manifest: WindowManifest) -> pa.Table:
    """The window's own rows, without those that follow it and without the column in_window; raises as `window_rows`."""
    table = window_rows(lake, manifest)
    return table.filter(table["in_window"]).drop_columns(["in_window"])


def window_facts(lake: Lake, manifest: WindowManifest) -> tuple[RolloutFacts, ...]:
    """What is known today of the window's rollouts, and of those right after them."""
    ids = [member.rollout_id for member in manifest.rollouts]
    return (*_facts(lake, ids, in_window=True), *_facts(lake, _followers(lake, ids), in_window=False))


def rollout_rows(lake: Lake, ids: Sequence[str]) -> pa.Table:
    """Whole rollouts of one space, all of them in the window.

    Raises:
        LakeDamaged: a partition is gone, or is not the file that was committed.
    """
    places = _places(lake, ids)
    return _table(lake, [_Part(each, places[each.rollout_id]) for each in _facts(lake, ids, in_window=True)])


def _moved(lake: Lake, manifest: WindowManifest) -> set[str]:
    """Members whose partition was removed since; the ledger has their rows elsewhere, and they are the same."""
    with lake.catalog.read() as connection:
        removed = set(connection.scalars(sa.select(_p.partition_id).where(_p.removed_at.is_not(None))))
        gone = {m.rollout_id: m for m in manifest.rollouts if m.partition_sha256 in removed}
        ids = list(gone)
        for start in range(0, len(ids), _CHUNK):
            some = sa.select(_r.rollout_id, _r.rows_sha256, _r.dropped_at, _r.dropped_by)
            for row in connection.execute(some.where(_r.rollout_id.in_(ids[start : start + _CHUNK]))):
                if row.dropped_at is not None:
                    raise LakeDamaged(
                        f"{gone[row.rollout_id].path}: retention dropped rollout {row.rollout_id} on "
                        f"{row.dropped_at:%Y-%m-%d} ({row.dropped_by}), and its rows are gone. "
                        "See: pitwall sql 'from dropped'"
                    )
                if row.rows_sha256 != gone[row.rollout_id].rows_sha256:
                    raise LakeDamaged(
                        f"the catalog names other rows for rollout {row.rollout_id} than window "
                        f"{manifest.window_id[:12]}. Restore the lake from a backup: pitwall restore SOURCE"
                    )
    return set(gone)


def _facts(lake: Lake, ids: Sequence[str], *, in_window: bool) -> list[RolloutFacts]:
    found = []
    with lake.catalog.read() as connection:
        for start in range(0, len(ids), _CHUNK):
            for row in connection.execute(_LEDGER.where(_r.rollout_id.in_(ids[start : start + _CHUNK]))).mappings():
                found.append(RolloutFacts(**{**row, "noise": row["noise"] or ()}, in_window=in_window))
    return found


def _places(lake: Lake, ids: Sequence[str]) -> dict[str, _Place]:
    """By the ledger of today."""
    found = {}
    with lake.catalog.read() as connection:
        for start in range(0, len(ids), _CHUNK):
            for rollout_id, *place in connection.execute(_PLACES.where(_r.rollout_id.in_(ids[start : start + _CHUNK]))):
                found[rollout_id] = _Place(*place)
    return found


def _followers(lake: Lake, ids: Sequence[str]) -> list[str]:
    """The rollouts right after members, of the same space, where no member stands itself.

    A mended file stands where the member stands whose place it took after the window was selected.
    """
    after: dict[tuple[str, int], str | None] = {}
    with lake.catalog.read() as connection:
        for start in range(0, len(ids), _CHUNK):
            some = _MEMBER.c.rollout_id.in_(ids[start : start + _CHUNK])
            after |= {(row[0], row[1]): row[2] for row in connection.execute(_FOLLOWERS.where(some))}
    return sorted(name for (run, place), name in after.items() if name is not None and (run, place + 1) not in after)


def _table(lake: Lake, parts: list[_Part]) -> pa.Table:
    parts, frame = _read(lake, parts)
    stretches = _Stretches(parts, frame["agent_index"].to_numpy())
    rows = frame[stretches.rows()]
    table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
    facts = pl.DataFrame([_columns(part.facts) for part in parts], _FACTS, orient="row")[stretches.part]
    for name, values in zip(_FACTS, facts.to_arrow(compat_level=pl.CompatLevel.oldest()).columns, strict=True):
        runs = pa.RunEndEncodedArray.from_arrays(pa.array(stretches.end), values.combine_chunks())
        table = table.append_column(name, pc.run_end_decode(runs))
    return table.append_column("noise_scale", pa.array(stretches.noise(rows["step"].to_numpy()), from_pandas=True))


def _read(lake: Lake, parts: list[_Part]) -> tuple[list[_Part], pl.DataFrame]:
    """The parts as they lie in the files, and their rows in one chunk: it is gathered from faster than many."""
    by_file: dict[tuple[str, str], list[_Part]] = defaultdict(list)
    for part in parts:
        by_file[part.place.path, part.place.sha256].append(part)
    parts, frames = [], []
    for (path, sha256), members in by_file.items():
        members.sort(key=lambda part: part.place.first_row)
        parts += members
        ranges = [(place.first_row, place.rows) for _, place in members]
        frames.append(read_ranges(lake.paths, path, sha256, ranges, _LEFT_OUT))
    return parts, pl.concat(frames, how="diagonal", rechunk=True)


def _columns(of: RolloutFacts) -> tuple[object, ...]:
    known = (of.run_id, of.position, of.rollout_index, of.policy_version, of.claimed_version, of.verdict)
    return (*known, of.rollout_id, of.in_window)


class _Stretches:
    """Rows of one agent in one rollout, as they lie in the files: sorted by step.

    In order of run, agent and position; of a rollout outside the window each agent's first row.
    """

    def __init__(self, parts: list[_Part], agent: NDArray[np.int32]) -> None:
        self.parts = parts
        of_part = np.repeat(np.arange(len(parts)), [part.place.rows for part in parts])
        begin = np.flatnonzero(np.diff(of_part, prepend=-1).astype(bool) | np.diff(agent, prepend=-1).astype(bool))
        part = of_part[begin]
        run = np.unique([part.facts.run_id for part in parts], return_inverse=True)[1]
        position = np.array([part.facts.position for part in parts])
        whole = np.array([part.facts.in_window for part in parts])
        order = np.lexsort((position[part], agent[begin], run[part]))
        self.begin, self.part = begin[order], part[order]
        """In the files' rows, and among the parts."""
        self.agent = agent[self.begin]
        self.length = np.where(whole[self.part], np.diff(begin, append=len(agent))[order], 1)
        self.end = np.cumsum(self.length)
        """In the ordered rows."""

    def rows(self) -> NDArray[np.int64]:
        """Of each ordered row its number among the files' rows."""
        moved: NDArray[np.int64] = np.repeat(self.begin + self.length - self.end, self.length)
        return np.arange(len(moved)) + moved

    def noise(self, step: NDArray[np.int32]) -> NDArray[np.float64]:
        """The noise factor of every ordered row: that of the last segment which began at or before its step, or NaN."""
        factor = np.full(len(step), np.nan)
        place = {(part, agent): s for s, (part, agent) in enumerate(zip(self.part, self.agent, strict=True))}
        for number, part in enumerate(self.parts):
            for agent, first_step, scale in sorted(part.facts.noise):
                if (s := place.get((number, agent))) is not None:
                    rows = slice(self.end[s] - self.length[s], self.end[s])
                    factor[rows][step[rows] >= first_step] = scale
        return factor
