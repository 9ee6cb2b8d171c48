"""What a person sees while work is going on.

Arrives: stages and progress of `flows`. Leaves: lines and bars on standard error; standard output stays for answers.
"""

import sys
from collections.abc import Callable
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pitwall.session import console
from pitwall.telling import Telling

_INTERRUPTED = "interrupted; what was committed stays, and the same command goes on from there"


class Terminal(Telling):
    """Bars on a terminal, plain lines elsewhere; a context manager."""

    def __init__(self, *, quiet: bool = False, interrupted: str | Callable[[], str] = _INTERRUPTED) -> None:
        """`interrupted` is what Ctrl-C leaves behind, in words, or finds them when it comes to that."""
        super().__init__()
        self.console = console(stderr=True)
        self.quiet, self.interrupted = quiet, interrupted
        self.bars = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=quiet or not sys.stderr.isatty(),  # FORCE_COLOR makes no terminal of a file
        )
        self.running: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.bars.stop()
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            told = self.interrupted if isinstance(self.interrupted, str) else self.interrupted()
            self.console.print(told, markup=False, soft_wrap=True)

    def progress(self, what: str, done: int, total: int, note: str = "") -> None:
        """Move a bar."""
        if not total:
            return
        if what not in self.running:
            self.running[what] = self.bars.add_task(what, total=total, note=note)
        self.bars.update(self.running[what], completed=done, total=total, note=note)

    def warn(self, message: str) -> None:
        """One line that is shown in any case."""
        self.console.print(message, markup=False, highlight=False, soft_wrap=True)

    def say(self, message: str) -> None:
        """One line."""
        if not self.quiet:
            self.console.print(f"[dim]·[/] {message}", markup=True, highlight=False, soft_wrap=True)
