"""Answers as tables of the page.

Arrives: an Arrow table. Leaves: marimo's table, its numbers with as many digits as say something.
"""

from typing import Any

import marimo as mo
import polars as pl
import pyarrow as pa


def shown(found: pa.Table, *columns: str, **how: Any) -> mo.ui.table:  # noqa: ANN401 - arguments of mo.ui.table
    """These columns, else all; nothing can be selected unless `how` says so."""
    frame = pl.DataFrame(pl.from_arrow(found))
    frame = frame.select(columns) if columns else frame
    floats = [name for name, kind in frame.schema.items() if kind.is_float()]
    usual: dict[str, Any] = {"selection": None, "show_data_types": False, "show_column_summaries": False}
    return mo.ui.table(frame, format_mapping=dict.fromkeys(floats, _digits), **usual | how)


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"
