"""Plain commands tell Prefect's server what they did, where one is configured; they never wait for it or fail by it."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flows.events import Event
from pitwall.listener import Listener

EVENT = Event(name="pitwall.version.promoted", resource={"prefect.resource.id": "a"}, payload={"to_version": 2})


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """Answers every POST with `status`; `heard` has path and body of each."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            running.heard.append((self.path, body))
            self.send_response(running.status)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            """Nothing on standard error."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.heard, running.status = [], 204
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def test_an_event_is_sent_as_prefect_reads_it(server):
    from prefect.events import Event as Wanted

    assert Listener(f"http://127.0.0.1:{server.server_port}/api/").tell(EVENT) == ""
    [(path, [body])] = server.heard
    read = Wanted.model_validate(body)
    assert (path, read.event, read.payload) == ("/api/events", EVENT.name, {"to_version": 2})


def test_the_address_is_the_one_of_prefect_s_commands(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL")
    assert Listener.configured(tmp_path).api is None
    (tmp_path / "prefect.toml").write_text('[api]\nurl = "http://127.0.0.1:4711/api"\n', encoding="utf-8")
    assert Listener.configured(tmp_path).api == "http://127.0.0.1:4711/api"
    (tmp_path / "prefect.toml").write_text("[api]\nurl = ", encoding="utf-8")
    assert Listener.configured(tmp_path).api is None
    monkeypatch.setenv("PREFECT_API_URL", "http://pit.example/api")
    assert Listener.configured(tmp_path).api == "http://pit.example/api"
    monkeypatch.setenv("PREFECT_API_URL", "")
    assert Listener.configured(tmp_path).tell(EVENT) == ""


def test_where_no_server_runs_nothing_is_said():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert Listener(f"http://127.0.0.1:{free.getsockname()[1]}/api").tell(EVENT) == ""


def test_a_server_that_refuses_is_named_once(server):
    server.status = 401
    listener = Listener(f"http://127.0.0.1:{server.server_port}/api")
    assert "the event pitwall.version.promoted was not taken (HTTP Error 401" in listener.tell(EVENT)
    assert listener.tell(EVENT) == "" and len(server.heard) == 1


def test_a_server_that_does_not_answer_costs_a_second_once():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        listener = Listener(f"http://127.0.0.1:{silent.getsockname()[1]}/api")
        began = time.monotonic()
        told = [listener.tell(EVENT) for _ in range(3)]
        assert time.monotonic() - began < 2
    assert "timed out" in told[0] and told[1:] == ["", ""]
