"""Stages as tasks of Prefect, their progress as artifacts, their events on its feed, their lines in the run's log.

Arrives: the stages of a flow, inside a run of it. Leaves: tasks that are tried again only after a `Transient` error.
"""

import logging
from collections.abc import Callable
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event
from prefect.tasks import exponential_backoff

from flows.bars import Bars
from flows.events import Event
from flows.reporter import P, Reporter, T, logger
from schemas.errors import Transient

RETRIES = 4


def may_succeed_later(task: object, run: object, state: Any) -> bool:  # noqa: ANN401 - Prefect's types are generic
    """Whether a failed stage is tried again: only the type of its error decides."""
    return isinstance(state.data, Transient)


class PrefectReporter(Reporter):
    """Runs each stage as a task of the current flow run."""

    def __init__(self) -> None:
        super().__init__()
        self.bars = Bars()
        if logger.getEffectiveLevel() > logging.INFO:
            logger.setLevel(logging.INFO)  # prefect.toml sends this logger's lines to the run

    def call(self, name: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As a task without arguments: Prefect would walk through tables and tensors in search of futures."""

        def stage() -> T:
            return function(*args, **kwargs)

        run = task(
            name=name,
            task_run_name=name,
            description=(function.__doc__ or "").strip().partition("\n")[0],
            retries=RETRIES,
            retry_delay_seconds=exponential_backoff(2),
            retry_jitter_factor=0.5,
            retry_condition_fn=may_succeed_later,
            cache_policy=NO_CACHE,
            persist_result=False,
        )(stage)
        try:
            return run()
        finally:
            self.bars.settle()

    def progress(self, what: str, done: int, total: int, note: str = "") -> None:
        """Move the bar of this stage, which goes on at once; where there is nothing to do, there is no bar."""
        if total:
            self.bars.move(what, 100.0 * done / total, f"{what}: {done} of {total}" + (f", {note}" if note else ""))

    def event(self, event: Event | None) -> None:
        """To the server, with this run among the related; Prefect sends it from a thread of its own."""
        if event is not None:
            emit_event(event.name, resource=event.resource, related=event.related, payload=event.payload)
