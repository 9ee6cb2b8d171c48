"""Stages as tasks of Prefect, their progress as artifacts, their lines in the run's log.

Arrives: the stages of a flow, inside a run of it. Leaves: tasks that are tried again only after a `Transient` error.
"""

import logging
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from prefect import task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from flows.reporter import P, Reporter, T, logger
from schemas.errors import Transient

RETRIES = 4
_EVERY = 2.0
"""Seconds between two updates of an artifact: each is a request to the server."""


def may_succeed_later(task: object, run: object, state: Any) -> bool:  # noqa: ANN401 - Prefect's types are generic
    """Whether a failed stage is tried again: only the type of its error decides."""
    return isinstance(state.data, Transient)


class PrefectReporter(Reporter):
    """Runs each stage as a task of the current flow run."""

    def __init__(self) -> None:
        super().__init__()
        self.artifacts: dict[str, tuple[UUID, float]] = {}  # what -> its artifact and when it was last told
        if logger.getEffectiveLevel() > logging.INFO:
            logger.setLevel(logging.INFO)  # prefect.toml sends this logger's lines to the run

    def call(self, name: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As a task without arguments: Prefect would walk through tables and tensors in search of futures."""

        def stage() -> T:
            return function(*args, **kwargs)

        run = task(
            name=name,
            description=(function.__doc__ or "").strip().partition("\n")[0],
            retries=RETRIES,
            retry_delay_seconds=exponential_backoff(2),
            retry_jitter_factor=0.5,
            retry_condition_fn=may_succeed_later,
            cache_policy=NO_CACHE,
            persist_result=False,
        )(stage)
        return run()

    def progress(self, what: str, done: int, total: int, note: str = "") -> None:
        """Move the bar of this stage; between two requests to the server lie at least two seconds."""
        share = 100.0 * done / total if total else 100.0
        text = f"{what}: {done} of {total}" + (f", {note}" if note else "")
        if what not in self.artifacts:
            made = create_progress_artifact(share, description=text)
            assert isinstance(made, UUID)  # the call is synchronous here
            self.artifacts[what] = (made, time.monotonic())
            return
        artifact, told = self.artifacts[what]
        if done >= total or time.monotonic() - told >= _EVERY:
            update_progress_artifact(artifact, share, description=text)
            self.artifacts[what] = (artifact, time.monotonic())
