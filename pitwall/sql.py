"""`pitwall sql` and `pitwall ask`: the lake answers."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from pitwall import answer, completion, manual, session

if TYPE_CHECKING:
    from schemas.reward import Reward
    from warehouse.lake import Lake

FormatOption = Annotated[answer.Format, typer.Option("--format", "-f", help="How the answer comes.")]
OutputOption = Annotated[Path | None, typer.Option("--output", "-o", help="Write it to this file.")]
RewardOption = Annotated[
    str | None,
    typer.Option(
        "--reward",
        autocompletion=completion.rewards,
        help="Rewards and returns are those of this named reward: pitwall rescore.",
    ),
]
LimitOption = Annotated[int, typer.Option("--limit", min=0, help="Rows of a table on the terminal; 0 for all.")]


ELSEWHERE = {"--json": "--format json", "--csv": "--format csv", "--to": "--output FILE"}
"""What other commands call it, and its name here."""


class SqlCommand(manual.Command):
    """`sql`, whose help lists the views."""

    instead: ClassVar[Mapping[str, str]] = ELSEWHERE

    def more(self) -> list[tuple[str, manual.Rows]]:
        """The views."""
        from warehouse.views import views

        rows = sorted((view.name, view.summary) for view in views().values())
        return [("Views", [*rows, ("", "Columns of one: pitwall sql 'describe episodes'")])]


class AskCommand(manual.Command):
    """`ask`, whose help lists the questions."""

    def more(self) -> list[tuple[str, manual.Rows]]:
        """The questions."""
        from warehouse.questions import questions

        rows = [(question.name, question.summary) for question in questions().values()]
        return [("Questions", [*rows, ("", "Parameters and columns of one: pitwall ask health --help")])]


def sql(
    context: typer.Context,
    statement: Annotated[
        str | None, typer.Argument(help="One or more statements; none: standard input, or a prompt.")
    ] = None,
    form: FormatOption = "table",
    output: OutputOption = None,
    limit: LimitOption = 50,
    reward: RewardOption = None,
) -> None:
    """Ask the lake in SQL (DuckDB's), read-only.

    Without a statement on a terminal it opens a prompt: statements end with a semicolon, .help tells the rest. In a
    pipe it reads statements from standard input. --output FILE.csv, .json or .parquet writes all rows to a file.

        pitwall sql "select run_id, count(*), avg(return) from episodes where whole group by all"
        pitwall sql "from rollouts" --format json
        pitwall sql "from episodes" --output episodes.parquet

    See also: pitwall ask.
    """
    lake: Lake = context.obj.lake
    if statement is None and sys.stdin.isatty():
        from pitwall.prompt import converse

        converse(lake, _reward(lake, reward))
        return
    from schemas.errors import QueryRejected
    from warehouse.query import run
    from warehouse.statements import split

    statements = split(sys.stdin.read() if statement is None else statement)
    if not statements:
        raise QueryRejected('no statement was given. Try: pitwall sql "from rollouts"')
    scored = _reward(lake, reward)
    if len(statements) > 1 and (form != "table" or output is not None):
        raise QueryRejected(f"{len(statements)} statements cannot share one {form} output. Ask them one at a time")
    for single in statements:
        answer.give(run(lake, single, None, scored), form_of(form, output), output, limit)


def ask(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(autocompletion=completion.questions, help="The question; none: a list of all.")
    ] = None,
    form: FormatOption = "table",
    output: OutputOption = None,
    limit: LimitOption = 50,
    reward: RewardOption = None,
) -> None:
    """Ask a named question, such as: how did versions do?

    The questions are plain SQL files; their parameters come as options.

        pitwall ask
        pitwall ask health
        pitwall ask best-episodes --n 3 --format csv

    See also: pitwall sql, pitwall status.
    """
    wants_help = any(argument in ("--help", "-h") for argument in context.args)
    if name in ("--help", "-h") or (name is None and wants_help):
        typer.echo(context.get_help())
        return
    if name is None:
        _list_questions()
        return
    from warehouse.query import run
    from warehouse.questions import question

    asked = question(name)
    if wants_help:
        width = max(map(len, asked.columns))
        columns = [f"  {column:{width}}  {meaning}" for column, meaning in asked.columns.items()]
        notes = [asked.notes] if asked.notes else []
        typer.echo("\n".join([asked.summary, *notes, "", asked.usage(), "", "Columns:", *columns]))
        return
    values = asked.bind(_parameters(asked.name, context.args))
    lake: Lake = context.obj.lake
    found = run(lake, asked.statement, values, _reward(lake, reward))
    answer.give(found, form_of(form, output), output, limit, chooses=False)
    if not found.num_rows:
        from warehouse.empty_answer import why_empty

        for reason in why_empty(lake, asked, values):
            typer.echo(f"nothing: {reason}", err=True)


def _reward(lake: "Lake", name: str | None) -> "Reward | None":
    from warehouse.rewards import get

    return None if name is None else get(lake, name)


def form_of(form: answer.Format, output: Path | None) -> answer.Format:
    """A file's ending chooses the format where the person did not."""
    if form != "table" or output is None:
        return form
    from schemas.errors import SettingsRejected

    endings: dict[str, answer.Format] = {".csv": "csv", ".json": "json", ".parquet": "parquet"}
    if output.suffix.lower() not in endings:
        raise SettingsRejected(f"--output {output}: a table is for the terminal; add --format csv, json or parquet")
    return endings[output.suffix.lower()]


def _parameters(name: str, arguments: list[str]) -> dict[str, object]:
    """`--n 10`, `--n=10` and flags on their own, as texts."""
    from schemas.errors import QueryRejected
    from warehouse.questions import question

    known, found, rest = question(name).parameters, dict[str, object](), list(arguments)
    while rest:
        option = rest.pop(0)
        if not option.startswith("--"):
            raise QueryRejected(f"{name}: {option!r} stands alone.\n{question(name).usage()}")
        key, equals, value = option[2:].partition("=")
        if key not in known and option in ELSEWHERE:
            raise QueryRejected(f"{name}: there is no {option}; wanted {ELSEWHERE[option]}")
        if not equals and key in known and known[key].type == "flag" and (not rest or rest[0].startswith("--")):
            value = "true"
        elif not equals and key in known:
            if not rest:
                raise QueryRejected(f"{name}: --{key} has no value.\n{question(name).usage()}")
            value = rest.pop(0)
        elif not equals and rest:
            rest.pop(0)
        found[key] = value
    return found


def _list_questions() -> None:
    from rich.table import Table

    from warehouse.questions import questions

    table = Table(box=None, pad_edge=False)
    table.add_column("question", style="bold", no_wrap=True)
    table.add_column("what it answers")
    table.add_column("parameters")
    for question in questions().values():
        table.add_row(question.name, question.summary, " ".join(f"--{name}" for name in question.parameters))
    session.console().print(table, markup=False)


ASK_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""A question's parameters come as options that only the question knows."""


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.command(cls=SqlCommand)(sql)
    app.command(cls=AskCommand, context_settings=ASK_SETTINGS)(ask)
