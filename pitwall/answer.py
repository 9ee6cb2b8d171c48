"""An Arrow table as the person asked for it: a table on the terminal, CSV, JSON or Parquet, to the screen or a file."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from pitwall import session
from pitwall.plain import plain

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["table", "csv", "json", "parquet"]
_CELL_WIDTHS = (72, 40, 24, 16)
"""Widest cell of a table; the first that lets all columns fit is taken."""


def give(table: "pa.Table", form: Format, output: Path | None, limit: int, *, chooses: bool = True) -> None:
    """Write `table` to `output`, or to standard output; `chooses` says whether who asked can name columns.

    Raises:
        SettingsRejected: Parquet has nowhere to go.
        StorageBusy: `output` cannot be written.
    """
    from schemas.errors import SettingsRejected, StorageBusy

    if form == "table" and output is None:
        _print(table, limit, chooses)
        return
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise SettingsRejected("Parquet is not for a terminal: add --output FILE, or pipe it into a program")
    content = _content(table, form)
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise StorageBusy(f"{output}: cannot be written ({error}). Choose another --output") from error
    typer.echo(f"{table.num_rows} rows in {output}", err=True)


def _content(table: "pa.Table", form: Format) -> bytes:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    if form == "json":
        rows = zip(*(_values(table, index) for index in range(table.num_columns)), strict=True)
        named = (dict(zip(table.column_names, row, strict=True)) for row in rows)
        lines = (json.dumps(plain(row), ensure_ascii=False) for row in named)
        return ("[" + ",\n ".join(lines) + "]\n").encode()
    sink = pa.BufferOutputStream()
    if form == "parquet":
        pyarrow.parquet.write_table(table, sink, compression="zstd")
    elif form == "csv":
        pyarrow.csv.write_csv(_flat(table), sink)
    else:
        raise ValueError(f"{form} is for a terminal")
    return bytes(sink.getvalue())


def _values(table: "pa.Table", index: int) -> list[Any]:
    """A column's values; raises QueryRejected for times that Python has not, such as the year 200000."""
    from schemas.errors import QueryRejected

    try:
        return list(table.column(index).to_pylist())
    except (OverflowError, ValueError) as error:
        name = table.column_names[index]
        raise QueryRejected(
            f'column {name} holds a time out of reach here ({error}). Ask for it as text: "{name}"::varchar'
        ) from error


def _flat(table: "pa.Table") -> "pa.Table":
    """Lists, maps and structs as JSON text, since CSV has no such thing."""
    import pyarrow as pa

    for index, column in enumerate(table.schema):
        if pa.types.is_nested(column.type):
            text = [None if value is None else json.dumps(plain(value)) for value in _values(table, index)]
            table = table.set_column(index, column.name, pa.array(text, pa.string()))
    return table


def _print(table: "pa.Table", limit: int, chooses: bool) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if table.column_names == ["explain_key", "explain_value"]:
        typer.echo("\n".join(table.column(1).to_pylist()))
        return
    console = session.console()
    shown = table if limit == 0 else table.slice(0, limit)
    cells = {name: [_cell(value) for value in _values(shown, index)] for index, name in enumerate(shown.column_names)}
    longest = {name: max(map(len, [name, *column])) for name, column in cells.items()}
    empty = _empty(shown) if _width(longest.values(), _CELL_WIDTHS[-1]) > console.width else []
    names = [name for name in cells if name not in empty]
    widths = [longest[name] for name in names]
    cap = next((cap for cap in _CELL_WIDTHS if _width(widths, cap) <= console.width), _CELL_WIDTHS[-1])
    fitting = names[: max(1, sum(_width(widths[: count + 1], cap) <= console.width for count in range(len(names))))]
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in fitting:
        justify: Literal["left", "right"] = "right" if _is_number(table.schema.field(name)) else "left"
        grid.add_column(Text(_cut(session.shown(name), cap)), justify=justify, no_wrap=True)
    for row in zip(*(cells[name] for name in fitting), strict=True):
        grid.add_row(*(Text(_cut(cell, cap), style="dim" if cell == "NULL" else "") for cell in row))
    console.print(grid)
    notes = [f"{table.num_rows} row{'s' * (table.num_rows != 1)}"]
    if shown.num_rows < table.num_rows:
        notes = [f"showing {shown.num_rows} of {table.num_rows} rows; --limit 0 or --format csv for all"]
    if len(fitting) < table.num_columns:
        left = f"; {len(empty)} hold nothing here" if empty else ""
        told = f"{len(fitting)} of {table.num_columns} columns fit{left}"
        notes.append(f"{told}; {'name the ones you want, or ' if chooses else ''}--format csv for all")
    console.print(". ".join(notes), style="dim", markup=False)


def _empty(table: "pa.Table") -> list[str]:
    """Columns without any value, unless that is all there is."""
    found = [name for name in table.column_names if table.num_rows and table[name].null_count == table.num_rows]
    return found if len(found) < table.num_columns else []


def _width(longest: Iterable[int], cap: int) -> int:
    return 2 + sum(min(width, cap) + 3 for width in longest)  # padding and rule of a column


def _cut(text: str, cap: int) -> str:
    return text if len(text) <= cap else text[: cap - 1] + "…"


def _cell(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return f"{value:.6g}"
    return session.shown(" ".join(str(value).split()) if isinstance(value, str) else str(value))


def _is_number(field: "pa.Field") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_decimal(field.type))
