"""What a shell may put in the place of a half-typed word.

Arrives: the command line so far. Leaves: words, most of them with a few of help. It reads the catalog at a glance,
writes nothing, and where that does not work it has no words: Tab is no place for an error.
"""

import re
import shlex
from collections.abc import Sequence
from typing import Any

import typer

Words = list[tuple[str, str]]
_MOST = 200


def versions(context: typer.Context, incomplete: str) -> Words:
    """Aliases, then numbers, the newest first."""
    named = [(alias, f"version {number}") for alias, number in _ask(context, "select alias, version from aliases")]
    statement = f"select version, start from models where dropped_at is null order by version desc limit {_MOST}"
    return _fitting([*sorted(named), *((str(number), start) for number, start in _ask(context, statement))], incomplete)


def aliases(context: typer.Context, incomplete: str) -> Words:
    """Aliases that a person may move."""
    found = _ask(context, "select alias, version from aliases where alias <> 'latest' order by alias")
    return _fitting([(alias, f"version {number}") for alias, number in found], incomplete)


def runs(context: typer.Context, incomplete: str) -> Words:
    """Runs, the newest first."""
    found = _ask(context, f"select run_id from runs order by created_at desc limit {_MOST}")
    return _fitting([(row[0], "") for row in found], incomplete)


def rollouts(context: typer.Context, incomplete: str) -> Words:
    """Names of rollout files, the newest first."""
    found = _ask(context, f"select file_name, run_id from rollouts order by ingested_at desc limit {_MOST}")
    return _fitting(found, incomplete)


def rejected(context: typer.Context, incomplete: str) -> Words:
    """Names of files that were turned away."""
    found = _ask(context, f"select distinct file_name from rejects where resolved_by is null limit {_MOST}")
    return _fitting([(row[0], "") for row in found], incomplete)


def rewards(context: typer.Context, incomplete: str) -> Words:
    """Named rewards."""
    return _fitting(_ask(context, "select name, note from reward_names order by name"), incomplete)


def questions(incomplete: str) -> Words:
    """Questions of `pitwall ask`."""
    from pathlib import Path

    import warehouse
    from warehouse.sql_header import SqlFile

    files = sorted(Path(str(warehouse.__file__)).with_name("sql").glob(f"{re.sub(r'[^a-z-]', '', incomplete)}*.sql"))
    return [(file.stem, SqlFile.read(file).summary) for file in files]


def configurations(incomplete: str) -> Words:
    """Known learners."""
    from schemas.training import NAMED

    return _fitting([(name, (make.__doc__ or "").split("\n")[0]) for name, make in NAMED.items()], incomplete)


def loops(incomplete: str) -> Words:
    """Known driving loops."""
    from schemas.loop import NAMED

    return _fitting([(name, (make.__doc__ or "").split("\n")[0]) for name, make in NAMED.items()], incomplete)


def _ask(context: typer.Context, statement: str) -> list[tuple[Any, ...]]:
    from schemas.errors import PitwallError
    from schemas.settings import Settings
    from warehouse.glance import glance

    given = context.find_root().params
    try:
        with glance(Settings.load(home=given.get("home"), catalog=given.get("catalog"))) as ask:
            return ask(statement)
    except (PitwallError, OSError):  # no lake, no right, no server: no words
        return []


def _fitting(words: Sequence[tuple[Any, ...]], incomplete: str) -> Words:
    """Those that begin so, and that a shell takes as they stand."""
    return [(word, note) for word, note in words if word.startswith(incomplete) and shlex.quote(word) == word]
