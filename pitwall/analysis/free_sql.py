"""The free SQL cell: any reading statement, through the door of `pitwall sql`, no more rows than a browser bears.

Arrives: a text of the user's. Leaves: an `Answer`. For marimo's own SQL cells, `LakeConnection` is the same door as a
PEP 249 connection.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from warehouse.lake import Lake
from warehouse.query import run
from warehouse.statements import only

MOST = 10_000
"""Rows that are fetched; an aggregate says more than this many."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    table: pa.Table
    """At most `MOST` rows."""
    cut: bool
    """There are more."""


def ask_freely(lake: Lake, text: str) -> Answer:
    """The first `MOST` rows of the answer to one reading statement.

    Raises:
        QueryRejected: the statement does more than read, or DuckDB refuses it.
        LakeDamaged: a partition that the catalog lists cannot be read.
    """
    statement = only(text)
    [parsed] = duckdb.extract_statements(statement)
    if parsed.type == duckdb.StatementType.EXPLAIN:
        return Answer(run(lake, statement), cut=False)
    found = run(lake, f"select * from (\n{statement}\n) limit {MOST + 1}")
    return Answer(found.slice(0, MOST), cut=found.num_rows > MOST)


class LakeConnection:
    """PEP 249 over `warehouse.query.run`; there is nothing to commit, since nothing can be written."""

    dialect = "duckdb"

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def cursor(self) -> "LakeCursor":
        """A cursor."""
        return LakeCursor(self.lake)

    def commit(self) -> None:
        """Nothing."""

    def rollback(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing: each statement has a connection of its own."""


class LakeCursor:
    """One statement and its answer."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.description: list[tuple[Any, ...]] | None = None
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> None:
        """Raises QueryRejected and LakeDamaged as `pitwall sql` does."""
        table = run(self.lake, statement, parameters or None)
        self.description = [(field.name, field.type, None, None, None, None, None) for field in table.schema]
        self._rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The rows that are left."""
        rows, self._rows = self._rows, []
        return rows

    def close(self) -> None:
        """Nothing."""
