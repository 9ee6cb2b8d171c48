"""`pitwall analyse`: the analysis app over the lake, in a browser, until Ctrl-C."""

import contextlib
import os
import secrets
import socket
import sys
import time
import urllib.parse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from pitwall.processes import Child, interruptible
from schemas.errors import PitwallError, SettingsRejected, StorageBusy

if TYPE_CHECKING:
    from schemas.settings import Settings

APP = Path(__file__).parent / "analysis" / "app.py"
_PATIENCE = 120.0
"""Seconds for a first start on a slow disk; usually it takes two."""


def analyse(
    context: typer.Context,
    edit: Annotated[
        bool, typer.Option("--edit", help="Open a copy of your own, analysis/app.py in the home, to be changed.")
    ] = False,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Where it listens. (a free one)")] = None,
    host: Annotated[str, typer.Option(help="Address on which it listens.")] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it in your browser.")] = True,
) -> None:
    """Look into the lake with charts, in the browser.

    Returns, episodes step by step, reward, two versions, drift, SQL of your own. Who opens the page needs the address
    with its token, which is another one each time. Stop it with Ctrl-C.

        pitwall analyse
        pitwall analyse --edit   # your own copy of the app
        pitwall analyse --no-browser --port 2718

    See also: pitwall sql, pitwall report.
    """
    _require_marimo()
    typer.echo("the analysis app starts: some seconds", err=True)
    settings: Settings = context.obj.settings
    home = context.obj.lake.paths.home  # what is wrong with the lake is said here, not in the browser
    number = _free_port(host) if port is None else _refuse_taken(host, port)
    app = own_copy(home) if edit else APP
    token = secrets.token_urlsafe(16)
    with TemporaryDirectory(prefix="pitwall-") as folder, interruptible():
        secret = Path(folder) / "token"
        secret.touch(mode=0o600)
        secret.write_text(token, encoding="utf-8")
        child = Child("app", _command(app, edit, host, number, secret), _environment(settings), Path(folder) / "log")
        try:
            _serve(child, f"http://{_shown(host)}:{number}", token, browser)
        except KeyboardInterrupt:
            typer.echo("stopped")
        finally:
            child.stop(patience=30)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(analyse)


def _require_marimo() -> None:
    import importlib.util

    if absent := [name for name in ("marimo", "altair") if importlib.util.find_spec(name) is None]:
        raise SettingsRejected(
            f"the analysis app needs {' and '.join(absent)}, which is not installed. Install it: "
            "pip install 'pitwall[analyse]'"
        )


def own_copy(home: Path) -> Path:
    """The person's copy of the app; made where there is none, and never overwritten."""
    own = home / "analysis" / "app.py"
    shipped = APP.read_text(encoding="utf-8")
    try:
        own.parent.mkdir(parents=True, exist_ok=True)
        with own.open("x", encoding="utf-8") as file:
            file.write(shipped)
        typer.echo(f"{own}: a copy of the app, yours to change")
    except FileExistsError:
        if own.read_text(encoding="utf-8") != shipped:
            typer.echo(f"{own}: your copy, as you left it. For a fresh one give it another name first")
    except OSError as error:
        raise StorageBusy(
            f"{own}: cannot be written ({error.strerror}). Make room there, or give another home"
        ) from error
    return own


def _command(app: Path, edit: bool, host: str, port: int, secret: Path) -> list[str]:
    how = ["edit", "--skip-update-check"] if edit else ["run"]
    listening = ["--host", host, "--port", str(port), "--headless", "--token", "--token-password-file", str(secret)]
    return [sys.executable, "-m", "marimo", "--quiet", "--yes", *how, str(app), "--no-sandbox", *listening]


def _environment(settings: "Settings") -> dict[str, str]:
    """What the app inherits: this session's lake, and nothing that would call out."""
    given = {"PITWALL_HOME": str(settings.home.absolute())}
    if settings.catalog:
        given["PITWALL_CATALOG"] = settings.catalog
    return dict(os.environ) | given | {"MARIMO_SKIP_UPDATE_CHECK": "1", "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}


def _serve(child: Child, address: str, token: str, browser: bool) -> None:
    """Wait until it answers, say where, then wait for its end."""
    until = time.monotonic() + _PATIENCE
    while not _answers(f"{address}/health"):
        if child.code is not None or time.monotonic() > until:
            raise PitwallError(f"the app did not start; what it said:\n{_said(child)}")
        time.sleep(0.1)
    url = f"{address}?access_token={urllib.parse.quote(token)}"
    typer.echo(f"analysis: {url}\nStop it with Ctrl-C")
    if browser:
        import webbrowser

        webbrowser.open(url)
    while child.code is None:
        time.sleep(0.3)
    raise PitwallError(f"the app ended by itself with exit status {child.code}; what it said last:\n{_said(child)}")


def _answers(url: str) -> bool:
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy
    with contextlib.suppress(OSError), opener.open(url, timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def _said(child: Child) -> str:
    lines = child.log.read_text(encoding="utf-8", errors="replace").splitlines() if child.log else []
    return "\n".join(lines[-12:])


def _shown(host: str) -> str:
    """As a browser on this machine reaches it."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1" if host == "0.0.0.0" else "[::1]"
    return f"[{host}]" if ":" in host else host


def _free_port(host: str) -> int:
    with _socket(host) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise SettingsRejected(
                f"--host {host}: no address of this machine ({error.strerror}). Leave it out for 127.0.0.1"
            ) from error
        return int(probe.getsockname()[1])


def _refuse_taken(host: str, port: int) -> int:
    with _socket(host) as probe:
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsRejected(
                f"port {port} of {host} cannot be had ({error.strerror}). Choose another, or leave out --port"
            ) from error
    return port


def _socket(host: str) -> socket.socket:
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    if os.name != "nt":  # a port whose last connection just ended is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return probe
