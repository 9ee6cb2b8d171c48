"""What `--help` prints: one page for each command, made from its docstring and its options, without any import.

Arrives: commands of Typer. Leaves: text as wide as the terminal; wrong usage as one message and exit code 2.
"""

import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, TypeVar, cast

import typer
from typer.core import TyperCommand, TyperGroup

from pitwall import colour
from pitwall.page import Page

F = TypeVar("F", bound=Callable[..., Any])
Rows = Sequence[tuple[str, str]]
_WIDEST, _NAMES = 100, 30
_WRONG_USAGE = cast(type[Exception], typer.BadParameter.__mro__[1])
"""Click's UsageError: Typer names only this child of it."""


class Command(TyperCommand):
    """A command with such a page."""

    instead: ClassVar[Mapping[str, str]] = {}
    """Options of other commands -> what is wanted here."""

    def more(self) -> Iterable[tuple[str, Rows]]:
        """Further sections: a title, and rows of a name and its meaning."""
        return ()

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - Typer's own copies of click's types
        """Write the page."""
        page = Page(self.help or "")
        bold = _dress(ctx)
        formatter.write("\n".join(_top(self, ctx, page, bold)) + "\n")
        for title, rows in [*_parameters(self, ctx), *self.more()]:
            formatter.write(_section(bold(f"{title}:"), rows))
        if page.examples:
            formatter.write("\n" + bold("Examples:") + "".join(f"\n  {line}" for line in page.examples) + "\n")
        if page.settings:
            known = [(name, f"PITWALL_{name.upper()}, or {name} in pitwall.toml") for name in page.settings]
            formatter.write(_section(bold("Settings:"), [*known, ("", "Their meaning: pitwall settings")]))
        formatter.write(_section(bold("Exit codes:"), [(str(code), what) for code, what in page.codes.items()]))
        if "See also" in page.parts:
            formatter.write(_section(bold("See also:"), [("", page.parts["See also"].rstrip("."))]))
        formatter.write("\n" + "\n".join(_wrapped("Which lake: pitwall --home FOLDER ...; see: pitwall --help")) + "\n")


class Group(TyperGroup):
    """A command with commands below it."""

    panels: ClassVar[Mapping[str, Sequence[str]]] = {}
    """Title -> commands, in the order in which they are listed; what is in none comes last."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - Typer's own copies of click's types
        """Write the page."""
        page = Page(self.help or "")
        bold = _dress(ctx)
        formatter.write("\n".join(_top(self, ctx, page, bold)) + "\n")
        for title, names in self._panels():
            rows = [(name, Page(self.commands[name].help or "").summary) for name in names]
            formatter.write(_section(bold(f"{title}:"), rows))
        for title, parameters in _parameters(self, ctx):
            formatter.write(_section(bold(f"{title}:"), parameters))
        for line in (self.epilog or "").splitlines():
            formatter.write("\n" + "\n".join(_wrapped(line)) + "\n")

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,  # noqa: ANN401 - Typer's own
    ) -> Any:  # noqa: ANN401 - what the command returns
        """Run; wrong usage is told in our words."""
        run = partial(super().main, args, prog_name, complete_var, False, windows_expand_args, **extra)
        if not standalone_mode:
            return run()
        try:
            code = run()
        except _WRONG_USAGE as error:
            _tell(error)
            sys.exit(2)
        sys.exit(code if isinstance(code, int) else 0)

    def _panels(self) -> Iterator[tuple[str, list[str]]]:
        shown = [name for name, command in self.commands.items() if not command.hidden]
        for title, names in self.panels.items():
            if there := [name for name in names if name in shown]:
                yield title, there
        taken = {name for names in self.panels.values() for name in names}
        if rest := [name for name in shown if name not in taken]:
            yield "More commands" if taken else "Commands", rest


class App(typer.Typer):
    """Commands whose help is such a page."""

    def __init__(self, *, cls: type[Group] = Group, **settings: Any) -> None:  # noqa: ANN401 - Typer's own
        names = {"help_option_names": ["-h", "--help"]}
        super().__init__(cls=cls, context_settings=names, rich_markup_mode=None, **settings)

    def command(  # noqa: D102 - as Typer's
        self,
        name: str | None = None,
        *,
        cls: type[TyperCommand] | None = None,
        **settings: Any,  # noqa: ANN401 - Typer's own
    ) -> Callable[[F], F]:
        return super().command(name, cls=cls or Command, **settings)


def plainly(name: str) -> str:
    """`--newest <int>` of `--newest <int range>`, `FOLDERS <Path>` of `FOLDERS <list[Path]>`."""
    return re.sub(r"<(?:list\[)?(\w+)(?:\]| range)>", r"<\1>", name)


def _dress(context: Any) -> Callable[[str], str]:  # noqa: ANN401
    """How headings are written on this standard output."""
    if not colour.wanted(sys.stdout):
        return str
    context.color = True
    return lambda text: typer.style(text, bold=True)


def _top(command: Any, context: Any, page: Page, bold: Callable[[str], str]) -> Iterator[str]:  # noqa: ANN401
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"{bold('Usage:')} {usage}"
    for paragraph in (page.summary, *page.paragraphs):
        yield ""
        yield from _wrapped(paragraph)


def _parameters(command: Any, context: Any) -> Iterator[tuple[str, Rows]]:  # noqa: ANN401
    """Arguments, then options by their panel."""
    panels: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(context):
        if (record := parameter.get_help_record(context)) is not None:
            usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
            name, meaning = record
            title = getattr(parameter, "rich_help_panel", None) or usual
            panels.setdefault(title, []).append((plainly(name), meaning))
    panels["Options"] = panels.pop("Options")  # with --help, last
    return ((title, rows) for title, rows in panels.items() if rows)


def _section(heading: str, rows: Rows) -> str:
    column = min(_NAMES, max(len(name) for name, _ in rows))
    lines = ["", heading]
    for name, meaning in rows:
        told = _wrapped(meaning, 2 + (column + 2 if column else 0))
        if len(name) > column:
            lines += [f"  {name}", *told]
        else:
            first, *rest = told or [""]
            lines += [f"  {name:{column}}  {first.strip()}".rstrip() if column else first, *rest]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, indent: int = 0) -> list[str]:
    width = min(_WIDEST, shutil.get_terminal_size().columns)
    space = " " * indent
    return textwrap.wrap(
        text, max(width, indent + 20), initial_indent=space, subsequent_indent=space, break_on_hyphens=False
    )


def _tell(error: Any) -> None:  # noqa: ANN401 - click's UsageError
    from pitwall.session import complain

    context = error.ctx
    path = context.command_path if context else "pitwall"
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return
    message = " ".join(error.format_message().split()).replace("Value error, ", "").replace("?.", "?")
    known = getattr(context.command, "instead", {}) if context else {}
    if (wanted := known.get(getattr(error, "option_name", ""))) is not None:
        message = f"{message.rstrip('.')}, wanted {wanted}"
    end = "" if message.endswith("?") else "."
    complain(f"{path}: {message[:1].lower()}{message[1:].rstrip('.')}{end} See: {path} --help")
