"""Small rollout files as the engine spells them, and their rows read by json and numpy alone."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.ppo.contract import engine
from warehouse.lake import Lake
from warehouse.query import run

ACTIONS = ("steer", "throttle", "brake")


def experience(number: int, agent: int = 0, width: int = 15, **fields: Any) -> dict[str, Any]:
    """Experience `number`: its state counts up from it, its reward is a hundredth of it."""
    row = {
        "state": [number + place / 16 for place in range(width)],
        "action": {"steer": -0.5, "throttle": 0.25, "brake": 0.0},
        "reward": number / 100,
        "done": False,
        "log_prob": -1.5,
        "value": float(number),
        "advantage": 0,
        "return": 0,
        "agent_index": agent,
    }
    return row | fields


def rows(count: int = 8, agents: int = 2, start: int = 0, width: int = 15) -> list[dict[str, Any]]:
    """Agents take turns."""
    return [experience(start + number, number % agents, width) for number in range(count)]


def name(index: int, second: int | None = None) -> str:
    """The engine's file name, written so many seconds after 14:00."""
    second = index * 43 if second is None else second
    return f"rollout_{index}_20241225_14{second // 60:02d}{second % 60:02d}.json"


def write(folder: Path, index: int, experiences: list[dict[str, Any]] | None = None, **options: Any) -> Path:
    """One rollout; without experiences its rows are its own, by its index and second."""
    second = options.pop("second", index * 43)
    path = folder / options.pop("name", name(index, second))
    folder.mkdir(parents=True, exist_ok=True)
    timestamp = f"2024.12.25-14.{second // 60:02d}.{second % 60:02d}"
    experiences = rows(start=1000 * index + second) if experiences is None else experiences
    engine.write_rollout(path, experiences, timestamp=timestamp, **options)
    return path


def write_json(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def document(path: Path) -> dict[str, Any]:
    """The file as json reads it, in whatever spelling it has."""
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    encoding = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    text = raw.decode(next((codec for mark, codec in encoding.items() if raw.startswith(mark)), "utf-8"))
    return json.loads(text)


def bits(values: Any) -> list[int | None]:
    """Float32 bit patterns; None stays."""
    return [None if value is None else int(np.float32(value).view(np.uint32)) for value in values]


def sql(lake: Lake, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Rows of the answer as tuples."""
    table = run(lake, statement, parameters or None)
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def snapshot(lake: Lake) -> dict[str, Any]:
    """What may not depend on the way in which the files came."""
    from sqlalchemy import select

    from warehouse import tables as t

    r, j = t.rollouts.c, t.rejects.c
    with lake.catalog.read() as connection:
        rollouts = connection.execute(
            select(r.rollout_id, r.run_id, r.position, r.rows, r.rows_sha256, r.file_name, r.rejected_rows,
                   r.superseded_by.is_(None))
        ).all()  # fmt: skip
        rejected = connection.execute(select(j.content_id, j.file_path, j.row_index, j.reason, j.raw)).all()
        runs = connection.execute(select(t.runs.c.run_id, t.runs.c.explicit)).all()
    return {
        "rollouts": sorted(tuple(row) for row in rollouts),
        "rejects": sorted((tuple(row) for row in rejected), key=repr),
        "runs": sorted(tuple(row) for row in runs),
    }


def under(lake: Lake, **changes: Any) -> Lake:
    """The same lake under other settings."""
    return Lake(lake.settings.model_copy(update=changes), lake.paths, lake.catalog)
