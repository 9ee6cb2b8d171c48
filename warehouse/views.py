"""The views that the user's SQL reads, each one file of sql/views/ with its columns in the header.

Arrives: the files of sql/views/. Leaves: `View`s in an order in which they can be created.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from warehouse.sql_header import SqlFile

_FOLDER = Path(__file__).parent / "sql" / "views"
_SOURCE = re.compile(r"\b(?:from|join)\s+(catalog\.)?(\w+)")


@dataclass(frozen=True)
class View:
    """One view."""

    name: str
    summary: str
    """One line."""
    columns: dict[str, str]
    """Column (or a pattern such as `obs_*`) and its meaning."""
    select: str
    """The statement behind it."""
    views: frozenset[str]
    """Other views that it reads."""
    tables: frozenset[str]
    """Tables of the catalog that it reads, and `steps`, the partitions."""


@cache
def views() -> dict[str, View]:
    """Every view by name, each after the views that it reads."""
    files = {path.stem: SqlFile.read(path) for path in sorted(_FOLDER.glob("*.sql"))}
    found = {name: _view(name, file, frozenset(files)) for name, file in files.items()}
    ordered: dict[str, View] = {}
    while len(ordered) < len(found):
        ordered |= {name: view for name, view in found.items() if name not in ordered and view.views <= ordered.keys()}
    return ordered


def with_sources(names: frozenset[str]) -> list[View]:
    """These views and every view below them, in an order in which they can be created."""
    wanted = set(names)
    for view in reversed(views().values()):
        if view.name in wanted:
            wanted |= view.views
    return [view for view in views().values() if view.name in wanted]


def _view(name: str, file: SqlFile, names: frozenset[str]) -> View:
    sources = _SOURCE.findall(re.sub(r"--.*", "", file.statement))
    return View(
        name=name,
        summary=file.summary,
        columns=file.columns,
        select=file.statement,
        views=frozenset(source for catalog, source in sources if not catalog and source in names),
        tables=frozenset(source for catalog, source in sources if catalog),
    )
