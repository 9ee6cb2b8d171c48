"""`pitwall`: the commands, their common options and their exit codes."""

import importlib.metadata
import sys
from pathlib import Path
from typing import Annotated

import typer

from pitwall import (
    analyse,
    backup,
    drive,
    ingest,
    lap,
    loop,
    maintain,
    models,
    reproduce,
    rescore,
    session,
    settings,
    sql,
    trace,
    train,
    up,
    verify,
)
from schemas.errors import PitwallError, QueryRejected, SettingsRejected

app = typer.Typer(
    name="pitwall",
    help="The pit wall for drivers trained with PPO: rollouts in, a lake you can query, a policy the engine loads out.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but something was rejected, 130 interrupted.",
)
lap.register(app)
drive.register(app)
loop.register(app)
ingest.register(app)
train.register(app)
rescore.register(app)
sql.register(app)
analyse.register(app)
trace.register(app)
reproduce.register(app)
app.add_typer(models.app, name="models")
verify.register(app)
maintain.register(app)
backup.register(app)
settings.register(app)
up.register(app)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(importlib.metadata.version("pitwall"))
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version and leave.")
    ] = False,
    home: Annotated[
        Path | None, typer.Option(help="Folder of lake and models. (PITWALL_HOME, else ./pitwall-data)")
    ] = None,
    catalog: Annotated[
        str | None, typer.Option(help="URL of the catalog. (PITWALL_CATALOG, else SQLite in home)")
    ] = None,
) -> None:
    """Options of every command; they win over PITWALL_* variables and pitwall.toml."""
    context.obj = session.Session(home=home, catalog=catalog)
    context.call_on_close(context.obj.close)


def main() -> None:
    """Run the command line; errors of ours become one message and an exit code, never a traceback."""
    try:
        app()
    except (SettingsRejected, QueryRejected) as error:
        session.complain(str(error))
        sys.exit(2)
    except PitwallError as error:
        session.complain(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        session.complain("interrupted; what was committed stays, and the same command goes on from there")
        sys.exit(130)
