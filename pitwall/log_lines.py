"""What a program shows that started us: plain lines on standard output, each as soon as it is known.

Arrives: stages and progress of `flows`. Leaves: lines without bars, colours or control characters.
"""

import sys
import time
from collections.abc import Container

from pitwall.session import shown
from pitwall.telling import Telling

_PAUSE = 2.0
"""Seconds between two lines on the progress of one thing."""


class LogLines(Telling):
    """Prints; a letter that the console's encoding lacks is spelled out, and never an error."""

    def __init__(self, *, stamped: bool = False, each: Container[str] = ()) -> None:
        """`stamped`: lines begin with the time of day. `each`: of this every step of the progress is a line."""
        super().__init__()
        self.stamped, self.each = stamped, each
        self.last = ""
        self.progressed = time.monotonic()
        as_the_console_can()

    def say(self, message: str) -> None:
        """One line; what was said last is not said again."""
        if message != self.last:
            now = time.strftime("%H:%M:%S  ") if self.stamped else ""
            print(f"{now}{shown(message)}".replace("\n", " "), flush=True)
        self.last, self.progressed = message, time.monotonic()

    def warn(self, message: str) -> None:
        """A line as any other: the plugin shows standard output alone."""
        self.say(message)

    def progress(self, what: str, done: int, total: int, note: str = "") -> None:
        """A line now and then."""
        if what in self.each or (done < total and time.monotonic() - self.progressed > _PAUSE):
            self.say(f"{what} {done}/{total}" + (f": {note}" if note else ""))


def as_the_console_can() -> None:
    """Write what the console's encoding lacks as an escape; a Windows console may know 256 letters."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a test may have put something else there
            stream.reconfigure(errors="backslashreplace", line_buffering=True)
