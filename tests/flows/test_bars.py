"""Progress on Prefect's pages, where its server takes it, is slow, or is gone. On a real one: test_deployments.py."""

import contextvars
import logging
import time
from collections.abc import Iterator
from uuid import UUID, uuid4

import httpx
import pytest

from flows.bars import Bars
from flows.reporter import logger

TASK = contextvars.ContextVar("task", default="none")


class Artifacts:
    """What Prefect's two functions do, with the time that a request takes."""

    def __init__(self, seconds: float = 0.0, error: Exception | None = None) -> None:
        self.seconds, self.error = seconds, error
        self.requests: list[tuple[str, str, float, str]] = []
        self.names: dict[UUID, str] = {}

    def create(self, progress: float, description: str) -> UUID:
        made = uuid4()
        self.names[made] = description.partition(":")[0]
        self._answer("create", self.names[made], progress)
        return made

    def update(self, artifact: UUID, progress: float, description: str) -> None:
        self._answer("update", self.names[artifact], progress)

    def _answer(self, request: str, bar: str, progress: float) -> None:
        self.requests.append((request, bar, progress, TASK.get()))
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Warnings of ours, whatever Prefect has made of the loggers in this process."""
    told: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    others, logger.handlers = logger.handlers, [handler]
    yield told
    logger.handlers = others


def test_a_thousand_steps_are_two_requests_and_the_last_position_is_told():
    server = Artifacts()
    bars = Bars(server.create, server.update, every=60)
    bars.move("epochs", 0.1, "epochs: 1 of 1000")
    while not server.requests:
        time.sleep(0.001)
    for step in range(2, 1001):
        bars.move("epochs", step / 10, f"epochs: {step} of 1000")
    bars.settle()
    assert [request[:3] for request in server.requests] == [("create", "epochs", 0.1), ("update", "epochs", 100.0)]


def test_a_bar_belongs_to_the_task_that_moves_it():
    server = Artifacts()
    bars = Bars(server.create, server.update)
    for task in ("ingest", "learn"):
        context = contextvars.copy_context()
        context.run(TASK.set, task)
        context.run(bars.move, task, 50.0, f"{task}: 1 of 2")
        bars.settle()
    assert [(bar, told_in) for _, bar, _, told_in in server.requests] == [("ingest", "ingest"), ("learn", "learn")]


def test_the_work_does_not_wait_for_a_slow_server(lines: list[str]):
    server = Artifacts(seconds=3)
    bars = Bars(server.create, server.update, patience=0.1)
    began = time.monotonic()
    for step in range(100):
        bars.move("epochs", step, f"epochs: {step} of 100")
        bars.settle()
    assert time.monotonic() - began < 1
    [line] = lines
    assert line == (
        "Prefect's server shows no progress from here on: it did not answer within 0.1 seconds. The work goes on"
    )


def test_a_server_that_is_gone_costs_one_line_and_no_second_request(lines: list[str]):
    server = Artifacts(error=httpx.ConnectError("All connection attempts failed"))
    bars = Bars(server.create, server.update)
    for step in range(3):
        bars.move("files", step, f"files: {step} of 3")
        bars.settle()
    assert len(server.requests) == 1 and len(lines) == 1
    assert "ConnectError: All connection attempts failed" in lines[0]
