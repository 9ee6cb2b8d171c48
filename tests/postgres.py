"""A real PostgreSQL for the tests: one server per session, one fresh database per test.

Where its programs are missing, root on Debian installs Debian's package; elsewhere the tests are skipped with a reason.
"""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import debian

# Nothing has to survive a crash here, and a test waits for every commit.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
}


@dataclass
class Server:
    """A running server; `template` is copied for each test."""

    port: int
    password: str = field(repr=False)
    template: str = "template1"
    restart: Callable[[], None] = field(default=lambda: None, repr=False)
    """Stops it under everybody's hands, and starts it again."""

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://pitwall:{self.password}@127.0.0.1:{self.port}/{database}"

    def command(self, sql: str) -> None:
        import psycopg

        with psycopg.connect(
            f"host=127.0.0.1 port={self.port} user=pitwall password={self.password} dbname=postgres", autocommit=True
        ) as connection:
            connection.execute(sql.encode())

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """URL of a copy of the template, dropped at the end."""
        name = f"test_{secrets.token_hex(6)}"
        self.command(f"create database {name} template {self.template}")
        try:
            yield self.url(name)
        finally:
            self.command(f"drop database {name} with (force)")


@contextmanager
def server() -> Iterator[Server]:
    """Start a server in a temporary folder and stop it at the end; skips the test where that is impossible."""
    programs = debian.found_or_installed(_programs, "postgresql")
    with tempfile.TemporaryDirectory(prefix="pitwall-postgres-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        data, log, secret = home / "data", home / "server.log", home / "password"
        running = Server(_free_port(), secrets.token_hex(16))
        secret.write_text(running.password)
        if _is_root():
            for path in (home, secret):
                shutil.chown(path, "postgres", "postgres")
        initdb = [programs / "initdb", "--pgdata", data, "--username=pitwall", "--pwfile", secret]
        _run([*initdb, "--auth=scram-sha-256", "--no-sync", "--locale=C", "--encoding=UTF8"])
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
            file.write(f"port = {running.port}\n")
        _run([programs / "pg_ctl", "start", "--wait", "--pgdata", data, "--log", log], log)
        again = [programs / "pg_ctl", "restart", "--wait", "--mode=fast", "--pgdata", data, "--log", log]
        running.restart = lambda: _run(again, log)
        try:
            yield running
        finally:
            _run([programs / "pg_ctl", "stop", "--wait", "--mode=fast", "--pgdata", data], log)


def _programs() -> Path | None:
    """The folder of the newest initdb."""
    found = [Path(program).parent for program in (shutil.which("initdb"), shutil.which("initdb.exe")) if program]
    of_debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    for folder in [*found, *reversed(of_debian)]:
        if any((folder / f"pg_ctl{suffix}").is_file() for suffix in ("", ".exe")):
            return folder
    return None


def _run(command: list[str | Path], log: Path | None = None) -> None:
    """Run one of the programs, as the user postgres where we are root, which PostgreSQL refuses."""
    words = [str(word) for word in command]
    if _is_root():
        words = ["runuser", "-u", "postgres", "--", *words]
    # The server inherits the output's file, so it must be no pipe, or waiting for its end would wait for the server.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(words, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=120)
        output.seek(0)
        said = output.read().decode(errors="replace") + (log.read_text() if log and log.exists() else "")
    if done.returncode:
        pytest.fail(f"{' '.join(words)} gave {done.returncode}:\n{said}", pytrace=False)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
