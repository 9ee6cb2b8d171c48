"""What a run shows on Prefect's pages besides its state: tables, texts, links, a name and tags.

Arrives: what a run found out, when the work itself is done. Leaves: artifacts, by keys that gather the history of the
same thing over runs. A server that is gone costs a line in the log, never the work.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext

from flows.reporter import logger
from flows.summary import Lines


def table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Rows with the same columns."""
    with _unless_gone(key):
        create_table_artifact([dict(row) for row in rows], key=key, description=description)


def account(key: str, lines: Lines, description: str) -> None:
    """A table of names and texts."""
    table(key, [{"what": name, "value": text} for name, text in lines], description)


def text(key: str, lines: Lines, title: str) -> None:
    """The same as a page of Markdown, which Prefect shows as it is read."""
    rows = [f"| {_cell(name)} | {_cell(value)} |" for name, value in lines]
    with _unless_gone(key):
        create_markdown_artifact(
            "\n".join([f"## {title}", "", "| | |", "|---|---|", *rows]), key=key, description=title
        )


def link(key: str, file: Path, what: str, description: str) -> None:
    """A link to a file of this machine, if it is there."""
    if file.is_file():
        with _unless_gone(key):
            create_link_artifact(
                file.absolute().as_uri(), link_text=f"{what}: {file.absolute()}", key=key, description=description
            )


def rename(name: Callable[[str], str], tags: Iterable[str] = ()) -> None:
    """Give the current run a name that says what it did (from the one that it has), and more tags."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    run = context.flow_run
    with _unless_gone("name"):
        get_client(sync_client=True).update_flow_run(
            run.id, name=name(run.name), tags={*run.tags, *tags}
        )


@contextmanager
def _unless_gone(what: str) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        logger.warning("Prefect's server did not take %s (%s: %s); the work is done", what, type(error).__name__, error)


def _cell(value: str) -> str:
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("\n", " ")
    return escaped.replace("*", "\\*").replace("_", "\\_")
