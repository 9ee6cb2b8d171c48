"""Partitions and their ledger rows, written by hand: lakes for the tests of SQL, without the ingest.

A rollout is a list of rows `(agent_index, step, ending, gap)`; its reward is 1 per row, every feature is 0.5.
"""

import datetime
import hashlib
from typing import Any, NamedTuple

import polars as pl

from schemas.space import ENGINE_ACTIONS, Space
from warehouse import tables
from warehouse.lake import Lake

ENGINE = Space.of(15, list(ENGINE_ACTIONS))
WITH_LIDAR = Space.of(31, list(ENGINE_ACTIONS))
START = datetime.datetime(2026, 1, 1)


class Row(NamedTuple):
    """One experience."""

    agent: int
    step: int
    reward: float = 1.0
    terminated: bool = False
    truncated: bool = False
    gap_before: bool = False
    gap_after: bool = False


def rollout_id(run: str, index: int) -> str:
    return hashlib.sha256(f"{run} {index}".encode()).hexdigest()


def add_rollout(
    lake: Lake,
    run: str,
    index: int | None,
    rows: list[Row],
    *,
    position: int | None = None,
    space: Space = ENGINE,
    terms: dict[str, float] | None = None,
    folder: str | None = None,
    features: dict[str, Any] | None = None,
    version: int | None = None,
    noise: list[list[float]] | None = None,
    **ledger: Any,
) -> str:
    """Write one rollout as one partition; returns its id."""
    position = (index or 0) if position is None else position
    identity = rollout_id(run, position)
    count = len(rows)
    columns = dict.fromkeys([*space.observation_columns, *space.action_columns], 0.5) | (features or {})
    frame = pl.DataFrame(
        {
            "rollout_id": [identity] * count,
            "row_index": pl.Series(range(count), dtype=pl.Int32),
            "agent_index": pl.Series([row.agent for row in rows], dtype=pl.Int32),
            "step": pl.Series([row.step for row in rows], dtype=pl.Int32),
            **{name: _floats(value, count) for name, value in columns.items()},
            "reward": _floats([row.reward for row in rows], count),
            "terminated": [row.terminated for row in rows],
            "truncated": [row.truncated for row in rows],
            "log_prob": _floats(-1.0, count),
            "value": _floats(2.0, count),
            "next_value": _floats(None, count),
            "engine_advantage": _floats(0.0, count),
            "engine_return": _floats(0.0, count),
            "gap_before": [row.gap_before for row in rows],
            "gap_after": [row.gap_after for row in rows],
            **{f"term_{name}": _floats(value, count) for name, value in (terms or {}).items()},
        }
    )
    path = lake.paths.partition(folder or run, identity)
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)
    with lake.catalog.begin() as connection:
        put = lake.catalog.insert_new
        put(connection, tables.spaces, [{"space_id": space.space_id, "definition": space.model_dump(mode="json")}])
        put(connection, tables.runs, [{"run_id": run, "source": "here", "explicit": True, "created_at": START}])
        part = {
            "partition_id": identity,
            "path": lake.paths.relative(path),
            "bytes": path.stat().st_size,
            "rows": count,
        }
        put(
            connection,
            tables.partitions,
            [part | {"space_id": space.space_id, "terms": list(terms or {}), "created_at": START}],
        )
        entry = {
            "rollout_id": identity, "run_id": run, "position": position, "partition_id": identity, "first_row": 0,
            "rows": count, "rows_sha256": identity, "file_name": f"rollout_{index}_20250101_000000.json",
            "file_path": "/exports", "source": "here", "rollout_index": index, "written_at": START,
            "space_id": space.space_id, "agents": len({row.agent for row in rows}), "rows_in_file": count,
            "rejected_rows": 0, "warnings": [], "ingested_at": START + datetime.timedelta(minutes=position),
        }  # fmt: skip
        put(connection, tables.rollouts, [entry | ledger])
        if noise is not None or version is not None:
            found = {
                "rollout_id": identity,
                "version": version,
                "verdict": "author",
                "message": "",
                "noise": noise or [],
            }
            put(connection, tables.attributions, [found | {"tried_through": version or 0, "attributed_at": START}])
    return identity


def add_model(
    lake: Lake, version: int, *rollouts: str, parent: int | None = None, aliases: tuple[str, ...] = ()
) -> None:
    """A model trained on whole rollouts of 4 rows each; without rollouts it counts as imported."""
    window = hashlib.sha256(f"window {version}".encode()).hexdigest() if rollouts else None
    with lake.catalog.begin() as connection:
        put = lake.catalog.insert_new
        put(connection, tables.spaces, [{"space_id": ENGINE.space_id, "definition": ENGINE.model_dump(mode="json")}])
        if window:
            made = {"window_id": window, "request": {}, "sql": "", "rows": 4 * len(rollouts), "rows_sha256": window}
            put(connection, tables.windows, [made | {"created_at": START}])
            members = [
                {
                    "window_id": window,
                    "ordinal": ordinal,
                    "rollout_id": name,
                    "partition_id": name,
                    "first_row": 0,
                    "rows": 4,
                }
                for ordinal, name in enumerate(rollouts)
            ]
            put(connection, tables.window_rollouts, members)
        model = {
            "version": version, "parent": parent, "start": "warm", "window_id": window, "config": {},
            "space_id": ENGINE.space_id, "fingerprint": str(version), "folder": "", "manifest_sha256": "",
            "created_at": START,
        }  # fmt: skip
        put(connection, tables.models, [model])
        put(connection, tables.aliases, [{"alias": alias, "version": version, "moved_at": START} for alias in aliases])


def _floats(value: Any, count: int) -> pl.Series:
    return pl.Series(value if isinstance(value, list) else [value] * count, dtype=pl.Float32)
