"""The few things that `pitwall up` asks of Prefect's server, without importing Prefect.

Arrives: the server's address. Leaves: whether it is well, whether the worker listens; and missed runs are gone.
"""

import datetime
import json
import urllib.error
import urllib.request
from typing import Any


class PrefectServer:
    """A server's API."""

    def __init__(self, port: int) -> None:
        self.ui = f"http://127.0.0.1:{port}"
        self.api = f"{self.ui}/api"
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open  # never through a proxy

    def is_well(self) -> bool:
        """Whether it answers."""
        try:
            return self._ask("GET", "health") is True
        except OSError:
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

    def forget_missed(self, before: datetime.datetime) -> int:
        """Delete the runs that schedules wanted while nothing ran; else all would start now. Returns how many."""
        wanted = {"state": {"type": {"any_": ["SCHEDULED"]}}, "expected_start_time": {"before_": before.isoformat()}}
        forgotten = 0
        while True:
            runs = self._ask("POST", "flow_runs/filter", {"flow_runs": wanted, "offset": 0, "limit": 200})
            missed = [run["id"] for run in runs if run["auto_scheduled"]]
            for run_id in missed:
                self._ask("DELETE", f"flow_runs/{run_id}")
            forgotten += len(missed)
            if not missed:
                return forgotten

    def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api}/{path}", data, {"Content-Type": "application/json"}, method=method)
        with self._open(request, timeout=10) as answer:
            content = answer.read()
        return json.loads(content) if content else None
