"""The account of a version, from file to gradient: every row of its window's files, and what became of it.

Arrives: a number or an alias. Leaves: an `Account`. Its figures come from places that know nothing of each other (the
ledger, the rejects, the partitions, the window, what the training said, what the learner counted), and where two of
them disagree `wrong` says so.
"""

import datetime
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from schemas.role import AFTER_WINDOW, RoleRows
from schemas.window import WindowManifest
from warehouse import registry, windows
from warehouse import tables as t
from warehouse.lake import Lake
from warehouse.model import Model
from warehouse.partition import read_ranges

_CHUNK = 500
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


@dataclass(kw_only=True)
class Account:
    """Rows of a version's window, step by step. Dicts hold rows by reason."""

    version: int
    start: str
    window_id: str | None = None
    files: int = 0
    in_files: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    """Reasons with # for every number."""
    in_lake: int = 0
    in_window: int = 0
    recorded: bool = True
    """False: an earlier release trained it and kept counts alone, no roles of rows."""
    left_out: dict[str, int] = field(default_factory=dict)
    bootstrap: dict[str, int] = field(default_factory=dict)
    gated: dict[str, int] = field(default_factory=dict)
    trained: int = 0
    in_gradient: float | None = None
    """Rows of which gradients were taken in each epoch, as the learner counted them; None: it did not."""
    after_window: int = 0
    """Rows right after the window that served as bootstrap; none of the above."""
    rejected_files: list[str] = field(default_factory=list)
    """Files of the same folders that were turned away whole when the version was made: nobody can count their rows, so
    they are none of the above."""
    wrong: list[str] = field(default_factory=list)
    """What does not agree."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def account(lake: Lake, version: int | str) -> Account:
    """Count the rows of a version's window from its files to the gradient.

    Raises:
        NotRegistered: no such version.
        LakeDamaged: a partition of the window is gone, or is not the file that was committed.
    """
    model = registry.get(lake, version)
    told = Account(version=model.version, start=model.start, window_id=model.window_id)
    if model.window_id is None:
        return told
    window = windows.stored(lake, model.window_id)
    roles = rows_of(lake, model.version)
    told.files, told.recorded = len(window.rollouts), bool(roles)
    _from_files(lake, window, roles, told)
    _to_gradient(model, roles, told)
    _balance(window, told)
    told.rejected_files = _rejected_files(lake, [member.rollout_id for member in window.rollouts], model.created_at)
    return told


def rows_of(lake: Lake, version: int) -> list[RoleRows]:
    """What a training made of its rows; empty where an earlier release trained, or nobody did."""
    r = t.training_rows.c
    query = sa.select(r.rollout_id, r.role, r.reason, r.ranges).where(r.version == version)
    with lake.catalog.read() as connection:
        return [
            RoleRows(row.rollout_id, row.role, row.reason, [(first, last) for first, last in row.ranges])
            for row in connection.execute(query.order_by(r.rollout_id, r.role, r.reason))
        ]


def _from_files(lake: Lake, window: WindowManifest, roles: Sequence[RoleRows], told: Account) -> None:
    """File by file: its rows are the rejected ones and those in the lake, and each of these has one role."""
    ids = [member.rollout_id for member in window.rollouts]
    names, in_files = _ledger(lake, ids)
    rejects = _rejects(lake, ids)
    given = defaultdict[str, list[int]](list)
    for part in roles:
        if part.reason != AFTER_WINDOW:
            given[part.rollout_id] += _numbers(part)
    reasons: Counter[str] = Counter()
    for rollout_id, kept in _partitions(lake, window):
        out, rows, file = rejects[rollout_id], in_files[rollout_id], names[rollout_id]
        reasons.update(_NUMBER.sub("#", reason) for reason in out.values())
        told.in_files += rows
        told.in_lake += len(kept)
        if sorted([*out, *kept]) != list(range(rows)):
            told.wrong.append(
                f"{file}: {len(kept)} rows in the lake and {len(out)} rejected ones are not the {rows} of the file"
            )
        if roles and sorted(given[rollout_id]) != sorted(kept):
            told.wrong.append(f"{file}: {len(given[rollout_id])} rows have a role, {len(kept)} lie in the lake")
    if strangers := given.keys() - set(ids):
        told.wrong.append(f"rows of {len(strangers)} rollouts have a role that are not in the window")
    told.rejected = dict(reasons.most_common())


def _to_gradient(model: Model, roles: Sequence[RoleRows], told: Account) -> None:
    told.in_gradient = model.metrics.get("rows_in_gradient")
    if not roles:
        counts = {
            name.removeprefix("counts."): int(n) for name, n in model.metrics.items() if name.startswith("counts.")
        }
        able, told.trained = counts.pop("trained", 0), int(model.metrics.get("rows_trained", 0))
        told.after_window = counts.pop(AFTER_WINDOW, 0)
        told.bootstrap = {"": rows} if (rows := counts.pop("bootstrap_only", 0)) else {}
        told.gated = {"": able - told.trained} if able > told.trained else {}
        told.left_out = counts
        return
    by_role = {"left_out": told.left_out, "bootstrap": told.bootstrap, "gated": told.gated}
    for part in roles:
        if part.reason == AFTER_WINDOW:
            told.after_window += part.rows
        elif part.role == "trained":
            told.trained += part.rows
        else:
            reasons = by_role[part.role]
            reasons[part.reason] = reasons.get(part.reason, 0) + part.rows
    if (said := model.metrics.get("rows_trained")) != told.trained:
        told.wrong.append(f"{told.trained} rows have the role trained, the learner kept {said}")


def _balance(window: WindowManifest, told: Account) -> None:
    told.in_window = window.rows
    steps: list[tuple[str, int, float]] = [
        ("rows of the files less the rejected ones", told.in_files - sum(told.rejected.values()), told.in_lake),
        ("rows in the lake", told.in_lake, told.in_window),
        (
            "rows of the window less those left out",
            told.in_window - sum(sum(reasons.values()) for reasons in (told.left_out, told.bootstrap, told.gated)),
            told.trained,
        ),
    ]
    if told.in_gradient is not None:
        steps.append(("rows trained on", told.trained, told.in_gradient))
    told.wrong += [f"{what} are {have:,}, the next step has {want:,}" for what, have, want in steps if have != want]


def _ledger(lake: Lake, ids: Sequence[str]) -> tuple[dict[str, str], dict[str, int]]:
    r = t.rollouts.c
    names, rows = dict[str, str](), dict[str, int]()
    with lake.catalog.read() as connection:
        for some in _chunks(ids):
            query = sa.select(r.rollout_id, r.file_name, r.rows_in_file).where(r.rollout_id.in_(some))
            for rollout_id, name, count in connection.execute(query):
                names[rollout_id], rows[rollout_id] = name, count
    return names, rows


def _rejects(lake: Lake, ids: Sequence[str]) -> defaultdict[str, dict[int, str]]:
    """Reasons by rollout and row."""
    r = t.rejects.c
    found = defaultdict[str, dict[int, str]](dict)
    with lake.catalog.read() as connection:
        for some in _chunks(ids):
            query = sa.select(r.content_id, r.row_index, r.reason).where(r.content_id.in_(some), r.row_index >= 0)
            for content_id, row_index, reason in connection.execute(query):
                found[content_id][row_index] = reason
    return found


def _rejected_files(lake: Lake, ids: Sequence[str], at: datetime.datetime) -> list[str]:
    """Paths in the folders of these rollouts that stood among the rejects as whole files at this time, in order."""
    r, j = t.rollouts.c, t.rejects.c
    with lake.catalog.read() as connection:
        folders = set[str]()
        for some in _chunks(ids):
            folders |= set(connection.scalars(sa.select(r.source).where(r.rollout_id.in_(some))))
        whole = (
            sa.select(j.file_path)
            .outerjoin(t.rollouts, r.rollout_id == j.resolved_by)
            .where(j.row_index == -1, j.rejected_at <= at, sa.or_(j.resolved_by.is_(None), r.ingested_at > at))
        )
        return sorted({path for path in connection.scalars(whole) if path.rpartition("/")[0] in folders})


def _partitions(lake: Lake, window: WindowManifest) -> Iterator[tuple[str, list[int]]]:
    """The row_index of every row of each rollout, as they lie in the files of the lake."""
    by_file = defaultdict[tuple[str, str], list[tuple[int, int, str]]](list)
    for member in window.rollouts:
        place = (member.first_row, member.rows, member.rollout_id)
        by_file[member.path, member.partition_sha256].append(place)
    for (path, sha256), places in by_file.items():
        places.sort()
        ranges = [(first, rows) for first, rows, _ in places]
        index = read_ranges(lake.paths, path, sha256, ranges)["row_index"].to_list()
        at = 0
        for _, rows, rollout_id in places:
            yield rollout_id, index[at : at + rows]
            at += rows


def _numbers(part: RoleRows) -> Iterator[int]:
    for first, last in part.ranges:
        yield from range(first, last + 1)


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
