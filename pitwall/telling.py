"""What every command's reporter does with events: they go to Prefect's server, where one is configured."""

from functools import cached_property
from typing import TYPE_CHECKING

from flows.reporter import Reporter

if TYPE_CHECKING:
    from flows.events import Event
    from pitwall.listener import Listener


class Telling(Reporter):
    """A `Reporter` of this process, as `flows.prefect_reporter.PrefectReporter` is one of a run."""

    @cached_property
    def listener(self) -> "Listener":
        """Prefect's server, if one is configured here."""
        from pitwall.listener import Listener

        return Listener.configured()

    def event(self, event: "Event | None") -> None:
        """Tell it to the server; one that does not take it gets a line here, and no more events."""
        if event is not None and (complaint := self.listener.tell(event)):
            self.say(complaint)
