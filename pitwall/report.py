"""`pitwall report`: what is known of a version, on one page."""

from pathlib import Path
from typing import Annotated

import typer

from pitwall import completion, plain


def report(
    context: typer.Context,
    version: Annotated[
        str, typer.Argument(metavar="VERSION", autocompletion=completion.versions, help="A number or an alias.")
    ] = "latest",
    to: Annotated[
        Path | None, typer.Option(dir_okay=False, help="The file. (reports/v<number>.html in the home)")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: plain.AsJson = False,
) -> None:
    """Write what is known of a version on one page.

    What it was trained on, the update, drives before and after, values, evaluation, lineage. The file needs nothing
    beside it and no network. Made again after more drives or evaluations, it shows them.

        pitwall report
        pitwall report 2 --to version-2.html

    See also: pitwall models show, pitwall evaluate, pitwall ask health.
    """
    from pitwall.terminal import Terminal

    Terminal(quiet=as_json).say(f"gathering what is known of version {version}")
    from flows.reporting import report as write

    path = write(context.obj.lake, version, to)
    if as_json:
        plain.give({"report": path})
    else:
        typer.echo(str(path))
    if show:
        import webbrowser

        webbrowser.open(path.absolute().as_uri())


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(report)
