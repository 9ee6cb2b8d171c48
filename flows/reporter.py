"""How work is called and told of: directly here, as tasks of Prefect in `flows/prefect_reporter.py`.

Arrives: stages with their names. Leaves: their results, their seconds, and what they tell on the way.
"""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from flows.events import Event

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("pitwall")


class Reporter:
    """Calls each stage directly and logs; a terminal or a server overrides what it wants to show."""

    def __init__(self, outer: "Reporter | None" = None) -> None:
        """Inside of `outer` it is silent, but its events are heard there."""
        self.outer = outer
        self.seconds: dict[str, float] = {}
        """Wall-clock time of each stage."""

    def stage(self, name: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one stage and time it."""
        began = time.perf_counter()
        try:
            return self.call(name, function, *args, **kwargs)
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    def call(self, name: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """How a stage is run."""
        return function(*args, **kwargs)

    def progress(self, what: str, done: int, total: int, note: str = "") -> None:
        """How far a long stage is; called often."""

    def event(self, event: "Event | None") -> None:
        """Something happened that others may listen to; None: nothing did."""
        if self.outer is not None:
            self.outer.event(event)

    def say(self, message: str) -> None:
        """One line for people."""
        logger.info(message)

    def warn(self, message: str) -> None:
        """One line for people, of what went wrong and does not matter enough to stop."""
        logger.warning(message)
