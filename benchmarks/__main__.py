"""`python -m benchmarks`: one table of every figure, or JSON."""

import datetime
import importlib.metadata
import os
import platform
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer

from benchmarks import determinism, gae, lake, processes, start, table, training, update
from benchmarks.row import Row

LIBRARIES = ("numpy", "triton", "stable-baselines3", "torchrl", "tensordict", "rl-triton")
"""Whose versions are told beside python's and torch's, where they are installed."""


class Part(StrEnum):
    """What can be measured."""

    LAKE = "lake"
    GAE = "gae"
    UPDATE = "update"
    PROCESSES = "processes"
    DETERMINISM = "determinism"
    START = "start"
    TRAINING = "training"


class Device(StrEnum):
    """Where advantages and updates can run."""

    CPU = "cpu"
    CUDA = "cuda"


def main(
    only: Annotated[list[Part] | None, typer.Option(help="Only these parts; repeat at will.")] = None,
    device: Annotated[Device, typer.Option(help="Where advantages and updates run.")] = Device.CPU,
    rollouts: Annotated[int, typer.Option(min=100, help="Files of the ingest.")] = 1000,
    gold: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A gold file (.npz) to check advantages against.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of the table.")] = False,
) -> None:
    """Measure; ratios compare with a peer in the same run, since machines are noisy."""
    if device is Device.CUDA and not torch.cuda.is_available():
        raise typer.BadParameter(f"torch {torch.__version__} finds no GPU here; take cpu", param_hint="--device")
    measures: dict[Part, Callable[[], list[Row]]] = {
        Part.LAKE: lambda: lake.rows(rollouts),
        Part.GAE: lambda: gae.rows(device.value),
        Part.UPDATE: lambda: update.rows(device.value),
        Part.PROCESSES: lambda: processes.rows(device.value),
        Part.DETERMINISM: lambda: determinism.rows(device.value),
        Part.START: start.rows,
        Part.TRAINING: lambda: training.rows(device.value),
    }
    found = [row for part, measure in measures.items() if part in (only or measures) for row in measure()]
    errors = gae.run_gold(device.value, gold) if gold is not None else {}
    if as_json:
        print(table.as_json(found, errors, about(device)))
    else:
        table.show(found, errors, about(device), gae.GOLD_TOLERANCE)
    off = [error for error in errors.values() if not error <= gae.GOLD_TOLERANCE]
    raise typer.Exit(1 if off or any(row.missed for row in found) else 0)


def about(device: Device) -> dict[str, object]:
    """What a figure depends on besides the code."""
    facts: dict[str, object] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "device": torch.cuda.get_device_name() if device is Device.CUDA else device.value,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if hasattr(os, "getloadavg"):
        facts["load"] = round(os.getloadavg()[0], 1)
    if device is Device.CUDA:
        facts["cuda"] = torch.version.cuda
    for name in LIBRARIES:
        try:
            facts[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # its rows say so
    return facts


if __name__ == "__main__":
    typer.run(main)
