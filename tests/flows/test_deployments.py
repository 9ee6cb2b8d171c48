"""The deployments against a real server: what `pitwall up` starts, a second terminal uses, and Ctrl-C ends."""

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.importing import import_policy
from pitwall.up import AUTOMATION
from schemas.settings import Settings
from warehouse import registry
from warehouse.lake import Lake

CHECKOUT = Path(__file__).parents[2]
PREFECT = [sys.executable, "-m", "prefect"]
PITWALL = [sys.executable, "-c", "from pitwall.cli import main; main()"]
pytestmark = [pytest.mark.slow, pytest.mark.server]
PATIENCE = 300.0
"""Seconds for what takes a few on a quiet machine: a busy one is slow, not wrong."""


@dataclass
class Running:
    """A `pitwall up` in a folder of its own."""

    root: Path
    env: dict[str, str]
    port: int
    process: subprocess.Popen[bytes]

    @property
    def said(self) -> str:
        return (self.root / "up.log").read_text(encoding="utf-8")

    def command(self, *words: str, timeout: float = 300, **env: str) -> subprocess.CompletedProcess[str]:
        """A second terminal in the same folder: no variable of Prefect or Pitwall is set but `env`."""
        return subprocess.run(
            words,
            cwd=self.root,
            env=self.env | env,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
        )

    def ask(self, path: str, body: object) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The newest first."""
        return list(self.ask("events/filter", {"filter": {"event": {"name": [name]}}})["events"])

    def runs(self, flow: str, **conditions: Any) -> list[dict[str, Any]]:
        wanted = {"flows": {"name": {"any_": [flow]}}, "flow_runs": conditions, "limit": 200}
        return list(self.ask("flow_runs/filter", wanted))

    def run(self, deployment: str, *options: str) -> dict[str, Any]:
        """Run it by the documented command, wait for its end, return the run as the server has it."""
        before = {run["id"] for run in self.runs(deployment.partition("/")[0])}
        done = self.command(*PREFECT, "deployment", "run", deployment, "--watch", *options)
        assert done.returncode == 0, done.stdout + done.stderr + self.said
        made = [run for run in self.runs(deployment.partition("/")[0]) if run["id"] not in before]
        return next(run for run in made if not run["auto_scheduled"])

    def logs(self, run: dict[str, Any]) -> list[str]:
        wanted = {"logs": {"flow_run_id": {"any_": [run["id"]]}}}
        return [line["message"] for line in self.ask("logs/filter", wanted) if line["name"] == "pitwall"]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("deployments") / "pit wall"  # with a space, as on many a Windows
    root.mkdir()
    for name in ("flows", "samples"):
        shutil.copytree(CHECKOUT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "prefect.yaml", root)
    port = _free_port()
    toml = (CHECKOUT / "prefect.toml").read_text(encoding="utf-8")
    (root / "prefect.toml").write_text(toml.replace(":4200/", f":{port}/"), encoding="utf-8")
    (root / "pitwall.toml").write_text('landing = "samples/session_a"\nnew_rollouts = 5\n', encoding="utf-8")
    lake = Lake.open(Settings(home=root / "pitwall-data", catalog=""))
    import_policy(lake, gzip.decompress((root / "samples" / "policy.json.gz").read_bytes()), "policy.json")
    lake.catalog.engine.dispose()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PITWALL_"))}
    with (root / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [*PITWALL, "up"],
            cwd=root,
            env=env | {"PYTHONUNBUFFERED": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    running = Running(root, env, port, process)
    try:
        _until(lambda: "\nready: " in running.said or process.poll() is not None, PATIENCE)
        assert process.poll() is None, running.said
        yield running
    finally:
        if process.poll() is None:
            _interrupt(process)
            process.wait(90)


@pytest.fixture(scope="module")
def came(up: Running) -> dict[str, Any]:
    """An ingest of the sample session by hand."""
    return up.run("ingest/landing")


@pytest.fixture(scope="module")
def trained(up: Running, came: dict[str, Any]) -> list[dict[str, Any]]:
    """Two trainings by hand, asked for at once, after the one that the automation began."""
    _until(lambda: up.runs("train", tags={"all_": ["v2"]}, state={"type": {"any_": ["COMPLETED"]}}), PATIENCE)
    for _ in range(2):
        asked = up.command(*PREFECT, "deployment", "run", "train/ppo")
        assert asked.returncode == 0, asked.stdout + asked.stderr

    def done() -> list[dict[str, Any]]:
        return [run for run in up.runs("train", state={"type": {"any_": ["COMPLETED"]}}) if not run["auto_scheduled"]]

    _until(lambda: len(done()) == 3, PATIENCE)
    return sorted(done(), key=lambda run: run["start_time"])


def test_an_ingest_says_in_its_name_tags_and_state_what_it_did(up: Running, came: dict[str, Any]) -> None:
    assert came["state"]["type"] == "COMPLETED"
    # this one, or the scheduled one that was faster
    [first] = [run for run in up.runs("ingest") if "10,240 experiences in" in (run["state"]["message"] or "")]
    assert first["name"] == "ingest session_a: 5 rollouts"
    assert {"pitwall", "ingest", "session_a"} <= set(first["tags"])


def test_the_automation_trains_when_enough_rollouts_have_landed(up: Running, trained: list[dict[str, Any]]) -> None:
    automatic, *_ = trained
    assert automatic["parameters"]["at_least_new"] is None
    assert automatic["created_by"]["type"] == "AUTOMATION"
    assert (automatic["name"], automatic["state"]["name"]) == ("train v2 from v1, newest-20", "Completed")
    assert {"pitwall", "train", "v2", "session_a"} <= set(automatic["tags"])
    assert [event["payload"] for event in up.events("pitwall.dataset.ready")] == [{"new_rollouts": 5, "wanted": 5}]


def test_deploying_again_leaves_one_automation(up: Running) -> None:
    again = up.command(*PREFECT, "--no-prompt", "deploy", "--name", "ppo", PITWALL_ROOT=str(up.root))
    assert again.returncode == 0, again.stdout + again.stderr
    [automation] = up.ask("automations/filter", {})
    assert (automation["name"], automation["enabled"]) == (AUTOMATION, True)


def test_two_trainings_asked_for_at_once_run_one_after_the_other(up: Running, trained: list[dict[str, Any]]) -> None:
    _, first, second = trained
    assert first["end_time"] <= second["start_time"]
    assert [run["name"] for run in trained[1:]] == ["train v3 from v1, newest-20", "train v4 from v1, newest-20"]
    lake = Lake.open(Settings(home=up.root / "pitwall-data", catalog=""))
    models = registry.versions(lake)
    lake.catalog.engine.dispose()
    assert [(model.version, model.parent) for model in models[:4]] == [(1, None), (2, 1), (3, 1), (4, 1)]


def test_what_happened_is_on_the_feed_with_its_numbers(up: Running, trained: list[dict[str, Any]]) -> None:
    _until(lambda: len(up.events("pitwall.version.published")) == 3, PATIENCE)
    event = next(one for one in up.events("pitwall.version.published") if one["payload"]["version"] == 2)
    assert event["resource"]["prefect.resource.id"] == "pitwall.model/pitwall-data/v00002"
    assert event["payload"]["parent"] == 1 and event["payload"]["kl"] > 0
    assert {one["prefect.resource.role"] for one in event["related"]} >= {"lake", "flow-run", "deployment"}
    [landed] = up.events("pitwall.rollouts.landed")
    assert landed["payload"] == {
        "rollouts": 5, "experiences": 10240, "rejected_files": 0, "rejected_rows": 0, "untrained": 5,
    }  # fmt: skip
    assert "pitwall.run/session_a" in [one["prefect.resource.id"] for one in landed["related"]]


def test_plain_commands_in_this_folder_are_on_the_feed_too(up: Running, trained: list[dict[str, Any]]) -> None:
    for words in (["promote", "2"], ["promote", "2"], ["rollback"]):  # the second moves nothing
        done = up.command(*PITWALL, "models", *words)
        assert done.returncode == 0 and not done.stderr, done.stderr
    _until(lambda: up.events("pitwall.version.rolled-back"), PATIENCE)
    told = up.events("pitwall.version.promoted") + up.events("pitwall.version.rolled-back")
    assert [(one["payload"]["from_version"], one["payload"]["to_version"]) for one in told] == [(1, 2), (2, 1)]
    assert told[0]["resource"]["prefect.resource.id"] == "pitwall.model/pitwall-data/v00002"


def test_a_training_leaves_a_report_of_its_version_made_by_a_task_of_its_own(
    up: Running, trained: list[dict[str, Any]]
) -> None:
    for version in (2, 3):
        page = (up.root / "pitwall-data" / "reports" / f"v{version:05d}.html").read_text(encoding="utf-8")
        assert f"<h1>Version {version}</h1>" in page
    tasks = up.ask("task_runs/filter", {"flow_runs": {"id": {"any_": [trained[0]["id"]]}}})
    assert [task["state"]["type"] for task in tasks if task["name"].startswith("report")] == ["COMPLETED"]


def test_our_lines_are_in_the_log_of_the_run(up: Running, trained: list[dict[str, Any]]) -> None:
    _until(lambda: len(up.logs(trained[0])) >= 2, PATIENCE)
    lines = up.logs(trained[0])
    assert any(line.startswith("training on 5 rollouts with 10,240 experiences from version 1") for line in lines)


def test_pages_show_the_figures_and_link_to_the_model(up: Running, trained: list[dict[str, Any]]) -> None:
    artifacts = up.ask("artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [trained[0]["id"]]}}})
    by_key = {artifact["key"]: artifact for artifact in artifacts}
    assert "v00002.html" in by_key["version-report"]["data"]
    summary = by_key["version-summary"]["data"]
    assert "| window | newest-20: 5 rollouts (5 new to training), 10,240 experiences, id " in summary
    assert "| parity | exports agree within " in summary and "| start | version 1 |" in summary
    epochs = json.loads(by_key["version-metrics"]["data"])
    assert [row["epoch"] for row in epochs] == [1, 2, 3, 4] and all(row["kl"] > 0 for row in epochs)
    assert "v00002/policy.engine.json" in by_key["version-model"]["data"]
    assert "(file://" in by_key["version-model"]["data"]
    [bar] = [one for one in artifacts if one["type"] == "progress" and one["description"].startswith("epochs")]
    assert bar["data"] == 100 and bar["description"].startswith("epochs: 4 of 4, KL ")


def test_the_history_of_an_artifact_is_that_of_the_versions(up: Running, trained: list[dict[str, Any]]) -> None:
    found = up.ask("artifacts/filter", {"artifacts": {"key": {"any_": ["version-metrics"]}}, "sort": "CREATED_DESC"})
    told = [artifact["description"] for artifact in found]
    assert told == [f"Version {version}, by epoch" for version in (4, 3, 2)]


def test_the_report_of_each_version_is_linked(up: Running, trained: list[dict[str, Any]]) -> None:
    found = up.ask("artifacts/filter", {"artifacts": {"key": {"any_": ["version-report"]}}, "sort": "CREATED_DESC"})
    links = found[::-1]
    assert [link["flow_run_id"] for link in links] == [run["id"] for run in trained]
    for version, link in zip((2, 3, 4), links, strict=True):
        assert (up.root / "pitwall-data" / "reports" / f"v{version:05d}.html").as_uri() in link["data"]


def test_schedules_make_runs_and_those_end_completed(up: Running, came: dict[str, Any]) -> None:
    def scheduled() -> list[dict[str, Any]]:
        return [run for run in up.runs("ingest", state={"type": {"any_": ["COMPLETED"]}}) if run["auto_scheduled"]]

    _until(lambda: bool(scheduled()), PATIENCE)
    trainings = [run for run in up.runs("train", state={"type": {"any_": ["SCHEDULED"]}}) if run["auto_scheduled"]]
    assert trainings and all(run["parameters"]["at_least_new"] is None for run in trainings)


def test_a_training_is_shared_by_as_many_processes_as_its_parameter_says(
    up: Running, trained: list[dict[str, Any]]
) -> None:
    run = up.run("train/ppo", "-p", "processes=2", "-p", 'config={"epochs": 1, "device": "cpu"}')
    assert run["state"]["type"] == "COMPLETED", run["state"]["message"]
    lake = Lake.open(Settings(home=up.root / "pitwall-data", catalog=""))
    made = registry.read_manifest(lake, registry.versions(lake)[-1].version)
    lake.catalog.engine.dispose()
    assert (made.config["processes"], made.config["epochs"]) == (2, 1)


def test_a_training_without_new_rollouts_has_nothing_to_do(up: Running, trained: list[dict[str, Any]]) -> None:
    run = up.run("train/ppo", "-p", "at_least_new=null")
    assert (run["state"]["type"], run["state"]["name"]) == ("COMPLETED", "NothingToDo")
    assert "0 rollouts of the window are new to training, wanted 5" in run["state"]["message"]
    assert run["name"] == "train newest-20 if enough is new"


def test_a_driving_loop_runs_as_a_deployment(up: Running, trained: list[dict[str, Any]]) -> None:
    small = {"drive": {"agents": 4, "steps": 256}, "evaluate": {"tracks": 2, "cars": 1}}
    run = up.run("lap/racing", "-p", "iterations=2", "-p", f"config={json.dumps(small)}", "-p", "start=1")
    assert (run["state"]["type"], run["name"]) == ("COMPLETED", "2 laps of as configured")
    assert "loop-0001: champion is version" in run["state"]["message"]
    [laps] = [
        artifact
        for artifact in up.ask("artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
        if artifact["key"] == "laps"
    ]
    assert [row["lap"] for row in json.loads(laps["data"])] == [1, 2]


def test_a_bad_parameter_is_refused_before_anything_runs(up: Running) -> None:
    before = len(up.runs("train"))
    refused = up.command(*PREFECT, "deployment", "run", "train/ppo", "-p", 'config={"epochs": 0}')
    assert refused.returncode == 1
    assert "config.epochs" in refused.stdout + refused.stderr
    assert len([run for run in up.runs("train") if not run["auto_scheduled"]]) <= before


def test_only_transient_errors_are_tried_again(up: Running) -> None:
    program = """
from prefect import flow
from flows.prefect_reporter import PrefectReporter
from schemas.errors import CatalogBusy, WindowEmpty

tries = []

def stage(error, until):
    tries.append(error)
    if tries.count(error) < until:
        raise error("try")
    return tries.count(error)

@flow
def both():
    report = PrefectReporter()
    assert report.stage("busy", stage, CatalogBusy, 2) == 2
    try:
        report.stage("empty", stage, WindowEmpty, 2)
    except WindowEmpty:
        print("tries:", tries.count(CatalogBusy), tries.count(WindowEmpty))

both()
"""
    done = up.command(sys.executable, "-c", program)
    assert "tries: 2 1" in done.stdout, done.stdout + done.stderr


def test_a_deployment_that_is_deleted_is_gone(up: Running) -> None:
    done = up.command(*PREFECT, "deployment", "delete", "lap/racing")
    assert done.returncode == 0, done.stdout + done.stderr
    left = {one["name"] for one in up.ask("deployments/filter", {})}
    assert "racing" not in left and "ppo" in left


def test_a_second_up_says_that_the_port_is_taken(up: Running) -> None:
    done = up.command(*PITWALL, "up")
    assert done.returncode == 2
    assert f"port {up.port} of 127.0.0.1 is taken" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="ps lists the children")
def test_an_interrupt_ends_everything_even_a_training(up: Running, came: dict[str, Any]) -> None:
    asked = up.command(*PREFECT, "deployment", "run", "train/ppo", "-p", 'config={"epochs": 2000}')
    assert asked.returncode == 0, asked.stderr
    long = next(run for run in up.runs("train") if (run["parameters"].get("config") or {}).get("epochs") == 2000)
    _until(lambda: bool(up.runs("train", id={"any_": [long["id"]]}, state={"type": {"any_": ["RUNNING"]}})), PATIENCE)
    children = _descendants(up.process.pid)
    assert len(children) >= 3  # server, worker, run
    _interrupt(up.process)
    assert up.process.wait(60) == 0, up.said
    assert up.said.rstrip().endswith("stopped")
    assert not [pid for pid in children if _alive(pid)]
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", up.port)) != 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT))


def _until(condition: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.5)


def _descendants(pid: int) -> list[int]:
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = dict(map(int, line.split()) for line in listing.splitlines())
    found, size = {pid}, 0
    while len(found) > size:
        size = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return sorted(found - {pid})


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
