"""`pitwall analyse` in a process of its own, as a person starts it and stops it with Ctrl-C."""

import signal
import subprocess
import sys
from pathlib import Path


class Running:
    """`pitwall analyse` in a process of its own."""

    def __init__(self, home: Path, *words: str) -> None:
        command = [sys.executable, "-m", "pitwall", "--home", str(home), "analyse", "--no-browser", *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout is not None
        self.before: list[str] = []
        for line in self.process.stdout:
            if line.startswith("analysis: "):
                self.url = line.split()[1]
                return
            self.before.append(line)
        raise AssertionError("".join(self.before))

    def stop(self) -> tuple[int, str]:
        """Ctrl-C; its exit code and what it said then."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.stdout is not None
        said = self.process.stdout.read()
        self.process.stdout.close()
        return self.process.wait(30), said
