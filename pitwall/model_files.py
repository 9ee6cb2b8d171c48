"""Versions in and out: `pitwall models import`, `deliver`, `export` and `track`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pitwall import completion, plain

Version = Annotated[
    str, typer.Argument(metavar="VERSION", autocompletion=completion.versions, help="A number or an alias.")
]
Format = Literal["engine", "onnx", "safetensors", "torchscript", "all"]


def import_(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Policy, .json or .json.gz")
    ],
    as_json: plain.AsJson = False,
) -> None:
    """Bring in a policy that the engine wrote or drives with.

    The same weights twice are one version.

        pitwall models import samples/policy.json.gz

    Settings: max_file_mib.
    See also: pitwall models export, pitwall train.
    """
    raw = read_policy_bytes(file, context.obj.settings.max_file_mib)
    from flows.importing import import_policy
    from pitwall.terminal import Terminal

    with Terminal(quiet=True) as terminal:
        version = import_policy(context.obj.made_lake, raw, file.name, terminal)
    if as_json:
        plain.give({"version": version, "file": file})
        return
    typer.echo(f"{file.name} is version {version}.")
    typer.echo("Next: pitwall models show latest")


def deliver(context: typer.Context, version: Version = "champion", as_json: plain.AsJson = False) -> None:
    """Put a version into the engine's model folder, and point the engine at it.

    Training delivers each new version by itself; this is the way back to an older one. With promotion = "returns" it
    holds until the next judgement; to stay, the version must be champion: pitwall models promote

        pitwall models deliver 1
        pitwall models deliver champion

    Settings: engine_models_dir, engine_model_name.
    See also: pitwall models promote, pitwall models export.
    """
    from flows.publishing import hand_over
    from schemas.errors import SettingsRejected
    from warehouse.engine_folder import check_engine_folder
    from warehouse.registry import get

    lake = context.obj.lake
    check_engine_folder(lake.settings)
    number = get(lake, version).version
    placed = hand_over(lake, number)
    if placed is None:
        raise SettingsRejected("engine_models_dir is not set: where does the engine look? Set it in pitwall.toml")
    if as_json:
        plain.give({"version": number, "engine_file": placed})
    else:
        typer.echo(f"The engine loads version {number} from {placed}")


def export(
    context: typer.Context,
    version: Version,
    to: Annotated[Path, typer.Option(help="A file, or a folder that exists (all: a folder).")],
    file_format: Annotated[
        Format, typer.Option("--format", help="Which file; all: those it was published with, so no torchscript.")
    ] = "engine",
    force: Annotated[bool, typer.Option("--force", help="Replace other files that are in the way.")] = False,
    as_json: plain.AsJson = False,
) -> None:
    """Copy files of a version out, checked on their way.

    Engine, ONNX and safetensors were proven equal when the version was published; TorchScript (for LibTorch) is made
    now, and proven before it is written. Exports give the mean: who wants exploration draws the noise.

        pitwall models export latest --to driver.json
        pitwall models export champion --format onnx --to driver.onnx

    See also: pitwall models deliver, pitwall models import.
    """
    from flows.exporting import export as copy

    files = copy(context.obj.lake, version, file_format, to, force=force)
    if as_json:
        plain.give({"files": files})
        return
    for path in files:
        typer.echo(path)


def track(context: typer.Context, version: Version = "latest", as_json: plain.AsJson = False) -> None:
    """Send a version to TensorBoard and MLflow, as the settings say.

    Training sends each new version by itself; this is for older ones, and where a tool was out of reach. What is there
    already stays.

        pitwall models track 2

    Settings: tensorboard, mlflow.
    See also: pitwall train.
    """
    from flows.tracking import track as send
    from flows.tracking import trackers
    from pitwall.terminal import Terminal
    from schemas.errors import SettingsRejected

    lake = context.obj.lake
    if names := [tracker.name for tracker in trackers(lake.settings)]:
        Terminal(quiet=as_json).say(f"loading and telling {' and '.join(names)}")
    sent = send(lake, version)
    if not sent:
        raise SettingsRejected(
            "neither tensorboard nor mlflow is set: where to? Set one in pitwall.toml, or as "
            "PITWALL_TENSORBOARD (a folder) or PITWALL_MLFLOW (a URI)"
        )
    if as_json:
        plain.give({"places": sent})
        return
    for name, place in sent.items():
        typer.echo(f"{name}: {place}")


def read_policy_bytes(file: Path, max_mib: int) -> bytes:
    """A policy file's own bytes, unpacked where it is a .gz; raises PolicyRejected where that is broken or too much."""
    from schemas.errors import PolicyRejected
    from warehouse.unpacked import CannotUnpack, read_unpacked

    try:
        return read_unpacked(file, max_mib)
    except CannotUnpack as error:
        raise PolicyRejected(f"{file}: {error}") from error


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("import")(import_)
    for command in (deliver, export, track):
        app.command()(command)
