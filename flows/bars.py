"""Progress as artifacts of Prefect, told from a thread of its own: the work never waits for the server.

Arrives: how far each stage is, as often as it likes. Leaves: one artifact for each bar, moved at most every two
seconds; where the server does not answer, one line in the log and no bars.
"""

import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any, NamedTuple
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from flows.reporter import logger

EVERY = 2.0
"""Seconds between two rounds of requests to the server."""
PATIENCE = 2.0
"""Seconds that the end of a stage waits for its last position to be told."""


class _Position(NamedTuple):
    share: float  # percent
    text: str


class Bars:
    """The bars of one flow run; the newest position of each is told, those between are left out."""

    def __init__(
        self,
        create: Callable[..., Any] = create_progress_artifact,
        update: Callable[..., Any] = update_progress_artifact,
        every: float = EVERY,
        patience: float = PATIENCE,
    ) -> None:
        """`create` and `update` are the requests to the server."""
        self._create, self._update = create, update
        self._every, self._patience = every, patience
        self._changed = threading.Condition()
        self._news: dict[str, _Position] = {}
        self._contexts: dict[str, Context] = {}  # of the task that moves a bar: its artifact belongs there
        self._artifacts: dict[str, UUID] = {}  # the thread's own
        self._telling, self._hurry, self._lost = False, False, False
        self._thread: threading.Thread | None = None

    def move(self, what: str, share: float, text: str) -> None:
        """Note a position, of 100; returns at once."""
        with self._changed:
            if self._lost:
                return
            self._news[what] = _Position(share, text)
            self._contexts.setdefault(what, copy_context())
            if self._thread is None:
                self._thread = threading.Thread(target=self._tell, name="progress", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def settle(self) -> None:
        """See the last positions told; a server that takes longer than the patience is not waited for again."""
        with self._changed:
            if self._thread is None or self._lost:
                return
            self._hurry = True
            self._changed.notify_all()
            told = self._changed.wait_for(
                lambda: self._lost or not (self._news or self._telling), timeout=self._patience
            )
            self._hurry = False
            if not told:
                self._lose(f"it did not answer within {self._patience:g} seconds")

    def _tell(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._news or self._lost)
                if self._lost:
                    return
                told, self._news, self._telling = self._news, {}, True
            try:
                for what, position in told.items():
                    self._send(what, position)
            except httpx.HTTPError as error:
                with self._changed:
                    self._lose(f"{type(error).__name__}: {error}")
            finally:
                with self._changed:
                    self._telling = False
                    self._changed.notify_all()
            with self._changed:
                self._changed.wait_for(lambda: self._hurry or self._lost, timeout=self._every)

    def _send(self, what: str, position: _Position) -> None:
        context = self._contexts[what]
        if (artifact := self._artifacts.get(what)) is not None:
            context.run(self._update, artifact, position.share, description=position.text)
            return
        # synchronous: this thread has no event loop
        self._artifacts[what] = context.run(self._create, position.share, description=position.text)

    def _lose(self, why: str) -> None:
        if not self._lost:
            self._lost = True
            self._changed.notify_all()
            logger.warning("Prefect's server shows no progress from here on: %s. The work goes on", why)
