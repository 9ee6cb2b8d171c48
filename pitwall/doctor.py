"""`pitwall doctor`: is everything here that Pitwall needs, and what to do where it is not."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import typer

from pitwall import plain, session

if TYPE_CHECKING:
    from pitwall.check import Check, Look
    from schemas.settings import Settings

_COLOURS = {"ok": "green", "note": "yellow", "problem": "bold red"}


def doctor(context: typer.Context, as_json: plain.AsJson = False) -> None:
    """Check installation, device, disk, catalog and folders; say what to do.

    A note is worth reading, a problem stops some command. Nothing is changed: what is written for a try is removed,
    and a catalog that this release would upgrade is only named. To hold every stored file against its checksum:
    pitwall verify.

        pitwall doctor
        pitwall doctor --json

    Exit codes: 0 no problem; 1 a problem was found.
    See also: pitwall status, pitwall verify, pitwall settings.
    """
    if not as_json:
        session.console(stderr=True).print("· looking at installation, device, catalog and folders", markup=False)
    found = list(_look(context.obj))
    problems = sum(check.verdict == "problem" for check in found)
    if as_json:
        plain.give({"problems": problems, "checks": found})
    else:
        _show(found)
        notes = sum(check.verdict == "note" for check in found)
        typer.echo(f"{len(found)} checks: {_count(problems, 'problem')}, {_count(notes, 'note')}")
    if problems:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def _look(current: session.Session) -> "Iterator[Check]":
    from pitwall import check, check_engine, check_home, check_installation, check_trackers

    yield from check.look(
        [
            ("Python", check_installation.python),
            ("packages", check_installation.packages),
            ("device", check_installation.device),
        ]
    )
    settings: Settings | None = None

    def read() -> "Iterable[Check]":
        nonlocal settings
        settings = current.settings
        given = sorted(settings.model_fields_set)
        known = {f"PITWALL_{name.upper()}" for name in type(settings).model_fields} | {"PITWALL_ROOT"}
        if unknown := sorted(name for name in os.environ if name.startswith("PITWALL_") and name not in known):
            advice = f"Is it misspelt? Settings: {', '.join(sorted(known - {'PITWALL_ROOT'}))}"
            yield check.note("settings", f"{', '.join(unknown)} in the environment names no setting", advice)
        yield check.ok("settings", f"{', '.join(given)} given, the others as usual" if given else "all as usual")

    yield from check.look([("settings", read)])
    if settings is None:
        return
    places: list[tuple[str, Callable[[Settings], Iterable[Check]]]] = [
        ("home", check_home.home),
        ("catalog", check_home.catalog),
        ("leftovers", check_home.leftovers),
        ("landing", check_engine.landing),
        ("engine", check_engine.models),
        ("trackers", check_trackers.trackers),
        ("flows", check_engine.server),
    ]
    looks: list[tuple[str, Look]] = [(name, partial(function, settings)) for name, function in places]
    yield from check.look(looks)


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _show(found: "list[Check]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for wide in (False, False, True):
        table.add_column(overflow="fold", no_wrap=not wide)
    for check in found:
        told = ". ".join(part.rstrip(".") for part in (check.found, check.advice) if part)
        table.add_row(Text(check.verdict, _COLOURS[check.verdict]), check.check, Text(session.shown(told)))
    session.console().print(table)
