"""`pitwall settings`: what is in force, and what each field means."""

from typing import Annotated

import typer


def settings(
    context: typer.Context,
    config: Annotated[bool, typer.Option("--config", help="The fields of a training instead.")] = False,
) -> None:
    """List every setting with its value and meaning; set them in pitwall.toml or as PITWALL_NAME."""
    from rich.markup import escape
    from rich.table import Table

    from pitwall.session import console
    from schemas.secret import redacted
    from schemas.training import engine

    current = engine() if config else context.obj.settings
    table = Table(box=None, header_style="bold")
    for name in ("name", "value", "meaning"):
        table.add_column(name, overflow="fold")
    for name, field in type(current).model_fields.items():
        table.add_row(name, escape(redacted(str(getattr(current, name)))), escape(field.description or ""))
    console().print(table)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(settings)
