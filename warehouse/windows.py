"""Windows: a request becomes a manifest that names its rows for good.

Arrives: a `Window`. Leaves: a `WindowManifest`, stored in the catalog with everything that finds its rows again.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.errors import NotRegistered, QueryRejected, WindowEmpty
from schemas.reward import Reward
from schemas.space import Space
from schemas.window import Window, WindowManifest, WindowRollout
from warehouse import query, rewards, scorable
from warehouse import tables as t
from warehouse.catalog import now
from warehouse.fingerprint import combined
from warehouse.lake import Lake
from warehouse.sql_header import SqlFile

_SELECT = SqlFile.read(Path(__file__).parent / "sql" / "internal" / "window.sql").statement
_QUERY = sa.text(_SELECT).bindparams(sa.bindparam("since", type_=sa.DateTime), sa.bindparam("until", type_=sa.DateTime))
_CHUNK = 500
_SCORES = """
select last_rollout_id as rollout_id, avg("return") as score
from episodes
where ended in ('terminated', 'truncated') and ($run is null or run_id = $run)
group by last_rollout_id
"""


def select(lake: Lake, window: Window) -> WindowManifest:
    """Choose the rollouts that the request asks for and write the choice down; raises as `choose`."""
    manifest = choose(lake, window)
    _store(lake, manifest)
    return manifest


def choose(lake: Lake, window: Window) -> WindowManifest:
    """The rollouts that the request asks for, today; nothing is written down.

    Raises:
        NotRegistered: no reward has the name that the request gives.
        RewardRejected: the reward gives no finite number for a row.
        WindowEmpty: nothing fits, or fewer rows than `min_rows`; the text says what there is.
        QueryRejected: the window's own SQL is refused, or its answer has no `rollout_id`.
        NotRegistered: a rollout that the request names is not there.
    """
    reward = None if window.reward is None else rewards.get(lake, window.reward)
    parameters = _parameters(lake, window, reward)
    while True:
        listed = {name: json.dumps(parameters[name]) for name in ("chosen", "scores", "layouts", "bare")}
        with lake.catalog.read() as connection:
            chosen = connection.execute(_QUERY, parameters | listed).all()
            space = _space(connection, chosen[0].space_id) if chosen else None
        members = [_member(row) for row in sorted(chosen, key=lambda row: (row.run_id, row.position))]
        if reward is None or not (bare := scorable.bare(lake, members, reward)):
            break
        parameters["bare"] |= dict.fromkeys(bare)
    rows = sum(member.rows for member in members)
    if space is None or rows < window.min_rows:
        raise WindowEmpty(_too_small(lake, window, len(members), rows, reward))
    narrowed = []
    if chosen[0].not_scored:
        narrowed.append(
            f"{chosen[0].not_scored} fitting rollouts lack what the reward {window.reward!r} reads, or have terms that "
            f"it does not name, and were left out; see: pitwall rescore --show {window.reward}"
        )
    others = chosen[0].fitting - chosen[0].fitting_space
    if others and window.space is None:
        narrowed.append(f"{others} fitting rollouts have other observations or actions and were left out")
    return WindowManifest(
        window_id=_identity(members, reward),
        request=window,
        sql=f"{_SELECT}\n-- bound to: {json.dumps(_shown(parameters), default=str)}",
        space=space,
        rollouts=tuple(members),
        rows=rows,
        rows_sha256=combined([member.rows_sha256 for member in members]),
        reward=reward,
        narrowed=tuple(narrowed),
    )


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
        reward = rewards.load(connection, head)
    return WindowManifest(
        window_id=head.window_id,
        request=Window.model_validate(head.request),
        sql=head.sql,
        space=space,
        rollouts=tuple(_member(row) for row in members),
        rows=head.rows,
        rows_sha256=head.rows_sha256,
        reward=reward,
    )


def _identity(members: list[WindowRollout], reward: Reward | None) -> str:
    places = [[m.rollout_id, m.partition_sha256, m.first_row, m.rows, m.rows_sha256] for m in members]
    scored = [] if reward is None else [[reward.name, reward.reward_id]]
    return hashlib.sha256(json.dumps(places + scored).encode()).hexdigest()


def _parameters(lake: Lake, window: Window, reward: Reward | None) -> dict[str, Any]:
    chosen = None if window.rollouts is None else _present(lake, window.rollouts)
    if window.sql is not None:
        answer = query.run(lake, window.sql)
        if "rollout_id" not in answer.column_names:
            raise QueryRejected(f"the window's SQL answers {answer.column_names}, wanted a column rollout_id")
        found = set(answer["rollout_id"].to_pylist()) - {None}
        chosen = found if chosen is None else chosen & found
    scores: dict[str, float] = {}
    if window.best is not None:
        scored = query.run(lake, _SCORES, {"run": window.run}, reward)
        scores = dict(zip(scored["rollout_id"].to_pylist(), scored["score"].to_pylist(), strict=True))
    return {
        "run": window.run,
        "space": window.space,
        "since": window.since,
        "until": window.until,
        "max_age": window.max_age,
        "refuted": window.refuted,
        "choose": chosen is not None,
        "chosen": dict.fromkeys(sorted(chosen or ())),
        "rewarded": reward is not None,
        "layouts": {} if reward is None else dict.fromkeys(scorable.layouts(lake, reward)),
        "bare": {},
        "newest": window.newest,
        "best": window.best,
        "scores": scores,
        "max_rows": window.max_rows,
    }


def _present(lake: Lake, rollout_ids: Sequence[str]) -> set[str]:
    """These ids, none of which may be missing."""
    r, wanted = t.rollouts.c, list(dict.fromkeys(rollout_ids))
    found: set[str] = set()
    with lake.catalog.read() as connection:
        for start in range(0, len(wanted), _CHUNK):
            some = r.rollout_id.in_(wanted[start : start + _CHUNK])
            live = r.superseded_by.is_(None), r.dropped_at.is_(None)
            found.update(connection.scalars(sa.select(r.rollout_id).where(some, *live)))
    for rollout_id in wanted:
        if rollout_id not in found:
            raise NotRegistered(
                f"no rollout {rollout_id!r} in the lake, or a mended file took its place, or retention dropped it. "
                "See: pitwall sql 'from rollouts'"
            )
    return found


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


def _too_small(lake: Lake, window: Window, rollouts: int, rows: int, reward: Reward | None) -> str:
    with lake.catalog.read() as connection:
        total = connection.scalar(sa.select(sa.func.count()).select_from(t.rollouts))
    asked = window.model_dump_json(exclude_defaults=True)
    return (
        f"the window {asked} selects {rollouts} rollouts with {rows} rows of the {total} rollouts in the lake, "
        f"wanted at least {window.min_rows} rows. "
        + ("" if reward is None else f"Only rollouts with {', '.join(reward.columns)} can be scored. ")
        + "Bring in more (pitwall ingest FOLDER) or ask for less; see: pitwall sql 'from rollouts'"
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
            "reward_id": None if manifest.reward is None else manifest.reward.reward_id,
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
