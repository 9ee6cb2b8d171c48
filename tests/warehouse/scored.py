"""Rollout files with reward terms, for the tests of re-scoring; their rewards can be checked in the head."""

from pathlib import Path
from typing import Any

from flows.landing import bring_in
from flows.reporter import Reporter
from tests.warehouse.rollouts import experience, write
from warehouse.lake import Lake

SPEED, CRASH = 2.0, -3.0


def terms(number: int, **changes: float) -> dict[str, float]:
    """Speed counts up; the last of ten rows crashes."""
    return {"speed": SPEED * number, "collision": CRASH if number % 10 == 9 else 0.0, **changes}


def rows(count: int = 10, **fields: Any) -> list[dict[str, Any]]:
    """One car; experience `number` has the terms of its number, and their sum as its reward. None: no such field."""
    made = []
    for number in range(count):
        found = fields.get("reward_terms", terms(number))
        reward = sum(found.values()) if found else 1.0
        row = {"reward_terms": found, "reward": reward, "done": number % 10 == 9} | fields
        made.append(experience(number, 0, **{name: value for name, value in row.items() if value is not None}))
    return made


def fill(lake: Lake, folder: Path, *files: list[dict[str, Any]]) -> Lake:
    """The lake after these files came in, one rollout each."""
    for index, experiences in enumerate(files):
        write(folder, index, experiences)
    came = bring_in(lake, [folder], Reporter())
    assert not came.rejected, (came.rejected_files, came.rejected_rows)
    return lake
