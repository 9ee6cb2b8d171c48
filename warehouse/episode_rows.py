"""What one agent saw and did in one episode, every step of it.

Arrives: an episode, as a row of the question episode-list. Leaves: an Arrow table of its observations and actions.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from warehouse.lake import Lake
from warehouse.query import run
from warehouse.sql_header import SqlFile

_SELECT = SqlFile.read(Path(__file__).parent / "sql" / "internal" / "episode-rows.sql").statement
_PLACES = ("first_rollout_id", "first_row_index", "last_rollout_id", "last_row_index")


def episode_rows(lake: Lake, episode: Mapping[str, Any]) -> pa.Table:
    """(T, O + U) columns obs_* and action_*, in order; raises as `warehouse.query.run`."""
    places = {name: episode[name] for name in _PLACES}
    return run(lake, _SELECT, {"run": episode["run_id"], "agent": episode["agent_index"], **places})
