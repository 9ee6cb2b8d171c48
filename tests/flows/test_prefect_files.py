"""What can be known of the deployments without a server."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from flows.events import READY, Event
from flows.summary import window_words
from pitwall.cli import app
from pitwall.up import AUTOMATION
from schemas.errors import CatalogBusy, SettingsRejected, WindowEmpty
from schemas.window import RECENT, Window

CHECKOUT = Path(__file__).parents[2]
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text(encoding="utf-8"))[
    "deployments"
]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_entrypoints_load_and_take_the_parameters_of_their_deployment(
    deployment: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.flows import load_flow_from_entrypoint

    monkeypatch.chdir(CHECKOUT)
    flow = load_flow_from_entrypoint(deployment["entrypoint"])
    flow.validate_parameters(deployment.get("parameters", {}))
    for schedule in deployment["schedules"]:
        flow.validate_parameters(schedule.get("parameters", {}))


def test_names_are_the_documented_ones() -> None:
    from pitwall.up import DEPLOYMENTS as documented

    names = {f"{Path(one['entrypoint']).stem}/{one['name']}" for one in DEPLOYMENTS}
    assert names == set(documented)


def test_keys_are_those_that_prefect_knows() -> None:
    known = {"name", "entrypoint", "description", "tags", "concurrency_limit", "work_pool", "schedules", "triggers"}
    for deployment in DEPLOYMENTS:
        assert set(deployment) <= known
        assert set(deployment["concurrency_limit"]) == {"limit", "collision_strategy"}


def test_the_automation_trains_on_the_event_that_an_ingest_sends() -> None:
    """A key of a trigger that Prefect does not know is ignored, and one without `expect` fires at every event."""
    from prefect.events.schemas.deployment_triggers import DeploymentEventTrigger
    from prefect.flows import load_flow_from_entrypoint

    [(deployment, spelled)] = [(one, trigger) for one in DEPLOYMENTS for trigger in one.get("triggers", [])]
    assert deployment["entrypoint"] == "flows/train.py:train" and set(spelled) <= set(
        DeploymentEventTrigger.model_fields
    )
    trigger = DeploymentEventTrigger.model_validate(spelled)
    assert trigger.name == AUTOMATION and trigger.enabled and (trigger.threshold, trigger.posture) == (1, "Reactive")
    assert trigger.expect == {READY}
    resource = Event(name=READY, resource={"prefect.resource.id": "pitwall.lake/pitwall-data"}, payload={}).resource
    assert trigger.match.matches(resource)
    assert trigger.parameters == {"at_least_new": None}
    load_flow_from_entrypoint(str(CHECKOUT / deployment["entrypoint"])).validate_parameters(trigger.parameters)


def test_plain_functions_and_the_help_need_no_prefect() -> None:
    program = "import sys, flows.training, flows.landing, flows.importing, pitwall.cli; print('prefect' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_type_of_an_error_decides_about_another_try() -> None:
    from prefect.states import Failed

    from flows.prefect_reporter import may_succeed_later

    assert may_succeed_later(None, None, Failed(data=CatalogBusy("locked")))
    assert not may_succeed_later(None, None, Failed(data=WindowEmpty("nothing")))
    assert not may_succeed_later(None, None, Failed(data=OSError("unknown")))


def test_a_window_in_words_names_only_what_was_asked() -> None:
    assert window_words(RECENT) == "newest-20"
    assert window_words(Window(best=3, run="lap")) == "best-3 run-lap"
    assert window_words(Window()) == "everything"


def test_up_outside_of_a_checkout_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["up"])
    assert isinstance(result.exception, SettingsRejected)
    assert "no prefect.yaml here" in str(result.exception)
