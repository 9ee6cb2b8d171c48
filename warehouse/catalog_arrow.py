"""The catalog's tables as Arrow, typed also when empty.

Arrives: a transaction and a table. Leaves: an Arrow table with every column of it. Times are UTC, except the engine's
local ones; JSON comes as its text; the raw text of a reject as text, whatever its bytes.
"""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

_LOCAL_TIMES = {"written_at"}
_TYPES: list[tuple[type[sa.types.TypeEngine[Any]], pa.DataType]] = [
    (sa.BigInteger, pa.int64()),
    (sa.Integer, pa.int32()),
    (sa.Boolean, pa.bool_()),
    (sa.Float, pa.float64()),
    (sa.JSON, pa.string()),
    (sa.String, pa.string()),
    (sa.LargeBinary, pa.string()),
]


def read_table(connection: Connection, table: sa.Table) -> pa.Table:
    """All rows of a table of the catalog."""
    columns = [
        sa.cast(column, sa.Text).label(column.name) if isinstance(column.type, sa.JSON) else column
        for column in table.columns
    ]
    rows = connection.execute(sa.select(*columns)).all()
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    return pa.table(
        {
            column.name: pa.array(
                _texts(cells) if isinstance(column.type, sa.LargeBinary) else cells, _arrow_type(column)
            )
            for column, cells in zip(table.columns, values, strict=True)
        }
    )


def _arrow_type(column: "sa.Column[Any]") -> pa.DataType:
    if isinstance(column.type, sa.DateTime):
        return pa.timestamp("us", tz=None if column.name in _LOCAL_TIMES else "UTC")
    return next(arrow for kind, arrow in _TYPES if isinstance(column.type, kind))


def _texts(cells: Iterable[bytes | memoryview | None]) -> list[str | None]:
    return [None if cell is None else bytes(cell).decode("utf-8", "replace") for cell in cells]
