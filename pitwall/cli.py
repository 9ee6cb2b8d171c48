"""`pitwall`: the commands, their common options and their exit codes."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from pitwall import (
    analyse,
    backup,
    doctor,
    drive,
    ingest,
    lap,
    loop,
    maintain,
    manual,
    models,
    report,
    reproduce,
    rescore,
    session,
    settings,
    sql,
    status,
    trace,
    train,
    up,
    verify,
    watch,
)
from schemas.errors import PitwallError, QueryRejected, SettingsRejected


class Pitwall(manual.Group):
    """All commands, by what one wants to do."""

    panels: ClassVar[Mapping[str, Sequence[str]]] = {
        "Begin": ("lap", "status", "doctor"),
        "Data": ("ingest", "rejects", "sql", "ask", "analyse", "rescore", "trace"),
        "Training": ("train", "window", "models", "report", "reproduce"),
        "Driving": ("drive", "evaluate", "loop", "watch"),
        "Upkeep": ("verify", "maintain", "backup", "restore"),
        "Setup": ("settings", "up"),
    }


app = manual.App(
    name="pitwall",
    cls=Pitwall,
    help="The pit wall for drivers trained with PPO: rollouts in, a lake you can query, a policy the engine loads out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but something was rejected, 130 interrupted.\n"
    "NO_COLOR takes colour and bold away, FORCE_COLOR keeps them in a pipe. Results go to standard output, messages "
    "and progress to standard error; --json makes the result one for programs.\n"
    "Help on one: pitwall COMMAND --help",
)
lap.register(app)
status.register(app)
doctor.register(app)
drive.register(app)
loop.register(app)
ingest.register(app)
train.register(app)
watch.register(app)
rescore.register(app)
sql.register(app)
analyse.register(app)
trace.register(app)
reproduce.register(app)
report.register(app)
app.add_typer(models.app, name="models")
verify.register(app)
maintain.register(app)
backup.register(app)
settings.register(app)
up.register(app)


def _version(asked: bool) -> None:
    if asked:
        import importlib.metadata

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
    except Exception as error:
        if isinstance(error, OSError) and error.filename:
            session.complain(_told(error))
            sys.exit(1)
        import traceback

        traceback.print_exc()
        session.complain(
            "this is a mistake of Pitwall's, not yours. What was committed before stays. Report the lines above, with "
            "what these say: pitwall --version, pitwall doctor"
        )
        sys.exit(1)
    except KeyboardInterrupt:
        session.complain("interrupted; what was committed stays, and the same command goes on from there")
        sys.exit(130)


def _told(error: OSError) -> str:
    """What the system refused, and what helps."""
    from warehouse.paths import what_helps

    is_path = isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError | FileExistsError)
    helps = "Give another path" if is_path else f"{what_helps(error)}, then try again"
    return f"{error.filename}: {error.strerror}. {helps}"
