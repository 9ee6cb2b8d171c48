"""Drafts, files and windows for the tests of the registry, small enough to check in the head."""

import hashlib
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from schemas.manifest import Draft, Golden
from schemas.space import ENGINE_ACTIONS, Space
from warehouse.catalog import now
from warehouse.lake import Lake
from warehouse.tables import partitions, rollouts, runs, spaces, window_rollouts, windows

SPACE = Space.of(15, list(ENGINE_ACTIONS))


def draft(name: str = "a", **changes: Any) -> Draft:
    """A draft whose weights are called `name`."""
    golden = Golden(observations=((0.5,) * 15,), means=((0.1, 0.2, 0.3),), values=(4.0,))
    fields = {"start": "warm", "space": SPACE, "fingerprint": sha256(name), "golden": golden}
    return Draft(**(fields | changes))


def files(version: int) -> Mapping[str, bytes]:
    """Files that say which version they are of."""
    return {"policy.engine.json": b'{"version": %d}' % version, "policy.onnx": b"onnx" * version}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def insert_window(lake: Lake, name: str, *numbers: int) -> str:
    """A window over rollouts of these numbers, each of 10 rows; returns its id."""
    with lake.catalog.begin() as connection:
        put = lake.catalog.insert_new
        put(connection, spaces, [{"space_id": SPACE.space_id, "definition": SPACE.model_dump(mode="json")}])
        put(connection, runs, [{"run_id": "run", "source": "", "explicit": True, "created_at": now()}])
        put(
            connection,
            partitions,
            [
                {
                    "partition_id": sha256("partition"),
                    "path": "experiences/part.parquet",
                    "bytes": 1,
                    "rows": 100,
                    "space_id": SPACE.space_id,
                    "terms": [],
                    "created_at": now(),
                }
            ],
        )
        for number in numbers:
            put(connection, rollouts, [_rollout(number)])
        window = {"window_id": sha256(name), "request": {}, "sql": "select rollout_id from rollouts"}
        totals = {"rows": 10 * len(numbers), "rows_sha256": sha256(f"rows of {name}"), "created_at": now()}
        connection.execute(sa.insert(windows).values(**window, **totals))
        for ordinal, number in enumerate(numbers):
            place = {"partition_id": sha256("partition"), "first_row": 10 * number, "rows": 10}
            row = {"window_id": sha256(name), "ordinal": ordinal, "rollout_id": sha256(f"rollout {number}"), **place}
            connection.execute(sa.insert(window_rollouts).values(**row))
    return sha256(name)


def _rollout(number: int) -> dict[str, Any]:
    return {
        "rollout_id": sha256(f"rollout {number}"),
        "run_id": "run",
        "position": number,
        "partition_id": sha256("partition"),
        "first_row": 10 * number,
        "rows": 10,
        "rows_sha256": sha256(f"rows {number}"),
        "file_name": f"rollout_{number}.json",
        "file_path": f"/exports/rollout_{number}.json",
        "source": "/exports",
        "space_id": SPACE.space_id,
        "agents": 1,
        "rows_in_file": 10,
        "rejected_rows": 0,
        "warnings": [],
        "ingested_at": now(),
    }
