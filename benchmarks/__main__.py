"""`python -m benchmarks`: one table of every figure, or JSON."""

import dataclasses
import datetime
import json
import platform
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import determinism, gae, lake, training, update
from benchmarks.row import Row


class Part(StrEnum):
    """What can be measured."""

    LAKE = "lake"
    GAE = "gae"
    UPDATE = "update"
    DETERMINISM = "determinism"
    TRAINING = "training"


def main(
    only: Annotated[list[Part] | None, typer.Option(help="Only these parts; repeat at will.")] = None,
    device: Annotated[str, typer.Option(help="Where advantages and updates run: cpu or cuda.")] = "cpu",
    rollouts: Annotated[int, typer.Option(min=100, help="Files of the ingest.")] = 1000,
    gold: Annotated[Path | None, typer.Option(help="A gold file (.npz) to check advantages against.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of the table.")] = False,
) -> None:
    """Measure; ratios compare with a peer in the same run, since machines are noisy."""
    parts = only or list(Part)
    found: list[Row] = []
    if Part.LAKE in parts:
        found += lake.rows(rollouts)
    if Part.GAE in parts:
        found += gae.rows(device)
    if Part.UPDATE in parts:
        found += update.rows(device)
    if Part.DETERMINISM in parts:
        found += determinism.rows(device)
    if Part.TRAINING in parts:
        found += training.rows(device)
    errors = gae.run_gold(device, gold) if gold is not None else {}
    about = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}",
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "torch": torch.__version__,
    }
    if as_json:
        print(json.dumps({**about, "rows": [dataclasses.asdict(row) for row in found], "gold": errors}, indent=1))
    else:
        _show(found, errors, about)
    missed = [row for row in found if row.goal is not None and (row.ratio or 0) < row.goal]
    missed_gold = {case: error for case, error in errors.items() if not error <= gae.GOLD_TOLERANCE}
    raise typer.Exit(1 if missed or missed_gold else 0)


def _show(rows: list[Row], errors: dict[str, float], about: dict[str, str]) -> None:
    console = Console(width=None if Console().is_terminal else 150, highlight=False)
    table = Table(title=", ".join(about.values()), title_justify="left", box=None, header_style="bold")
    for name in ("stage", "what", "ours", "unit", "peer", "peer's", "ratio", "goal"):
        table.add_column(name, justify="right" if name in ("ours", "peer's", "ratio", "goal") else "left")
    for row in rows:
        peer = f"{row.peer:,.4g}" if row.peer is not None else "not installed" if row.peer_name else ""
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        goal = "" if row.goal is None else f"{row.goal:g}"
        table.add_row(row.stage, row.what, f"{row.ours:,.4g}", row.unit, row.peer_name, peer, ratio, goal)
    console.print(table)
    for case, error in errors.items():
        console.print(f"gold  {case:<20} {error:.1e}  (at most {gae.GOLD_TOLERANCE:g})")


if __name__ == "__main__":
    typer.run(main)
