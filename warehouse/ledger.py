"""The ledger of rollouts: what is in the lake, told in one transaction.

Arrives: written partitions, rejects and sightings of one batch. Leaves: a commit, or the rollouts that another process
had brought in meanwhile (then nothing was written and the batch is tried again without them).
"""

import datetime
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from warehouse import tables as t
from warehouse.catalog import Catalog, now
from warehouse.partition import Partition
from warehouse.run_inference import Named, infer_runs

_CHUNK = 500


@dataclass
class Batch:
    """What one transaction brings; `rollouts` and the others are rows of their tables, less what the ledger gives."""

    partitions: list[Partition] = field(default_factory=list)
    rollouts: dict[str, dict[str, Any]] = field(default_factory=dict)  # by rollout_id
    rejects: list[dict[str, Any]] = field(default_factory=list)
    sightings: list[dict[str, Any]] = field(default_factory=list)
    supersedes: dict[str, str] = field(default_factory=dict)  # old rollout_id -> the mended one


def labels(catalog: Catalog, wanted: Mapping[str, str]) -> dict[str, str]:
    """The label of each source folder; `wanted` is what each would like to be called.

    The labels depend on what was wanted at any time, not on who came first: a folder bears its shortest one, and of
    folders that want the same the first by path has it bare. Runs of a folder whose label changes are named again. A
    folder takes part once it owns a rollout; until then its answer is provisional.
    """
    with catalog.begin() as connection:
        catalog.lock(connection, "ledger")
        known = _known_labels(connection)
        given = _give_labels(catalog, connection, {source: wanted[source] for source in wanted if source in known})
        all_labels = _spread(given, wanted)
    return {source: all_labels[source] for source in wanted}


def _known_labels(connection: Connection) -> dict[str, str]:
    return dict(connection.execute(sa.select(t.sources.c.source, t.sources.c.label)).tuples().all())


def _give_labels(catalog: Catalog, connection: Connection, wanted: Mapping[str, str]) -> dict[str, str]:
    """Store the labels with these sources among them; returns all."""
    known = _known_labels(connection)
    given = _spread(known, wanted)
    changed = [{"source": source, "label": label} for source, label in given.items() if known.get(source) != label]
    if changed:
        old = [row["source"] for row in changed if row["source"] in known]
        connection.execute(t.sources.delete().where(t.sources.c.source.in_(old)))
        connection.execute(t.sources.insert(), changed)
        for source in old:
            _number(connection, _infer(catalog, connection, source))
    return given


def _spread(known: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    bare = {source: label.removesuffix(_mark(source)) for source, label in known.items()}
    for source, label in wanted.items():
        plain = label.removesuffix(_mark(source))
        bare[source] = min(plain, bare.get(source, plain), key=lambda text: (len(text), text))
    given, taken = dict[str, str](), set[str]()
    for source, label in sorted(bare.items()):
        given[source] = label + _mark(source) if label in taken else label
        taken.add(given[source])
    return given


def _mark(source: str) -> str:
    return f"~{hashlib.sha256(source.encode()).hexdigest()[:8]}"


def known_rollouts(catalog: Catalog) -> dict[str, str]:
    """File names by rollout_id, of everything in the lake."""
    with catalog.read() as connection:
        return dict(connection.execute(sa.select(t.rollouts.c.rollout_id, t.rollouts.c.file_name)).tuples().all())


def known_rejects(catalog: Catalog) -> dict[str, str]:
    """Reasons by content id, of files that were rejected whole and are not resolved."""
    query = sa.select(t.rejects.c.content_id, t.rejects.c.reason).where(
        t.rejects.c.row_index == -1, t.rejects.c.resolved_by.is_(None)
    )
    with catalog.read() as connection:
        return dict(connection.execute(query).tuples().all())


def sighted(catalog: Catalog, paths: Sequence[str]) -> dict[str, tuple[int, int, str, str]]:
    """What is known of these files: path -> (bytes, mtime_ns, content id, verdict)."""
    s = t.sightings.c
    some = s.path.in_(sa.text("select key from json_each(:paths)"))  # ten thousand of them are one parameter
    query = sa.select(s.path, s.bytes, s.mtime_ns, s.content_id, s.verdict).where(some)
    with catalog.read() as connection:
        rows = connection.execute(query, {"paths": json.dumps(dict.fromkeys(paths))})
        return {path: (size, mtime, content, verdict) for path, size, mtime, content, verdict in rows}


def commit(catalog: Catalog, batch: Batch) -> set[str]:
    """Write one batch in one transaction, unless some of its rollouts are in the lake already: then return those."""
    with catalog.begin() as connection:
        catalog.lock(connection, "ledger")
        raced = _present(connection, batch.rollouts)
        if raced:
            return raced
        _insert_partitions(catalog, connection, batch.partitions)
        if batch.rollouts:
            _insert_rollouts(catalog, connection, batch)
        catalog.insert_new(connection, t.rejects, batch.rejects)
        catalog.upsert(connection, t.sightings, [{**row, "seen_at": now()} for row in batch.sightings])
    return set()


def _present(connection: Connection, rollout_ids: Iterable[str]) -> set[str]:
    wanted = list(rollout_ids)
    found: set[str] = set()
    for start in range(0, len(wanted), _CHUNK):
        some = wanted[start : start + _CHUNK]
        found.update(connection.scalars(sa.select(t.rollouts.c.rollout_id).where(t.rollouts.c.rollout_id.in_(some))))
    return found


def _insert_partitions(catalog: Catalog, connection: Connection, partitions: Sequence[Partition]) -> None:
    spaces = {p.space.space_id: p.space for p in partitions}
    catalog.insert_new(
        connection,
        t.spaces,
        [{"space_id": key, "definition": space.model_dump(mode="json")} for key, space in spaces.items()],
    )
    rows = [
        {
            "partition_id": p.partition_id,
            "path": p.path,
            "bytes": p.bytes,
            "rows": p.rows,
            "space_id": p.space.space_id,
            "terms": list(p.terms),
            "created_at": now(),
        }
        for p in partitions
    ]
    if rows:
        connection.execute(t.partitions.insert(), rows)


def _insert_rollouts(catalog: Catalog, connection: Connection, batch: Batch) -> None:
    moment = _later(connection)
    given = _give_labels(catalog, connection, {row["source"]: row["label"] for row in batch.rollouts.values()})
    provisional = {
        (row["explicit_run"] or given[row["source"]], row["explicit_run"] is not None): row
        for row in batch.rollouts.values()
    }
    for (run_id, explicit), row in provisional.items():
        _insert_run(catalog, connection, run_id, row["source"], explicit=explicit)
    members = {m.rollout_id: (p, m) for p in batch.partitions for m in p.members}
    rows = []
    for rollout_id, row in batch.rollouts.items():
        partition, member = members[rollout_id]
        rows.append(
            {
                **{key: value for key, value in row.items() if key != "label"},
                "rollout_id": rollout_id,
                "run_id": row["explicit_run"] or given[row["source"]],
                "position": 0,
                "partition_id": partition.partition_id,
                "first_row": member.first_row,
                "rows": member.rows,
                "rows_sha256": member.rows_sha256,
                "space_id": partition.space.space_id,
                "ingested_at": moment,
            }
        )
    connection.execute(t.rollouts.insert(), rows)
    j = t.rejects.c
    for old, new in batch.supersedes.items():
        replaced = sa.or_(t.rollouts.c.rollout_id == old, t.rollouts.c.superseded_by == old)
        connection.execute(t.rollouts.update().where(replaced).values(superseded_by=new))
        _resolve(connection, j.content_id == sa.bindparam("old"), [{"old": old, "rollout": new}])
    same = sa.or_(j.file_path == sa.bindparam("path"), j.content_id == sa.bindparam("rollout"))
    came = [{"path": row["file_path"], "rollout": row["rollout_id"]} for row in rows]
    _resolve(connection, sa.and_(same, j.row_index == -1), came)
    touched = {row["run_id"] for row in rows}
    sources = {row["source"] for row in rows if row["explicit_run"] is None}
    for source in sources | _displaced(connection, {run_id for run_id, explicit in provisional if explicit}):
        touched |= _infer(catalog, connection, source)
    _number(connection, touched)


def _later(connection: Connection) -> datetime.datetime:
    """Now, but after everything that came in before: a clock that was set back makes no rollout older than it is."""
    last = connection.scalar(sa.select(sa.func.max(t.rollouts.c.ingested_at)))
    return now() if last is None else max(now(), last + datetime.timedelta(microseconds=1))


def _resolve(connection: Connection, which: sa.ColumnElement[bool], rollouts: Sequence[Mapping[str, str]]) -> None:
    """Rejects are settled by the `rollout` of each entry."""
    unresolved = t.rejects.update().where(which, t.rejects.c.resolved_by.is_(None))
    connection.execute(unresolved.values(resolved_by=sa.bindparam("rollout")), rollouts)


def _insert_run(catalog: Catalog, connection: Connection, run_id: str, source: str, *, explicit: bool) -> None:
    row = {"run_id": run_id, "source": "" if explicit else source, "explicit": explicit, "created_at": now()}
    catalog.insert_new(connection, t.runs, [row])


def _displaced(connection: Connection, named: set[str]) -> set[str]:
    """Sources whose inferred run bears a name that files now claim outright; their runs are inferred again."""
    clash = sa.and_(t.runs.c.run_id.in_(named), t.runs.c.explicit.is_(False))
    sources = set(connection.scalars(sa.select(t.runs.c.source).where(clash)))
    connection.execute(t.runs.update().where(clash).values(explicit=True, source=""))
    return sources


def _infer(catalog: Catalog, connection: Connection, source: str) -> set[str]:
    """Give every rollout of a folder its inferred run again; returns the runs that changed."""
    r = t.rollouts.c
    label = connection.scalars(sa.select(t.sources.c.label).where(t.sources.c.source == source)).one()
    claimed = set(connection.scalars(sa.select(t.runs.c.run_id).where(t.runs.c.explicit.is_(True))))
    rows = connection.execute(
        sa.select(r.rollout_id, r.run_id, r.rollout_index, r.written_at).where(
            r.source == source, r.explicit_run.is_(None), r.superseded_by.is_(None)
        )
    ).tuples()
    known, named = dict[str, str](), list[Named]()
    for rollout_id, run_id, index, written_at in rows:
        known[rollout_id] = run_id
        named.append(Named(rollout_id, index, written_at))
    runs = infer_runs(label, named, claimed)
    changed = [rollout_id for rollout_id, run_id in runs.items() if run_id != known[rollout_id]]
    for run_id in {runs[rollout_id] for rollout_id in changed}:
        _insert_run(catalog, connection, run_id, source, explicit=False)
    if changed:
        statement = t.rollouts.update().where(r.rollout_id == sa.bindparam("rollout"))
        connection.execute(
            statement.values(run_id=sa.bindparam("run")),
            [{"rollout": rollout_id, "run": runs[rollout_id]} for rollout_id in changed],
        )
    return {known[rollout_id] for rollout_id in changed} | {runs[rollout_id] for rollout_id in changed}


def _number(connection: Connection, runs: Collection[str]) -> None:
    """Positions within each run: by index, then time, then content."""
    r = t.rollouts.c
    statement = t.rollouts.update().where(r.rollout_id == sa.bindparam("rollout"))
    for run_id in runs:
        rows = connection.execute(
            sa.select(r.rollout_id, r.position)
            .where(r.run_id == run_id, r.superseded_by.is_(None))
            .order_by(r.rollout_index.is_(None), r.rollout_index, r.written_at.is_not(None), r.written_at, r.rollout_id)
        ).all()
        moved = [{"rollout": row.rollout_id, "at": at} for at, row in enumerate(rows) if row.position != at]
        if moved:
            connection.execute(statement.values(position=sa.bindparam("at")), moved)
        _move_superseded(connection, run_id)
    for run_id in runs:
        if not connection.scalar(sa.select(sa.exists().where(r.run_id == run_id))):
            connection.execute(t.runs.delete().where(t.runs.c.run_id == run_id))


def _move_superseded(connection: Connection, run_id: str) -> None:
    """A mended file's predecessors stand where it stands, for the windows that still hold them."""
    r, heir = t.rollouts.c, t.rollouts.alias("heir")
    place = sa.select(heir.c.position).where(heir.c.rollout_id == r.superseded_by).scalar_subquery()
    heirs = sa.select(heir.c.rollout_id).where(heir.c.run_id == run_id)
    old = t.rollouts.update().where(r.superseded_by.in_(heirs))
    connection.execute(old.values(run_id=run_id, position=place))
