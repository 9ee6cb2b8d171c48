"""Versions in MLflow, read by MLflow from a database of its own."""

import os
import sqlite3
import traceback
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.importing import import_policy
from flows.landing import bring_in
from flows.moves import tell_decision
from flows.reporter import Reporter
from flows.training import train
from pitwall.cli import app
from schemas.errors import TrackerBusy
from schemas.settings import Settings
from schemas.training import TrainConfig
from schemas.window import Window
from tests.flows.sessions import collect, driver
from tests.ppo.contract import leaves_files_open
from warehouse import aliases, registry
from warehouse.lake import Lake
from warehouse.promotion import Decision

pytest.importorskip("mlflow", reason="pip install 'pitwall[mlflow]'")
pytestmark = [leaves_files_open, pytest.mark.slow, pytest.mark.filterwarnings("default:::mlflow")]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory):
    """Version 1 drove; version 2 was trained, told to MLflow as it was published."""
    folder = tmp_path_factory.mktemp("home")
    opened = Lake.open(
        Settings.load(home=folder / "home", mlflow=f"sqlite:///{(folder / 'ml' / 'flow.db').as_posix()}")
    )
    (folder / "ml").mkdir()
    import_policy(opened, driver(1).raw, "a.json")
    bring_in(opened, [collect(driver(1), folder / "in" / "a", 0, 20)], Reporter())
    done = train(opened, Window(), TrainConfig(epochs=3, device="cpu"), Reporter())
    assert not [note for note in done.notes if "MLflow" in note]
    yield opened
    opened.catalog.engine.dispose()


@pytest.fixture
def client(lake: Lake):
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=lake.settings.mlflow, registry_uri=lake.settings.mlflow)


def runs(client):
    return client.search_runs([client.get_experiment_by_name("pitwall").experiment_id])


def pitwall(lake: Lake, *words: str, uri: str | None = None) -> str:
    environment = {"PITWALL_MLFLOW": lake.settings.mlflow if uri is None else uri}
    said = CliRunner().invoke(app, ["--home", str(lake.paths.home), *words], env=environment)
    if said.exception is not None and said.exit_code:
        raise said.exception
    return said.output


def test_a_version_is_a_run_with_parameters_figures_and_tags(lake: Lake, client) -> None:
    (run,) = runs(client)
    model, manifest = registry.get(lake, 2), registry.read_manifest(lake, 2)
    assert (run.info.run_name, run.info.status) == ("v00002", "FINISHED")
    assert run.data.params["epochs"] == "3" and run.data.params["objective"] == "decoupled"
    assert run.data.metrics["kl"] == pytest.approx(model.metrics["kl"])
    curve = client.get_metric_history(run.info.run_id, "epoch/kl")
    assert [each.step for each in curve] == [1, 2, 3]
    assert [each.value for each in curve] == pytest.approx(manifest.curves["epoch.kl"])
    assert {name: run.data.tags[f"pitwall.{name}"] for name in ("version", "parent", "window_id", "start")} == {
        "version": "2", "parent": "1", "window_id": model.window_id, "start": "warm",
    }  # fmt: skip


def test_its_files_are_artifacts_beside_the_database(lake: Lake, client, tmp_path: Path) -> None:
    (run,) = runs(client)
    assert {each.path for each in client.list_artifacts(run.info.run_id, "model")} == {
        f"model/{name}" for name in registry.get(lake, 2).files
    }
    copy = Path(client.download_artifacts(run.info.run_id, "model/policy.onnx", str(tmp_path)))
    assert copy.read_bytes() == registry.read_file(lake, 2, "policy.onnx")
    assert "/ml/mlartifacts/" in run.info.artifact_uri


def test_a_registered_model_follows_with_its_aliases(lake: Lake, client) -> None:
    (version,) = client.search_model_versions("name = 'pitwall'")
    (run,) = runs(client)
    assert (version.run_id, version.tags["pitwall.version"]) == (run.info.run_id, "2")
    assert version.source == f"{run.info.artifact_uri}/model"
    assert client.get_registered_model("pitwall").aliases == {}  # the champion is version 1, which was never sent
    pitwall(lake, "models", "promote", "2")
    assert client.get_model_version_by_alias("pitwall", "champion").tags["pitwall.version"] == "2"
    pitwall(lake, "models", "rollback")
    assert client.get_registered_model("pitwall").aliases == {}


def test_a_judgement_moves_the_alias_there_too(lake: Lake, client) -> None:
    aliases.promote(lake, "champion", 2)
    tell_decision(lake, Decision(promoted=True, reason="not worse", champion=2, drive=2, comparison=None), Reporter())
    assert client.get_model_version_by_alias("pitwall", "champion").tags["pitwall.version"] == "2"
    aliases.rollback(lake, "champion")
    tell_decision(
        lake,
        Decision(promoted=False, rolled_back=True, reason="fell", champion=1, drive=1, comparison=None),
        Reporter(),
    )
    assert client.get_registered_model("pitwall").aliases == {}


def test_the_same_version_twice_is_one_run_and_one_that_broke_off_is_replaced(lake: Lake, client) -> None:
    (run,) = runs(client)
    assert pitwall(lake, "models", "track", "2").splitlines()[-1] == f"MLflow: pitwall, run {run.info.run_id}"
    assert len(runs(client)) == len(client.search_model_versions("name = 'pitwall'")) == 1
    client.create_run(run.info.experiment_id, tags={**run.data.tags})
    client.set_terminated(run.info.run_id, "FAILED")
    pitwall(lake, "models", "track", "2")
    (again,) = runs(client)
    assert again.info.status == "FINISHED" and again.info.run_id != run.info.run_id
    (version,) = client.search_model_versions("name = 'pitwall'")
    assert version.run_id == again.info.run_id


def test_a_server_that_is_out_of_reach_does_not_fail_the_training(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settings = lake.settings.model_copy(update={"mlflow": "http://ada:hunter2@127.0.0.1:9"})
    done = train(Lake(settings, lake.paths, lake.catalog), Window(), TrainConfig(epochs=1, device="cpu"), Reporter())
    assert done.published is not None
    (note,) = [note for note in done.notes if note.startswith("MLflow was not told: ")]
    assert "hunter2" not in note
    assert note.endswith(f"Then: pitwall models track {done.published.version}")
    with pytest.raises(TrackerBusy) as caught:
        pitwall(lake, "models", "track", uri=settings.mlflow)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_nothing_is_sent_to_its_makers_and_the_catalog_stays_ours(lake: Lake) -> None:
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    with sqlite3.connect(lake.paths.home / "catalog.sqlite") as connection:
        names = {name for (name,) in connection.execute("select name from sqlite_master")}
    connection.close()
    assert "experiments" not in names and "hunter2" not in repr(
        lake.settings.model_copy(update={"mlflow": "a:hunter2"})
    )


def test_a_uri_that_is_none_is_told(lake: Lake) -> None:
    with pytest.raises(TrackerBusy, match="Is the setting mlflow right"):
        pitwall(lake, "models", "track", "2", uri="nowhere://x")
