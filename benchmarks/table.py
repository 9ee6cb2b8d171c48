"""All figures as one table, a line each: ours, every peer with its ratio, the floor, the goal; or as JSON.

Arrives: rows, errors on the gold file, facts about the machine. Leaves: text. The JSON is for machines and stays as it
is: README.md says what it holds.
"""

import dataclasses
import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.row import Row

FORMAT = 1
"""Of the JSON; it rises when a key changes its meaning or goes."""
GOALS = {"goal", "the goal"}
"""In place of a peer: the figure itself was wanted."""
NO_ONE = GOALS | {""}
"""Nobody is beside it."""
COLUMNS = ("stage", "what", "ours", "unit", "peers (ours is so many times better)", "floor", "goal")


def as_json(rows: Sequence[Row], gold: dict[str, float], about: dict[str, object]) -> str:
    """One object; `rows` holds every `Row` with all of its fields."""
    found = [dataclasses.asdict(row) | {"missed": row.missed} for row in rows]
    return json.dumps({"format": FORMAT, **about, "rows": found, "gold": gold}, indent=1, allow_nan=False)


def show(rows: Sequence[Row], gold: dict[str, float], about: dict[str, object], most: float) -> None:
    """The table, then the gold file's cases with the error that is allowed (`most`)."""
    console = Console(width=None if Console().is_terminal else 190, highlight=False)
    heading = ", ".join(f"{name} {value}" for name, value in about.items())
    console.print(heading, soft_wrap=True, markup=False)
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in COLUMNS:
        table.add_column(name, justify="right" if name == "ours" else "left")
    for line in lines(rows):
        table.add_row(*line)
    console.print(table)
    for case, error in gold.items():
        console.print(f"gold  {case:<20} {error:.1e}  (at most {most:g})")


def lines(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Cells of each line, in the order of COLUMNS."""
    grouped: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        grouped.setdefault((row.stage, row.what, row.unit), []).append(row)
    return [
        (
            stage,
            what,
            number(group[0].ours),
            unit,
            "\n".join(_peer(row) for row in group if row.peer_name not in NO_ONE),
            "\n".join(dict.fromkeys(_floor(row) for row in group if row.floor is not None)),
            "\n".join(_goal(row) for row in group if row.goal is not None),
        )
        for (stage, what, unit), group in grouped.items()
    ]


def number(value: float) -> str:
    """Four digits, and none of them in powers of ten where a person would not write them so."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _peer(row: Row) -> str:
    if row.peer is None:
        return row.peer_name if "not installed" in row.peer_name else f"{row.peer_name}: not installed"
    ratio = "" if row.ratio is None else f" ({row.ratio:.2f})"
    return f"{row.peer_name} {number(row.peer)}{ratio}"


def _floor(row: Row) -> str:
    assert row.floor is not None
    off = max(row.ours / row.floor, row.floor / row.ours)
    return f"{row.floor_name} {number(row.floor)} ({off:.1f} off)"


def _goal(row: Row) -> str:
    assert row.goal is not None
    verdict = "missed" if row.missed else "met"
    if row.peer_name in GOALS and row.peer is not None:
        return f"{number(row.peer)} {row.unit}: {verdict}"
    return f"{row.goal:.3g} x {row.peer_name}: {verdict}"
