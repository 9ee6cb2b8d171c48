"""Long-running children of a command, on every system: started apart from the terminal, ended in order.

Arrives: a command line. Leaves: a `Child`, which ends with everything that it started.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

WINDOWS = os.name == "nt"


class Child:
    """One process in a group of its own, so that Ctrl-C reaches only the command that ends it."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], log: Path | None = None) -> None:
        self.name = name
        self.log = log
        """Where its output goes; without a file to the terminal."""
        output = None if log is None else log.open("wb")
        try:
            self.process = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                start_new_session=not WINDOWS,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        finally:
            if output is not None:
                output.close()

    @property
    def code(self) -> int | None:
        """Its exit status, once it has ended."""
        return self.process.poll()

    def stop(self, patience: float) -> None:
        """Ask it to end, wait so many seconds, then end it and its children the hard way."""
        if self.code is None:
            self.process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))
        try:
            self.process.wait(patience)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self.kill()

    def kill(self) -> None:
        """End it and its children now."""
        if WINDOWS:
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(self.process.pid)], capture_output=True, check=False)
        else:
            with suppress(ProcessLookupError):  # all of its session have ended already
                os.kill(-self.process.pid, signal.SIGKILL)  # the session that it began
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:  # the system holds it; what else is to be stopped must be
            sys.stderr.write(f"process {self.process.pid} does not end, it waits for the system: end it by hand\n")


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C, Ctrl-Break, SIGTERM and a closed terminal raise KeyboardInterrupt in this block.

    Even where a script that started the command had them ignored.
    """
    names = ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
