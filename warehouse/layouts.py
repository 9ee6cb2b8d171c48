"""The partitions as one relation: files of one layout read together, layouts side by side.

Arrives: the catalog's explicit list of partitions. Leaves: the SELECT behind `catalog.steps`: the columns of every
partition, and `run_id`. DuckDB binds one file per layout, however many there are.

Where the folder of a partition spells the run of all its rows, `run_id` is read from the path, so that a filter on a
run opens that run's files alone; elsewhere it comes from the ledger.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.space import ENGINE_ACTIONS, ENGINE_OBSERVATIONS, Space
from warehouse import tables
from warehouse.paths import Paths

_BEFORE = {"rollout_id": "VARCHAR", "row_index": "INTEGER", "agent_index": "INTEGER", "step": "INTEGER"}
_AFTER = {
    "reward": "FLOAT", "terminated": "BOOLEAN", "truncated": "BOOLEAN", "log_prob": "FLOAT", "value": "FLOAT",
    "next_value": "FLOAT", "engine_advantage": "FLOAT", "engine_return": "FLOAT",
    "gap_before": "BOOLEAN", "gap_after": "BOOLEAN",
}  # fmt: skip


@dataclass
class Layout:
    """Partitions with the same columns."""

    space: Space
    terms: tuple[str, ...]
    run_in_path: bool
    files: list[str] = field(default_factory=list)

    @property
    def features(self) -> dict[str, str]:
        """Columns that depend on the space, with their names as spelled in these files."""
        names = [*self.space.observation_columns, *self.space.action_columns]
        return {name.casefold(): name for name in names}

    @property
    def term_columns(self) -> dict[str, str]:
        """Columns of the reward terms, with their names as spelled in these files."""
        return {f"term_{term}".casefold(): f"term_{term}" for term in self.terms}


def steps_select(connection: Connection, paths: Paths) -> str:
    """The SELECT over every partition in use; over none, an empty one with the engine's columns."""
    layouts = _layouts(connection, paths)
    shown = layouts or [Layout(Space.of(len(ENGINE_OBSERVATIONS), list(ENGINE_ACTIONS)), (), run_in_path=True)]
    observations: dict[str, str] = {}
    actions: dict[str, str] = {}
    terms: dict[str, str] = {}
    for layout in shown:
        observations |= {
            name: spelled for name, spelled in layout.features.items() if name.startswith("obs_")
        } | observations
        actions |= {name: spelled for name, spelled in layout.features.items() if name.startswith("action_")} | actions
        terms |= layout.term_columns | terms
    if not layouts:
        nothing = {**_BEFORE, **dict.fromkeys([*observations.values(), *actions.values()], "FLOAT"), **_AFTER}
        columns = [f"NULL::{kind} AS {_name(name)}" for name, kind in {**nothing, "run_id": "VARCHAR"}.items()]
        return f"SELECT {', '.join(columns)} WHERE false"
    return "\nUNION ALL\n".join(_select(layout, observations, actions, terms) for layout in layouts)


def _layouts(connection: Connection, paths: Paths) -> list[Layout]:
    spaces = {
        row.space_id: Space.model_validate(row.definition) for row in connection.execute(sa.select(tables.spaces)).all()
    }
    runs: dict[str, set[str]] = defaultdict(set)
    ledger = sa.select(tables.rollouts.c.partition_id, tables.rollouts.c.run_id).distinct()
    for partition_id, run_id in connection.execute(ledger):
        runs[partition_id].add(run_id)
    partitions = sa.select(tables.partitions).where(tables.partitions.c.retired_at.is_(None))
    layouts: dict[object, Layout] = {}
    for row in connection.execute(partitions.order_by(tables.partitions.c.path)).all():
        folder = PurePosixPath(row.path).parent.name
        run_in_path = {unquote(folder.removeprefix("run="))} == runs[row.partition_id]
        key = (row.space_id, tuple(row.terms), run_in_path)
        layout = layouts.setdefault(key, Layout(spaces[row.space_id], tuple(row.terms), run_in_path))
        layout.files.append(paths.absolute(row.path).as_posix())
    return list(layouts.values())


def _select(layout: Layout, observations: dict[str, str], actions: dict[str, str], terms: dict[str, str]) -> str:
    own = layout.features | layout.term_columns

    def feature(folded: str, spelled: str) -> str:
        return (
            f"steps.{_name(own[folded])} AS {_name(spelled)}" if folded in own else f"NULL::FLOAT AS {_name(spelled)}"
        )

    columns = [
        *(f"steps.{name}" for name in _BEFORE),
        *(feature(*item) for item in (observations | actions).items()),
        *(f"steps.{name}" for name in _AFTER),
        *(feature(*item) for item in terms.items()),
        "steps.run AS run_id" if layout.run_in_path else "ledger.run_id",
    ]
    files = "[" + ", ".join("'" + file.replace("'", "''") + "'" for file in layout.files) + "]"
    if layout.run_in_path:
        source = f"read_parquet({files}, hive_partitioning = true, hive_types = {{'run': VARCHAR}}) AS steps"
    else:
        source = (
            f"read_parquet({files}, hive_partitioning = false) AS steps"
            " JOIN catalog.rollouts AS ledger ON ledger.rollout_id = steps.rollout_id"
        )
    return f"SELECT {', '.join(columns)} FROM {source}"


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
