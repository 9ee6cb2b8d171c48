"""`pitwall reproduce`: the same weights again, or what is other."""

from typing import Annotated

import typer

from pitwall import completion, plain


def reproduce(
    context: typer.Context,
    version: Annotated[
        str, typer.Argument(metavar="VERSION", autocompletion=completion.versions, help="A number or an alias.")
    ] = "latest",
    as_json: plain.AsJson = False,
) -> None:
    """Make a version again, bit for bit, from its manifest.

    Parent, window, configuration, seeds, and what was known of its rows are taken as they were. Nothing is published;
    where the weights differ, the ingredient that differs is named.

        pitwall reproduce latest
        pitwall reproduce latest --json

    Exit codes: 0 the same weights, bit for bit; 1 not the same, or failed.
    See also: pitwall trace, pitwall models show.
    """
    from flows.reproducing import reproduce as again
    from pitwall.terminal import Terminal

    with Terminal(quiet=as_json, interrupted="interrupted; nothing was changed") as terminal:
        found = again(context.obj.lake, version, terminal)
    if as_json:
        plain.give(found.as_json())
    else:
        for note in found.notes:
            typer.echo(note)
        for other in found.differs:
            typer.echo(f"differs: {other}")
        typer.echo(
            f"Version {found.version} is reproduced: the same weights, bit for bit."
            if found.identical and found.start != "imported"
            else f"Version {found.version} holds the weights that were imported."
            if found.identical
            else f"Version {found.version} is not reproduced."
        )
    if not found.identical:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reproduce)
