"""The SQL prompt: statements of several lines, history in the home, completion of views, columns and keywords."""

import typer
from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output

from pitwall import answer, session
from schemas.errors import PitwallError, Transient
from schemas.reward import Reward
from warehouse.lake import Lake
from warehouse.query import run
from warehouse.statements import split
from warehouse.views import views

HELP = """Statements end with a semicolon and may take several lines. Only reading is possible.
  .views          the views
  .columns VIEW   the columns of one and their meaning
  .help           this
  .exit           leave (or Ctrl-D); Ctrl-C cancels a statement
Try: select policy_version, count(*), avg(return) from episodes where whole group by all;"""
_KEYWORDS = (
    "select", "from", "where", "group by", "order by", "having", "limit", "join", "left join", "using", "with", "as",
    "distinct", "count(*)", "avg(", "sum(", "min(", "max(", "median(", "stddev_samp(", "describe", "summarize",
    "explain", "between", "is null", "is not null", "case when", "then", "else", "end", "desc", "nulls last",
)  # fmt: skip
_ROWS = 50


def converse(
    lake: Lake, reward: Reward | None = None, *, input: Input | None = None, output: Output | None = None
) -> None:
    """Answer until the person leaves, under `reward`; `input` and `output` stand in for the terminal."""
    prompt: PromptSession[str] = PromptSession(
        history=FileHistory(str(lake.paths.home / "sql_history")),
        completer=WordCompleter(_words(lake), ignore_case=True),
        complete_while_typing=False,
        multiline=True,
        prompt_continuation="     ... ",
        key_bindings=_enter_sends_what_is_complete(),
        input=input,
        output=output,
    )
    typer.echo("The lake listens. .help tells how; .exit leaves.")
    while True:
        try:
            text = prompt.prompt("pitwall> ").strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if text.rstrip("; ") in (".exit", ".quit", "exit", "quit"):
            return
        _answer(lake, text, reward)


def _answer(lake: Lake, text: str, reward: Reward | None) -> None:
    try:
        if text.startswith("."):
            typer.echo(_command(text))
            return
        for statement in split(text):
            answer.give(run(lake, statement, None, reward), "table", None, _ROWS)
    except KeyboardInterrupt:
        typer.echo("cancelled", err=True)
    except PitwallError as error:
        session.complain(f"{error} {'(try again)' if isinstance(error, Transient) else ''}".rstrip())


def _command(text: str) -> str:
    name, *arguments = text.rstrip("; ").split()
    if name == ".views":
        width = max(map(len, views()))
        return "\n".join(
            f"{view.name:{width}}  {view.summary}" for view in sorted(views().values(), key=lambda v: v.name)
        )
    if name == ".columns" and arguments and arguments[0] in views():
        columns = views()[arguments[0]].columns
        width = max(map(len, columns))
        return "\n".join(f"{column:{width}}  {meaning}" for column, meaning in columns.items())
    if name == ".columns":
        return "Which view? " + ", ".join(sorted(views()))
    return HELP


def _words(lake: Lake) -> list[str]:
    documented = {column for view in views().values() for column in view.columns if "*" not in column}
    real = run(lake, "select column_name from (describe experiences)").column(0).to_pylist()
    return sorted({*views(), *documented, *real, *_KEYWORDS, ".help", ".views", ".columns", ".exit"})


def _enter_sends_what_is_complete() -> KeyBindings:
    bindings = KeyBindings()

    @Condition
    def is_complete() -> bool:
        text = get_app().current_buffer.text.strip()
        return not text or text.endswith(";") or text.startswith(".") or text in ("exit", "quit")

    @bindings.add("enter", filter=is_complete)
    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return bindings
