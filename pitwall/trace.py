"""`pitwall trace`: which rows made a version, which versions saw a row."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pitwall import answer, completion, plain, session
from pitwall.sql import FormatOption, LimitOption, OutputOption, form_of
from schemas.counted import counted

if TYPE_CHECKING:
    from warehouse.account import Account
    from warehouse.lake import Lake

_SHOWN = 3
_BACK = "Which versions saw it"


def trace(
    context: typer.Context,
    version: Annotated[
        str | None,
        typer.Argument(
            metavar="VERSION",
            autocompletion=completion.versions,
            help="A number or an alias; its account, from file to gradient.",
        ),
    ] = None,
    rows: Annotated[bool, typer.Option("--rows", help="Every row with its role instead of the account.")] = False,
    rollout: Annotated[
        str | None,
        typer.Option(
            metavar="FILE_OR_ID",
            autocompletion=completion.rollouts,
            rich_help_panel=_BACK,
            help="A rollout: file name, id or its beginning.",
        ),
    ] = None,
    row: Annotated[
        int | None, typer.Option(min=0, rich_help_panel=_BACK, help="Only this row of the rollout's file, from 0.")
    ] = None,
    run: Annotated[
        str | None, typer.Option(autocompletion=completion.runs, rich_help_panel=_BACK, help="Every rollout of a run.")
    ] = None,
    as_json: plain.AsJson = False,
    form: FormatOption = "table",
    output: OutputOption = None,
    limit: LimitOption = 50,
) -> None:
    """Follow rows to the versions that were trained on them, and back.

    pitwall trace 7 is the account of version 7: rows in files, rejected, in the lake, left out (with reasons), trained
    on. It is checked against the files. With --rows each row (file, index) comes with its role; with --rollout or --run
    it goes the other way: which versions saw that row, themselves or through an ancestor.

        pitwall trace latest
        pitwall trace latest --rows --format csv --output rows.csv
        pitwall trace --run session_a

    Exit codes: 1 failed, or the account does not balance.
    See also: pitwall reproduce, pitwall models show, pitwall ask row-models.
    """
    from schemas.errors import SettingsRejected

    lake: Lake = context.obj.lake
    asked_back = any(given is not None for given in (rollout, row, run))
    if (version is None) != asked_back or (rows and asked_back):
        raise SettingsRejected(
            "wanted one question: pitwall trace VERSION [--rows], or pitwall trace --rollout FILE_OR_ID [--row N], "
            "or pitwall trace --run RUN"
        )
    if version is None:
        _give_back(lake, rollout, run, row, form_of("json" if as_json else form, output), output, limit)
    elif rows:
        _give_rows(lake, version, form_of("json" if as_json else form, output), output, limit)
    else:
        _give_account(lake, version, as_json=as_json)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(trace)


def _give_rows(lake: "Lake", version: str, form: answer.Format, output: Path | None, limit: int) -> None:
    from warehouse.questions import ask
    from warehouse.registry import get

    answer.give(ask(lake, "model-rows", version=str(get(lake, version).version)), form, output, limit)


def _give_back(
    lake: "Lake",
    rollout: str | None,
    run: str | None,
    row: int | None,
    form: answer.Format,
    output: Path | None,
    limit: int,
) -> None:
    from warehouse.sightings import sightings

    seen = sightings(lake, rollout=rollout, run=run, row=row)
    for line in seen.found:
        typer.echo(line, err=form != "table")
    answer.give(seen.versions, form, output, limit)


def _give_account(lake: "Lake", version: str, *, as_json: bool) -> None:
    from schemas.errors import LakeDamaged
    from warehouse.account import account

    told = account(lake, version)
    if as_json:
        plain.give(told.as_json())
    else:
        _print(told)
    if told.wrong:
        raise LakeDamaged(
            f"the account of version {told.version} does not balance: {'; '.join(told.wrong)}. "
            "Restore the lake from a backup"
        )


def _print(told: "Account") -> None:
    from rich.markup import escape
    from rich.table import Table

    from schemas.role import REASONS

    if told.window_id is None:
        typer.echo(f"Version {told.version} is {told.start}: no rows made it.")
        return
    table = Table(title=f"Version {told.version}, from file to gradient", title_justify="left", box=None)
    table.show_header = False
    table.add_column()
    table.add_column(justify="right")
    table.add_column(overflow="fold")

    def step(name: str, rows: float, note: str = "") -> None:
        table.add_row(f"[bold]{name}[/]", f"[bold]{rows:,.0f}[/]", escape(note))

    def less(name: str, reasons: dict[str, int]) -> None:
        for reason, rows in sorted(reasons.items(), key=lambda item: -item[1]):
            table.add_row(f"  - {name}", f"{rows:,}", escape(REASONS.get(reason, reason)))

    step("rows in files", told.in_files, counted(told.files, "file"))
    less("rejected", told.rejected)
    step("in the lake", told.in_lake)
    step("in the window", told.in_window, f"id {told.window_id[:12]}")
    less("left out", told.left_out)
    less("bootstrap only", told.bootstrap)
    less("gated", told.gated)
    step("trained on", told.trained)
    if told.in_gradient is not None:
        step("in the gradient", told.in_gradient, "each epoch")
    if told.after_window:
        table.add_row("after the window", f"{told.after_window:,}", "rows of the next rollout that served as bootstrap")
    session.console().print(table)
    if not told.recorded:
        typer.echo("An earlier release trained it: counts are the learner's, which row had which role was not kept.")
    if told.rejected_files:
        names = [path.rpartition("/")[2] for path in told.rejected_files]
        shown = ", ".join([*names[:_SHOWN], *(["..."] if len(names) > _SHOWN else [])])
        count = f"{counted(len(names), 'file')} of these folders"
        line = f"Not in it: {count}, rejected whole by then, whose rows nobody can count: {shown}; see: pitwall rejects"
        typer.echo(session.shown(line).replace("\n", "\\n"))
    if not told.wrong:
        typer.echo("It balances.")
