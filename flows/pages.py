"""What a run shows on Prefect's pages besides its state: tables, texts, links, a name and tags.

Arrives: what a run found out, when the work itself is done. Leaves: artifacts, by keys that gather the history of the
same thing over runs. A server that is gone costs a line in the log, never the work.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext

from flows.reporter import logger
from flows.summary import Lines

_lost: set[UUID] = set()
"""Runs whose server is gone: Prefect's client asks for a minute each time, and once is enough."""


def table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Rows with the same columns."""
    _ask(key, lambda: create_table_artifact([dict(row) for row in rows], key=key, description=description))


def account(key: str, lines: Lines, description: str) -> None:
    """A table of names and texts."""
    table(key, [{"what": name, "value": text} for name, text in lines], description)


def text(key: str, lines: Lines, title: str) -> None:
    """The same as a page of Markdown, which Prefect shows as it is read."""
    rows = [f"| {_cell(name)} | {_cell(value)} |" for name, value in lines]
    markdown = "\n".join([f"## {title}", "", "| | |", "|---|---|", *rows])
    _ask(key, lambda: create_markdown_artifact(markdown, key=key, description=title))


def link(key: str, file: Path, what: str, description: str) -> None:
    """A link to a file of this machine, if it is there."""
    if file.is_file():
        place = file.absolute()
        words = f"{what}: {place}"
        _ask(key, lambda: create_link_artifact(place.as_uri(), link_text=words, key=key, description=description))


def rename(name: Callable[[str], str], tags: Iterable[str] = ()) -> None:
    """Give the current run a name that says what it did (from the one that it has), and more tags."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    run, more = context.flow_run, {*context.flow_run.tags, *tags}
    _ask("the name", lambda: get_client(sync_client=True).update_flow_run(run.id, name=name(run.name), tags=more))


def _ask(what: str, request: Callable[[], object]) -> None:
    context = FlowRunContext.get()
    run = None if context is None or context.flow_run is None else context.flow_run.id
    if run in _lost:
        return
    try:
        request()
    except httpx.HTTPError as error:
        if run is not None:
            _lost.add(run)
        logger.warning(
            "Prefect's server did not take %s (%s: %s), so no more is shown; the work is done",
            what,
            type(error).__name__,
            error,
        )


def _cell(value: str) -> str:
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("\n", " ")
    return escaped.replace("*", "\\*").replace("_", "\\_")
