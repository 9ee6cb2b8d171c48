"""Who listens to what the commands do: Prefect's server, where one is configured. No Prefect is imported.

Arrives: events. Leaves: a request to the server for each, or nothing where no server runs; a command never waits longer
than a second for it, and never fails by it.
"""

import datetime
import json
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

from flows.events import Event
from pitwall.prefect_address import prefect_address

_PATIENCE = 1.0
"""Seconds; a server on this machine answers within hundredths."""


class Listener:
    """The server that `PREFECT_API_URL`, or the `prefect.toml` of this folder, names."""

    def __init__(self, api: str) -> None:
        self.api: str | None = api.rstrip("/") or None
        local = urllib.parse.urlsplit(api).hostname in ("127.0.0.1", "localhost", "::1")
        proxies = urllib.request.ProxyHandler({}) if local else urllib.request.ProxyHandler()
        self._open = urllib.request.build_opener(proxies).open

    @classmethod
    def configured(cls, folder: Path | None = None) -> "Listener":
        """As Prefect's own commands find it in this folder; a `prefect.toml` without a readable address names none."""
        try:
            return cls(prefect_address(folder or Path.cwd()))
        except (OSError, ValueError, AttributeError):
            return cls("")

    def tell(self, event: Event) -> str:
        """Send an event; returns why it was not taken, empty where it was or where no server runs.

        After a failure nothing more is sent.
        """
        if self.api is None:
            return ""
        body = {
            "id": str(uuid.uuid4()),
            "occurred": datetime.datetime.now(datetime.UTC).isoformat(),
            "event": event.name,
            "resource": event.resource,
            "related": event.related,
            "payload": event.payload,
        }
        try:
            request = urllib.request.Request(
                f"{self.api}/events", json.dumps([body]).encode(), {"Content-Type": "application/json"}, method="POST"
            )
            self._open(request, timeout=_PATIENCE).close()
        except (OSError, ValueError) as error:
            told, self.api = self.api, None
            if isinstance(getattr(error, "reason", error), ConnectionRefusedError):
                return ""  # `pitwall up` is not running
            return f"{told}: the event {event.name} was not taken ({error}). What was done stays"
        return ""
