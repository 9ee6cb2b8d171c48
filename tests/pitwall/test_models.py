import importlib.metadata
import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from pitwall.cli import app
from schemas.errors import LakeDamaged, NotRegistered, SettingsRejected
from schemas.settings import Settings
from tests.warehouse.drafts import draft, files, insert_window
from warehouse.lake import Lake
from warehouse.registry import get, publish, read_manifest

SAMPLE = Path(__file__).parents[2] / "samples" / "policy.json.gz"


@pytest.fixture
def two(lake: Lake) -> Lake:
    """Version 1 came from outside; version 2 was trained on rollouts 0 and 1."""
    publish(lake, draft("a", start="imported", config={"epochs": 4}), files)
    window_id = insert_window(lake, "w", 0, 1)
    notes = ("started by [bold]hand[/bold]",)
    sent = draft("b", parent=1, window_id=window_id, config={"epochs": 8}, metrics={"kl": 0.125}, notes=notes)
    publish(lake, sent, files)
    return lake


def _models(lake: Lake, *words: str | Path) -> Result:
    place = ["--home", str(lake.settings.home), "--catalog", lake.settings.catalog]
    return CliRunner().invoke(app, [*place, "models", *map(str, words)])


def _said(lake: Lake, *words: str | Path) -> str:
    result = _models(lake, *words)
    assert result.exit_code == 0, result.output
    return result.output


def test_an_empty_registry_says_how_to_begin(lake: Lake) -> None:
    assert "pitwall models import FILE" in _said(lake, "list")
    assert json.loads(_said(lake, "list", "--json")) == []


def test_list_shows_versions_newest_first(two: Lake) -> None:
    said = _said(two, "list")
    assert said.index("latest") < said.index("champion")
    assert "kl 0.125" in said
    told = json.loads(_said(two, "list", "--json"))
    assert [(each["version"], each["aliases"], each["parent"]) for each in told] == [
        (2, ["latest"], 1),
        (1, ["champion"], None),
    ]


def test_show_tells_where_a_version_comes_from(two: Lake) -> None:
    said = _said(two, "show", "v2")
    for words in ("rollout_0.json", "rollout_1.json", "20 rows", "epochs  8", "kl  0.125", "policy.onnx  8 bytes"):
        assert words in said
    assert "started by [bold]hand[/bold]" in said
    told = json.loads(_said(two, "show", "--json"))
    assert (told["version"], told["ancestors"], told["window"]["rows"]) == (2, [1], 20)
    assert [each["file_name"] for each in told["rollouts"]] == ["rollout_0.json", "rollout_1.json"]


def test_diff_shows_settings_that_changed(two: Lake) -> None:
    assert "epochs" in _said(two, "diff", "1", "2")
    told = json.loads(_said(two, "diff", "champion", "--json"))
    assert (told["a"], told["b"], told["config"]) == (1, 2, {"epochs": [4, 8]})


def test_promote_and_rollback_say_what_moved(two: Lake) -> None:
    assert _said(two, "promote", "latest", "--reason", "faster") == "champion: version 1 -> version 2\n"
    assert _said(two, "promote", "2") == "champion is on version 2 already.\n"
    assert _said(two, "rollback") == "champion: version 2 -> version 1\n"
    assert _said(two, "promote", "2", "--alias", "night") == "night: version none -> version 2\n"
    assert get(two, "night").version == 2


def test_export_copies_one_file_or_all(two: Lake, tmp_path: Path) -> None:
    target = tmp_path / "out" / "driver.json"
    assert _said(two, "export", "2", "--to", target).strip() == str(target)
    assert target.read_bytes() == b'{"version": 2}'
    _said(two, "export", "2", "--format", "onnx", "--to", target.parent)
    assert (target.parent / "policy.onnx").read_bytes() == b"onnxonnx"
    _said(two, "export", "2", "--format", "all", "--to", tmp_path / "everything")
    assert {path.name: path.read_bytes() for path in (tmp_path / "everything").iterdir()} == {
        path.name: path.read_bytes() for path in get(two, 2).folder.iterdir()
    }
    assert isinstance(_models(two, "export", "2", "--format", "safetensors", "--to", target).exception, NotRegistered)


def test_export_replaces_another_file_only_by_force(two: Lake, tmp_path: Path) -> None:
    target = tmp_path / "driver.json"
    _said(two, "export", "1", "--to", target)
    _said(two, "export", "1", "--to", target)  # the same content is in nobody's way
    refused = _models(two, "export", "2", "--to", target)
    assert isinstance(refused.exception, SettingsRejected) and "--force" in str(refused.exception)
    assert target.read_bytes() == b'{"version": 1}'
    _said(two, "export", "2", "--to", target, "--force")
    assert target.read_bytes() == b'{"version": 2}'


def test_export_of_a_damaged_version_copies_nothing(two: Lake, tmp_path: Path) -> None:
    (get(two, 2).folder / "policy.onnx").write_bytes(b"ONNXonnx")
    result = _models(two, "export", "2", "--format", "all", "--to", tmp_path / "out")
    assert isinstance(result.exception, LakeDamaged)
    assert not (tmp_path / "out").exists()


def test_import_takes_a_policy_once(lake: Lake) -> None:
    pytest.importorskip("flows.importing", exc_type=ModuleNotFoundError)
    for _ in range(2):
        assert "policy.json.gz is version 1." in _said(lake, "import", SAMPLE)
    assert get(lake, 1).start == "imported"
    assert "policy.engine.json" in get(lake, 1).files


def test_export_as_torchscript_makes_the_file_now(lake: Lake, tmp_path: Path) -> None:
    _said(lake, "import", SAMPLE)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.load` is deprecated", DeprecationWarning)
        for place, file in (
            (tmp_path / "driver.pt", tmp_path / "driver.pt"),
            (tmp_path, tmp_path / "policy.torchscript.pt"),
        ):
            assert _said(lake, "export", "1", "--format", "torchscript", "--to", place).strip() == str(file)
            _said(lake, "export", "1", "--format", "torchscript", "--to", place)  # the same bytes are in nobody's way
            module = torch.jit.load(file)
    golden = read_manifest(lake, 1).golden
    _, mean, value = module(torch.tensor(golden.observations))
    assert torch.allclose(mean, torch.tensor(golden.means), atol=1e-6)
    assert torch.allclose(value[:, 0], torch.tensor(golden.values), atol=1e-5)
    assert "policy.torchscript.pt" not in get(lake, 1).files


def test_a_broken_gzip_is_a_rejected_policy_and_the_exit_code_is_1(tmp_path: Path) -> None:
    (tmp_path / "policy.json.gz").write_bytes(SAMPLE.read_bytes()[:100])
    done = _pitwall(tmp_path, "models", "import", str(tmp_path / "policy.json.gz"))
    assert (done.returncode, "gzip data are damaged" in done.stderr) == (1, True)


def test_a_wrong_alias_is_wrong_usage_and_the_exit_code_is_2(tmp_path: Path) -> None:
    Lake.open(Settings.load(home=tmp_path)).catalog.engine.dispose()
    done = _pitwall(tmp_path, "models", "promote", "1", "--alias", "latest")
    assert (done.returncode, "moves only when a version is published" in done.stderr) == (2, True)


def test_a_rollout_that_is_taken_for_a_policy_leads_to_ingest(tmp_path: Path) -> None:
    rollout = next((Path(__file__).parents[2] / "samples" / "session_a").glob("rollout_0*"))
    done = _pitwall(tmp_path, "models", "import", str(rollout))
    assert done.returncode == 1 and "this is a rollout" in done.stderr and "pitwall ingest FILE" in done.stderr


def test_a_setting_says_where_its_value_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PITWALL_KEEP_MODELS", "7")
    (tmp_path / "pitwall.toml").write_text("keep_models = 5\nnew_rollouts = 3\n", encoding="utf-8")
    told = json.loads(CliRunner().invoke(app, ["--home", "lake", "settings", "--json"]).stdout)
    found = {name: told[name]["from"] for name in ("home", "keep_models", "new_rollouts", "landing")}
    assert list(found.values()) == ["argument", "PITWALL_KEEP_MODELS", "pitwall.toml", "default"]


def _pitwall(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from pitwall.cli import main; main()", "--home", str(home), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_version_of_the_program_needs_no_command() -> None:
    said = CliRunner().invoke(app, ["--version"])
    assert (said.exit_code, said.output.strip()) == (0, importlib.metadata.version("pitwall"))
