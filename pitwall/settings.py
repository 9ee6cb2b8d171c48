"""`pitwall settings`: what is in force, and what each field means."""

from typing import Annotated

import typer

from pitwall import plain


def settings(
    context: typer.Context,
    config: Annotated[bool, typer.Option("--config", help="The fields of a training instead.")] = False,
    as_json: plain.AsJson = False,
) -> None:
    """List every setting with its value, where that comes from, and its meaning.

    An option wins over the environment (PITWALL_NAME), that over pitwall.toml in the folder where one is, that over the
    default. Passwords are not shown.

        pitwall settings
        pitwall settings --config
        pitwall settings --json

    See also: pitwall doctor.
    """
    from rich.markup import escape
    from rich.table import Table

    from pitwall.session import console
    from schemas.secret import redacted
    from schemas.training import engine

    current = engine() if config else context.obj.settings
    origins = {} if config else context.obj.settings.origins(home=context.obj.home, catalog=context.obj.catalog)
    if as_json:
        values = current.model_dump(mode="json")
        hidden = {name: redacted(value) if isinstance(value, str) else value for name, value in values.items()}
        fields = type(current).model_fields.items()
        plain.give(
            {
                name: {"value": hidden[name], "meaning": field.description}
                | ({"from": origins[name]} if origins else {})
                for name, field in fields
            }
        )
        return
    table = Table(box=None, header_style="bold")
    for name in ("name", "value", *(["from"] if origins else []), "meaning"):
        table.add_column(name, overflow="fold")
    for name, field in type(current).model_fields.items():
        value = escape(redacted(str(getattr(current, name))))
        table.add_row(name, value, *([origins[name]] if origins else []), escape(field.description or ""))
    console().print(table)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(settings)
