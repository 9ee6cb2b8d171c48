"""Versions in TensorBoard, read by TensorBoard."""

import json
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata as hparams_metadata
from typer.testing import CliRunner

from flows.importing import import_policy
from flows.landing import bring_in
from flows.reporter import Reporter
from flows.tracking import track
from flows.training import train
from pitwall.cli import app
from schemas.errors import SettingsRejected, TrackerBusy
from schemas.settings import Settings
from schemas.training import TrainConfig
from schemas.window import Window
from tests.flows.sessions import collect, driver
from tests.ppo.contract import leaves_files_open
from warehouse import registry
from warehouse.lake import Lake

pytestmark = leaves_files_open


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory):
    """Version 1 drove; 2 and 3 were trained, told to TensorBoard as they were published."""
    folder = tmp_path_factory.mktemp("home")
    opened = Lake.open(Settings.load(home=folder / "home", tensorboard=folder / "board"))
    import_policy(opened, driver(1).raw, "a.json")
    bring_in(opened, [collect(driver(1), folder / "in" / "a", 0, 20)], Reporter())
    for epochs in (2, 3):
        done = train(opened, Window(), TrainConfig(epochs=epochs, device="cpu"), Reporter(), parent=1)
        assert not [note for note in done.notes if "TensorBoard" in note]
    yield opened
    opened.catalog.engine.dispose()


def board(lake: Lake) -> Path:
    assert lake.settings.tensorboard is not None
    return lake.settings.tensorboard


def read(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def scalars(events: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events.Scalars(tag)]


def run_of(lake: Lake, version: int) -> Path:
    return board(lake) / f"v{version:05d}-{registry.get(lake, version).fingerprint[:8]}"


def test_each_version_has_a_run_with_its_curves_by_epoch(lake: Lake) -> None:
    events = read(run_of(lake, 3))
    curves = registry.read_manifest(lake, 3).curves
    kl = scalars(events, "epoch/approx_kl")
    assert [step for step, _ in kl] == [1, 2, 3]
    assert [value for _, value in kl] == pytest.approx(curves["epoch.kl"], rel=1e-6)
    assert len(scalars(events, "epoch/value_loss")) == 3
    (moment,) = {event.wall_time for event in events.Scalars("epoch/approx_kl")}
    assert moment == pytest.approx(registry.read_manifest(lake, 3).created_at.timestamp())


def test_figures_stand_under_their_usual_tags_over_all_versions(lake: Lake) -> None:
    events = read(board(lake) / "updates")
    told = {version: registry.get(lake, version).metrics for version in (2, 3)}
    for tag, name in (("train/approx_kl", "kl"), ("train/explained_variance", "explained_variance"),
                      ("rollout/return_mean", "return_mean"), ("train/counts.trained", "counts.trained")):  # fmt: skip
        assert sorted(scalars(events, tag)) == [(version, pytest.approx(told[version][name])) for version in (2, 3)]


def test_the_configuration_is_there_as_hyperparameters(lake: Lake) -> None:
    data = read(run_of(lake, 2)).SummaryMetadata(hparams_metadata.SESSION_START_INFO_TAG)
    started = hparams_metadata.parse_session_start_info_plugin_data(data.plugin_data.content)
    told = {name: value for name, value in started.hparams.items()}
    assert told["epochs"].number_value == 2 and told["parent"].number_value == 1
    assert told["objective"].string_value == "decoupled" and json.loads(told["hidden"].string_value) == [128, 128]
    assert (
        "# Policy, version 2"
        in read(run_of(lake, 2)).Tensors("card/text_summary")[0].tensor_proto.string_val[0].decode()
    )


def test_sending_again_changes_nothing(lake: Lake) -> None:
    before = {path: path.stat().st_mtime_ns for path in board(lake).rglob("*")}
    said = CliRunner().invoke(app, ["--home", str(lake.paths.home), "models", "track", "2"],
                              env={"PITWALL_TENSORBOARD": str(board(lake))})  # fmt: skip
    assert said.stdout.strip() == f"TensorBoard: {run_of(lake, 2)}"
    assert {path: path.stat().st_mtime_ns for path in board(lake).rglob("*")} == before


def test_a_tracker_that_fails_does_not_fail_the_training(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "board").write_text("in the way")
    settings = lake.settings.model_copy(update={"tensorboard": tmp_path / "board"})
    done = train(Lake(settings, lake.paths, lake.catalog), Window(), TrainConfig(epochs=1, device="cpu"), Reporter())
    assert done.published is not None
    (note,) = [note for note in done.notes if "TensorBoard" in note]
    assert note.startswith("TensorBoard was not told: ")
    assert note.endswith(f"Then: pitwall models track {done.published.version}")
    said = CliRunner().invoke(app, ["--home", str(lake.paths.home), "models", "track"],
                              env={"PITWALL_TENSORBOARD": str(tmp_path / "board")})  # fmt: skip
    assert isinstance(said.exception, TrackerBusy) and "the setting tensorboard" in str(said.exception)


@pytest.mark.parametrize("setting", ["tensorboard", "mlflow"])
def test_a_package_that_is_not_installed_is_named(
    lake: Lake, tmp_path: Path, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if f"{name}.".startswith(("torch.utils.tensorboard.", "mlflow."))]:
        monkeypatch.delitem(sys.modules, module)  # as in a new process
    monkeypatch.setitem(sys.modules, setting, None)
    settings = lake.settings.model_copy(update={"tensorboard": None, setting: tmp_path / "place"})
    with pytest.raises(SettingsRejected, match=rf"pip install 'pitwall\[{setting}\]'"):
        track(Lake(settings, lake.paths, lake.catalog), 2)


def test_without_a_setting_there_is_nowhere_to_send_to(lake: Lake) -> None:
    said = CliRunner().invoke(app, ["--home", str(lake.paths.home), "models", "track", "2"])
    assert isinstance(said.exception, SettingsRejected) and "pitwall.toml" in str(said.exception)
