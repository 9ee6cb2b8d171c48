"""The few things that `pitwall up`, `status` and `doctor` ask of Prefect's server, without importing Prefect.

Arrives: the server's address. Leaves: whether it is well, whether the worker listens; and missed runs are gone.
"""

import datetime
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from pitwall.prefect_address import prefect_address

_BUSY, _TRIES = 503, 20
"""What the server answers while its SQLite database is locked, and how often we ask, a second apart."""


class PrefectServer:
    """A server's API."""

    def __init__(self, port: int) -> None:
        self.ui = f"http://127.0.0.1:{port}"
        self.api = f"{self.ui}/api"
        self.timeout = 10.0
        """Seconds."""
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open  # never through a proxy

    @classmethod
    def configured(cls, folder: Path) -> "PrefectServer | None":
        """The one that PREFECT_API_URL or prefect.toml in `folder` names, with little patience; None: neither does."""
        api = prefect_address(folder)
        if not api:
            return None
        server = cls(0)
        server.api = api
        server.ui = server.api.removesuffix("/api")
        server.timeout = 1.0
        return server

    def is_well(self) -> bool:
        """Whether it answers."""
        try:
            return self._ask("GET", "health") is True
        except (OSError, ValueError):  # nobody there, or somebody else
            return False

    def worker_listens(self, pool: str, since: datetime.datetime) -> bool:
        """Whether a worker of the pool has called in since then."""
        workers = self._ask("POST", f"work_pools/{pool}/workers/filter", {})
        calls = [worker["last_heartbeat_time"] for worker in workers if worker["last_heartbeat_time"]]
        return any(datetime.datetime.fromisoformat(call) >= since for call in calls)

    def has(self, deployment: str) -> bool:
        """Whether there is a deployment of this name (`flow/deployment`)."""
        try:
            return bool(self._ask("GET", f"deployments/name/{deployment}"))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            raise

    def automates(self, name: str) -> bool:
        """Whether there is an automation of this name that is switched on."""
        found = self._ask("POST", "automations/filter", {"automations": {"name": {"any_": [name]}}})
        return any(automation["enabled"] for automation in found)

    def forget_missed(self, before: datetime.datetime) -> int:
        """Delete the runs that schedules wanted while nothing ran; else all would start now. Returns how many."""
        due = {"expected_start_time": {"before_": before.isoformat()}}
        missed = [run["id"] for run in self._runs(["SCHEDULED"], due) if run["auto_scheduled"]]
        for run_id in missed:
            self._ask("DELETE", f"flow_runs/{run_id}")
        return len(missed)

    def end_unfinished(self, reason: str) -> int:
        """Call those runs crashed whose process died with an earlier worker: they would hold their slot for minutes."""
        unfinished = [run["id"] for run in self._runs(["RUNNING", "PENDING", "CANCELLING"], {})]
        crashed = {"state": {"type": "CRASHED", "name": "Crashed", "message": reason}}
        for run_id in unfinished:
            self._ask("POST", f"flow_runs/{run_id}/set_state", crashed)
        return len(unfinished)

    def running(self) -> int:
        """How many runs of flows are at work."""
        return len(self._runs(["RUNNING", "PENDING"], {}))

    def _runs(self, types: list[str], conditions: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = {"flow_runs": {"state": {"type": {"any_": types}}, **conditions}, "limit": 200}
        found: list[dict[str, Any]] = []
        while page := self._ask("POST", "flow_runs/filter", wanted | {"offset": len(found)}):
            found += page
        return found

    def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.api}/{path}", data, {"Content-Type": "application/json"}, method=method
        )
        for left in reversed(range(_TRIES)):
            try:
                with self._open(request, timeout=self.timeout) as answer:
                    content = answer.read()
                break
            except urllib.error.HTTPError as error:
                if error.code != _BUSY or not left:
                    raise
                time.sleep(1)
        return json.loads(content) if content else None
