"""Windows: a request becomes a manifest that names its rows for good.

Arrives: a `Window`. Leaves: a `WindowManifest`, stored in the catalog with everything that finds its rows again.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.errors import NotRegistered, QueryRejected, WindowEmpty
from schemas.space import Space
from schemas.window import Window, WindowManifest, WindowRollout
from warehouse import query
from warehouse import tables as t
from warehouse.catalog import now
from warehouse.fingerprint import combined
from warehouse.lake import Lake
from warehouse.sql_header import SqlFile

_SELECT = SqlFile.read(Path(__file__).parent / "sql" / "internal" / "window.sql").statement
_QUERY = sa.text(_SELECT).bindparams(sa.bindparam("since", type_=sa.DateTime), sa.bindparam("until", type_=sa.DateTime))
_SCORES = """
select last_rollout_id as rollout_id, avg("return") as score
from episodes
where ended in ('terminated', 'truncated') and ($run is null or run_id = $run)
group by last_rollout_id
"""


def select(lake: Lake, window: Window) -> WindowManifest:
    """Choose the rollouts that the request asks for and write the choice down.

    Raises:
        WindowEmpty: nothing fits, or fewer rows than `min_rows`; the text says what there is.
        QueryRejected: the window's own SQL is refused, or its answer has no `rollout_id`.
    """
    parameters = _parameters(lake, window)
    listed = {name: json.dumps(parameters[name]) for name in ("chosen", "scores")}
    with lake.catalog.read() as connection:
        chosen = connection.execute(_QUERY, parameters | listed).all()
        space = _space(connection, chosen[0].space_id) if chosen else None
    members = [_member(row) for row in sorted(chosen, key=lambda row: (row.run_id, row.position))]
    rows = sum(member.rows for member in members)
    if space is None or rows < window.min_rows:
        raise WindowEmpty(_too_small(lake, window, len(members), rows))
    narrowed = []
    others = chosen[0].fitting - chosen[0].fitting_space
    if others and window.space is None:
        narrowed.append(f"{others} fitting rollouts have other observations or actions and were left out")
    places = [[m.rollout_id, m.partition_sha256, m.first_row, m.rows, m.rows_sha256] for m in members]
    manifest = WindowManifest(
        window_id=hashlib.sha256(json.dumps(places).encode()).hexdigest(),
        request=window,
        sql=f"{_SELECT}\n-- bound to: {json.dumps(_shown(parameters), default=str)}",
        space=space,
        rollouts=tuple(members),
        rows=rows,
        rows_sha256=combined([member.rows_sha256 for member in members]),
        narrowed=tuple(narrowed),
    )
    _store(lake, manifest)
    return manifest


def stored(lake: Lake, window_id: str) -> WindowManifest:
    """A window that was selected before, by its id or the beginning of it.

    Raises:
        NotRegistered: no window, or more than one, begins so.
    """
    w, wr, p, r = t.windows.c, t.window_rollouts.c, t.partitions.c, t.rollouts.c
    with lake.catalog.read() as connection:
        found = connection.execute(sa.select(t.windows).where(w.window_id.startswith(window_id, autoescape=True))).all()
        if len(found) != 1:
            raise NotRegistered(
                f"{len(found)} windows begin with {window_id!r}, wanted one; see: pitwall sql 'from windows'"
            )
        head = found[0]
        members = connection.execute(
            sa.select(wr.rollout_id, r.run_id, p.partition_id, p.path, wr.first_row, wr.rows, r.rows_sha256, p.space_id)
            .select_from(t.window_rollouts)
            .join(t.partitions, wr.partition_id == p.partition_id)
            .join(t.rollouts, wr.rollout_id == r.rollout_id)
            .where(wr.window_id == head.window_id)
            .order_by(wr.ordinal)
        ).all()
        space = _space(connection, members[0].space_id)
    return WindowManifest(
        window_id=head.window_id,
        request=Window.model_validate(head.request),
        sql=head.sql,
        space=space,
        rollouts=tuple(_member(row) for row in members),
        rows=head.rows,
        rows_sha256=head.rows_sha256,
    )


def _parameters(lake: Lake, window: Window) -> dict[str, Any]:
    chosen: list[str] = []
    if window.sql is not None:
        answer = query.run(lake, window.sql)
        if "rollout_id" not in answer.column_names:
            raise QueryRejected(f"the window's SQL answers {answer.column_names}, wanted a column rollout_id")
        chosen = [rollout for rollout in answer["rollout_id"].to_pylist() if rollout is not None]
    scores: dict[str, float] = {}
    if window.best is not None:
        scored = query.run(lake, _SCORES, {"run": window.run})
        scores = dict(zip(scored["rollout_id"].to_pylist(), scored["score"].to_pylist(), strict=True))
    return {
        "run": window.run,
        "runs_of": window.runs_of,
        "space": window.space,
        "since": window.since,
        "until": window.until,
        "max_age": window.max_age,
        "refuted": window.refuted,
        "choose": window.sql is not None,
        "chosen": dict.fromkeys(sorted(set(chosen))),
        "newest": window.newest,
        "best": window.best,
        "scores": scores,
        "max_rows": window.max_rows,
    }


def _shown(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value not in (None, {}, False)}


def _member(row: Any) -> WindowRollout:  # noqa: ANN401 - a row of the catalog
    return WindowRollout(
        rollout_id=row.rollout_id,
        run_id=row.run_id,
        partition_sha256=row.partition_id,
        path=row.path,
        first_row=row.first_row,
        rows=row.rows,
        rows_sha256=row.rows_sha256,
    )


def _space(connection: Connection, space_id: str) -> Space:
    query = sa.select(t.spaces.c.definition).where(t.spaces.c.space_id == space_id)
    return Space.model_validate(connection.scalars(query).one())


def _too_small(lake: Lake, window: Window, rollouts: int, rows: int) -> str:
    with lake.catalog.read() as connection:
        total = connection.scalar(sa.select(sa.func.count()).select_from(t.rollouts))
    asked = window.model_dump_json(exclude_defaults=True)
    return (
        f"the window {asked} selects {rollouts} rollouts with {rows} rows of the {total} rollouts in the lake, "
        f"wanted at least {window.min_rows} rows. Bring in more (pitwall ingest FOLDER) or ask for less; "
        "see: pitwall sql 'from rollouts'"
    )


def _store(lake: Lake, manifest: WindowManifest) -> None:
    with lake.catalog.begin() as connection:
        head = {
            "window_id": manifest.window_id,
            "request": manifest.request.model_dump(mode="json"),
            "sql": manifest.sql,
            "rows": manifest.rows,
            "rows_sha256": manifest.rows_sha256,
            "created_at": now(),
        }
        if not lake.catalog.insert_new(connection, t.windows, [head]):
            again = t.windows.update().where(t.windows.c.window_id == manifest.window_id)
            connection.execute(again.values(used_at=head["created_at"]))
            return
        connection.execute(
            t.window_rollouts.insert(),
            [
                {
                    "window_id": manifest.window_id,
                    "ordinal": ordinal,
                    "rollout_id": member.rollout_id,
                    "partition_id": member.partition_sha256,
                    "first_row": member.first_row,
                    "rows": member.rows,
                }
                for ordinal, member in enumerate(manifest.rollouts)
            ],
        )
