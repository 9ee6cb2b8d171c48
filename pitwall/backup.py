"""`pitwall backup` and `pitwall restore`: a copy of the lake, and the way back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pitwall import plain

if TYPE_CHECKING:
    from warehouse.backup import BackupReport


def backup(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(help="Folder of the copy, on another disk.")],
    as_json: plain.AsJson = False,
) -> None:
    """Copy the lake to a folder, while it is in use.

    Holds everything but the engine's own files: partitions, versions, rejects and the catalog (also PostgreSQL's).
    Only what the folder lacks is copied, so the same folder again takes seconds.

        pitwall backup copy-of-the-lake

    Exit codes: 3 done, but files of the lake are damaged.
    See also: pitwall restore, pitwall verify.
    """
    from pitwall.terminal import Terminal
    from warehouse.backup import backup as copy

    with Terminal(quiet=as_json) as terminal:
        done = copy(context.obj.lake, target, progress=lambda at, total: terminal.progress("files", at, total))
    _tell(done, f"in {target}", as_json)
    if done.damaged:
        raise typer.Exit(3)


def restore(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="Folder that pitwall backup wrote.")],
    as_json: plain.AsJson = False,
) -> None:
    """Fill an empty home (and catalog) from a backup.

    Every file is proven by its hash before it counts. Cut off, the same command goes on; until it is done no other
    command takes the home for a lake.

        pitwall --home restored restore copy-of-the-lake

    See also: pitwall backup, pitwall verify.
    """
    from pitwall.terminal import Terminal
    from warehouse.restore import restore as bring_back

    context.obj.restoring = True
    lake = context.obj.made_lake
    with Terminal(quiet=as_json) as terminal:
        done = bring_back(lake, source, progress=lambda at, total: terminal.progress("files", at, total))
    _tell(done, f"proven in {lake.paths.home}", as_json)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)


def _tell(done: "BackupReport", where: str, as_json: bool) -> None:
    if as_json:
        plain.give(vars(done))
        return
    for path, why in done.damaged.items():
        typer.echo(f"damaged  {path}: {why}")
    typer.echo(f"{done.files:,} files {where}, {done.copied:,} of them new ({done.bytes / 1e6:,.1f} MB)")
    if done.note:
        typer.echo(done.note)
