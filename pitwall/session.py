"""What every command shares: the settings of this call, the lake, and how to speak to the person."""

import shutil
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pitwall import colour

if TYPE_CHECKING:
    import typer
    from rich.console import Console

    from schemas.settings import Settings
    from warehouse.lake import Lake


@dataclass
class Session:
    """One call of `pitwall`; commands get it as `context.obj`."""

    home: Path | None = None
    catalog: str | None = field(default=None, repr=False)
    restoring: bool = False
    """Whether the lake may be one that a restore has not filled yet."""

    @cached_property
    def settings(self) -> "Settings":
        """The settings in force."""
        from schemas.settings import Settings

        return Settings.load(home=self.home, catalog=self.catalog)

    @cached_property
    def lake(self) -> "Lake":
        """The lake that is there, for commands that ask it: where there is none it is an error, and none is made."""
        from warehouse.home_check import check_home

        check_home(self.settings)
        return self.made_lake

    @cached_property
    def made_lake(self) -> "Lake":
        """The lake, made on first use: for commands that bring something in."""
        from warehouse.lake import Lake

        return Lake.open(self.settings, restoring=self.restoring)

    def close(self) -> None:
        """Let go of the catalog, if it was opened."""
        if "made_lake" in self.__dict__:
            self.made_lake.catalog.engine.dispose()


def spelling(context: "typer.Context") -> str:
    """How this call named the program and the lake, so that a command which we suggest works when pasted."""
    called = Path(sys.argv[0])
    on_path = shutil.which("pitwall")
    program = "pitwall"
    if called.stem == "pitwall" and (on_path is None or Path(on_path).absolute() != called.absolute()):
        program = str(called)
    home = context.obj.home
    return program if home is None else f'{program} --home "{home}"'


def console(*, stderr: bool = False) -> "Console":
    """A terminal that keeps long values whole when the output is no terminal, and plain where no colour is wanted."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        stderr=stderr,
        width=None if stream.isatty() else 200,
        soft_wrap=False,
        highlight=False,
        color_system="auto" if colour.wanted(stream) else None,
    )


def complain(message: str) -> None:
    """One message on standard error; no password, and nothing that would steer the terminal."""
    from schemas.secret import redacted

    console(stderr=True).print(f"[bold red]error[/] {_escape(shown(redacted(message)))}", soft_wrap=True)


def shown(text: str) -> str:
    """Text of others with control characters spelled out: a file's name may hold what moves a cursor."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else ascii(letter)[1:-1] for letter in text)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
