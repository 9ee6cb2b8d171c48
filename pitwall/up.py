"""`pitwall up`: server, worker and deployments on this machine, until Ctrl-C."""

import contextlib
import datetime
import os
import socket
import subprocess
import sys
import time
import tomllib
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pitwall.processes import Child, interruptible
from schemas.errors import PitwallError, SettingsRejected

if TYPE_CHECKING:
    from pitwall.prefect_server import PrefectServer
    from schemas.settings import Settings

POOL = "local"
DEPLOYMENTS = ("ingest/landing", "train/ppo", "lap/racing", "maintain/lake")
AUTOMATION = "train when enough is new"
_PATIENCE = 180.0
"""Seconds for a first start on a slow disk; a server with a new database takes 20."""


def up(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of the server. (the port in prefect.toml)")
    ] = None,
) -> None:
    """Run server, worker and schedules here, until Ctrl-C.

    Starts Prefect's server, a worker and the deployments of prefect.yaml: the folder of the setting landing is ingested
    every minute, and a version is trained when enough is new. To train now, from another terminal in the same folder:
    prefect deployment run train/ppo

        pitwall up
        pitwall up --port 4300

    Settings: landing, new_rollouts, engine_models_dir.
    See also: pitwall status, pitwall ingest, pitwall train.
    """
    from pitwall.prefect_server import PrefectServer

    root = Path.cwd()
    for name in ("prefect.yaml", "prefect.toml", "flows/train.py"):
        if not (root / name).is_file():
            raise SettingsRejected(f"{root}: no {name} here, wanted the checkout of pitwall. Change into it, try again")
    settings = context.obj.settings
    usual = _port_of(root / "prefect.toml")
    server = PrefectServer(port or usual)
    _refuse_taken(port or usual)
    env = _environment(root, server, {"HOME": context.obj.home, "CATALOG": context.obj.catalog})
    with interruptible(), contextlib.suppress(KeyboardInterrupt), _stopping() as children:
        typer.echo(f"starting the server at {server.ui} (its log: {root / '.prefect' / 'server.log'})")
        _start_server(server, port or usual, env, root, children)
        _prefect(env, "work-pool", "create", POOL, "--type", "process", "--overwrite")
        _prefect(env, "--no-prompt", "deploy", "--all")
        absent = [name for name in DEPLOYMENTS if not server.has(name)]
        absent += [] if server.automates(AUTOMATION) else [f"the automation {AUTOMATION!r}"]
        if absent:
            raise PitwallError(
                f"prefect.yaml: {', '.join(absent)} did not arrive. Is a key misspelt? See the lines above"
            )
        if missed := server.forget_missed(_now()):
            typer.echo(f"{missed} scheduled runs were missed while nothing ran; they are dropped")
        if ended := server.end_unfinished("the worker was stopped while this ran; nothing was published. Run it again"):
            typer.echo(f"{ended} runs were cut off when the last worker stopped; they are marked as crashed")
        began = _now()
        worker = _prefect_command("worker", "start", "--pool", POOL, "--type", "process", "--name", POOL)
        children.append(Child("worker", worker, env))
        _wait_for("the worker", lambda: server.worker_listens(POOL, began), children)
        typer.echo(_ready(server, settings, port is not None and port != usual))
        while all(child.code is None for child in children):
            time.sleep(0.5)
        raise PitwallError(_ended(children))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(up)


def _port_of(file: Path) -> int:
    try:
        url = tomllib.loads(file.read_text(encoding="utf-8"))["api"]["url"]
        found: int | None = urllib.parse.urlsplit(url).port
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsRejected(
            f"{file}: [api] url cannot be read ({error!r}), wanted http://127.0.0.1:4200/api"
        ) from error
    if found is None:
        raise SettingsRejected(f"{file}: [api] url is {url!r}, wanted one with a port, e.g. http://127.0.0.1:4200/api")
    return found


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.settimeout(2)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise SettingsRejected(
                f"port {port} of 127.0.0.1 is taken, perhaps by another `pitwall up`. Stop that one, "
                "or write another port into prefect.toml ([api] url)"
            )


def _environment(root: Path, server: "PrefectServer", given: dict[str, object]) -> dict[str, str]:
    """What server, worker and the runs of flows inherit; options of the command line travel as PITWALL_*."""
    options = {f"PITWALL_{name}": str(value) for name, value in given.items() if value is not None}
    untouched = [os.environ[name] for name in ("NO_PROXY", "no_proxy") if os.environ.get(name)]
    no_proxy = ",".join([*untouched[:1], "127.0.0.1"])
    return (
        dict(os.environ)
        | options
        | {
            "PITWALL_ROOT": str(root),
            "PREFECT_HOME": str(root / ".prefect"),
            "PREFECT_API_URL": server.api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
            "PYTHONUTF8": "1",
            "PYTHONUNBUFFERED": "1",
        }
    )


@contextlib.contextmanager
def _stopping() -> Iterator[list[Child]]:
    """Children that end with the block, the youngest first."""
    children: list[Child] = []
    try:
        yield children
    finally:
        typer.echo("stopping")
        for child in reversed(children):
            child.stop(patience=30)
        typer.echo("stopped")


def _start_server(server: "PrefectServer", port: int, env: dict[str, str], root: Path, children: list[Child]) -> None:
    home = root / ".prefect"
    home.mkdir(exist_ok=True)
    command = _prefect_command("server", "start", "--host", "127.0.0.1", "--port", str(port))
    children.append(Child("server", command, env, home / "server.log"))
    _wait_for("the server", server.is_well, children)


def _wait_for(what: str, is_there: Callable[[], bool], children: list[Child]) -> None:
    until = time.monotonic() + _PATIENCE
    while not is_there():
        if any(child.code is not None for child in children):
            raise PitwallError(_ended(children))
        if time.monotonic() > until:
            raise PitwallError(f"{what} did not answer within {_PATIENCE:.0f} seconds. Try again")
        time.sleep(0.5)


def _ended(children: list[Child]) -> str:
    child = next(child for child in children if child.code is not None)
    tail = child.log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:] if child.log else []
    where = f"; the end of {child.log}:" if child.log else "; see the lines above"
    return "\n".join([f"the {child.name} ended by itself with exit status {child.code}{where}", *tail])


def _prefect_command(*words: str) -> list[str]:
    return [sys.executable, "-m", "prefect", *words]


def _prefect(env: dict[str, str], *words: str) -> None:
    done = subprocess.run(
        _prefect_command(*words),
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise PitwallError(f"prefect {' '.join(words)} failed:\n{done.stdout}{done.stderr}")


def _ready(server: "PrefectServer", settings: "Settings", unusual: bool) -> str:
    landing, new = settings.landing, settings.new_rollouts
    lines = [
        f"ready: {server.ui}",
        f"  ingests every minute  {landing.absolute() if landing else 'nothing yet: set PITWALL_LANDING, or landing'}"
        + ("" if landing else " in pitwall.toml, to the engine's export folder"),
        f"  trains by itself      as soon as {new} rollout{'s are' if new > 1 else ' is'} new (setting new_rollouts)",
        "  train now             prefect deployment run train/ppo      (in another terminal, in this folder)",
        "  stop                  Ctrl-C",
    ]
    if unusual:
        lines.insert(2, f"  other terminals need  PREFECT_API_URL={server.api} (prefect.toml names another port)")
    return "\n".join(lines)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
