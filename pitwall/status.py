"""`pitwall status`: the lake, the newest rollouts, the champion and what waits, on one screen."""

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pitwall import plain, session
from schemas.counted import counted

if TYPE_CHECKING:
    from warehouse.lake import Lake
    from warehouse.overview import Came, Overview, Standing

_FIGURES = {"kl": "KL", "explained_variance": "explained variance", "return_mean": "return"}
_NAME = 22
"""Longest run that is shown whole."""


def status(context: typer.Context, as_json: plain.AsJson = False) -> None:
    """The lake, the newest rollouts, the champion and what waits, on one screen.

    Reads the catalog, and for the health the newest rollouts. Where there is no lake yet, none is made.

        pitwall status
        pitwall status --json

    Settings: home, catalog, new_rollouts.
    See also: pitwall ask versions, pitwall ask health, pitwall doctor.
    """
    from warehouse.overview import overview

    current: session.Session = context.obj
    found, health, flows = overview(current.lake), _health(current.lake), _flows()
    if as_json:
        plain.give(_account(current, found, health, flows))
        return
    lines = [
        ("Lake", _lake(found)),
        *((" " if place else "Newest", _came(came)) for place, came in enumerate(found.newest)),
        ("Latest", _standing(found.latest, found.versions)),
        ("Champion", _standing(found.champion, found.versions)),
        ("Waiting", _waiting(found, current.settings.new_rollouts)),
        ("Flows", flows["words"]),
        ("Health", _verdict(health)),
    ]
    _show(f"Pitwall, home {current.settings.home.absolute()}", lines)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def _health(lake: "Lake") -> list[dict[str, Any]]:
    from warehouse.questions import ask

    return list(ask(lake, "health").to_pylist())


def _flows() -> dict[str, Any]:
    """What Prefect's server says, where one is named and answers at once."""
    from pitwall.prefect_server import PrefectServer

    server = PrefectServer.configured(Path.cwd())
    if server is None:
        return {"server": None, "running": 0, "words": "by hand (pitwall ingest, pitwall train); schedules: pitwall up"}
    if not server.is_well():
        words = f"no server answers at {server.ui}; start it: pitwall up"
        return {"server": server.ui, "running": 0, "words": words}
    running = server.running()
    return {"server": server.ui, "running": running, "words": f"{server.ui} answers; {running} runs at work"}


def _lake(found: "Overview") -> str:
    files, rows = found.rejected_files, found.rejected_rows
    refused = f"{counted(files, 'file')} and {counted(rows, 'row')} rejected (pitwall rejects)"
    nothing = not found.rejected_files and not found.rejected_rows
    size = f"{found.rollouts:,} rollouts of {counted(found.runs, 'run')}, {found.experiences:,} experiences"
    return f"{size}, {found.bytes / 1e6:,.1f} MB; {'nothing rejected' if nothing else refused}"


def _came(came: "Came") -> str:
    run = session.shown(came.run_id)
    run = run if len(run) <= _NAME else run[: _NAME - 1] + "…"
    who = "driver unknown" if came.policy_version is None else f"version {came.policy_version} drove"
    return f"{_ago(came.ingested_at):>8}  {run:{_NAME}}  {came.rows:>6,} experiences, {who}"


def _standing(standing: "Standing | None", versions: int) -> str:
    if standing is None:
        return "none; pitwall models import FILE, or pitwall train"
    model, parts = standing.model, []
    origin = model.start if model.parent is None else f"{model.start}, from {model.parent}"
    figures = [f"{told} {model.metrics[name]:.3g}" for name, told in _FIGURES.items() if name in model.metrics]
    parts.append(f"version {model.version} of {versions} ({origin}), {_ago(model.created_at)}")
    parts += [", ".join(figures)] if figures else []
    parts.append("not evaluated" if standing.evaluation is None else standing.evaluation.words())
    return "; ".join(parts)


def _waiting(found: "Overview", wanted: int) -> str:
    told = f"{found.untrained:,} rollouts are new to training; the schedule trains at {wanted:,}"
    if found.untrained:
        told += ". Now: pitwall train"
    if found.loop is not None:
        done = f"{found.laps:,} of {found.loop.iterations:,} laps"
        told += f". {found.loop.loop_id} has {done}: pitwall loop --resume"
    return told


def _verdict(health: list[dict[str, Any]]) -> str:
    word = _word(health)
    worst = [row["check"].partition(":")[0] for row in health if row["verdict"] == word != "ok"]
    more = f" and {len(worst) - 1} more" if len(worst) > 1 else ""
    return f"{word}{f' ({worst[0]}{more})' if worst else ''}; see: pitwall ask health"


def _word(health: list[dict[str, Any]]) -> str:
    verdicts = {row["verdict"] for row in health}
    return next((word for word in ("bad", "warning", "ok") if word in verdicts), "unknown")


def _ago(moment: datetime.datetime) -> str:
    """How long ago, as roughly as one would say it; `moment` is the catalog's UTC."""
    seconds = (datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - moment).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now"


def _account(current: session.Session, found: "Overview", health: list[dict[str, Any]], flows: dict[str, Any]) -> Any:  # noqa: ANN401
    return {
        "home": current.settings.home.absolute(),
        "rollouts": found.rollouts,
        "experiences": found.experiences,
        "runs": found.runs,
        "bytes": found.bytes,
        "rejected": {"files": found.rejected_files, "rows": found.rejected_rows},
        "newest": [vars(came) | {"ingested_at": f"{came.ingested_at.isoformat()}Z"} for came in found.newest],
        "versions": found.versions,
        "latest": _standing_account(found.latest),
        "champion": _standing_account(found.champion),
        "waiting": {"rollouts": found.untrained, "wanted": current.settings.new_rollouts},
        "loop": None
        if found.loop is None
        else {"loop": found.loop.loop_id, "laps": found.laps, "iterations": found.loop.iterations},
        "flows": {"server": flows["server"], "running": flows["running"]},
        "health": _word(health),
    }


def _standing_account(standing: "Standing | None") -> Any:  # noqa: ANN401
    if standing is None:
        return None
    judged = standing.evaluation
    return {
        "version": standing.model.version,
        "parent": standing.model.parent,
        "start": standing.model.start,
        "created_at": f"{standing.model.created_at.isoformat()}Z",
        "metrics": standing.model.metrics,
        "evaluation": None if judged is None else vars(judged) | {"created_at": f"{judged.created_at.isoformat()}Z"},
    }


def _show(title: str, lines: list[tuple[str, str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(session.shown(title)), title_justify="left", show_header=False, box=None)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, told in lines:
        table.add_row(name, Text(told))
    session.console().print(table)
