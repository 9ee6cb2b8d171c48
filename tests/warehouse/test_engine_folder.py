from pathlib import Path

import pytest

from schemas.errors import SettingsRejected, StorageBusy
from schemas.settings import Settings
from warehouse.engine_folder import deliver


def _settings(tmp_path: Path, **changes: object) -> Settings:
    return Settings.load(home=tmp_path / "home", engine_models_dir=tmp_path / "Saved" / "Models", **changes)


def test_nothing_is_delivered_where_no_folder_is_set(tmp_path: Path) -> None:
    assert deliver(Settings.load(home=tmp_path), 1, b"{}") is None
    assert list(tmp_path.iterdir()) == []


def test_the_policy_and_the_pointer_to_it_are_delivered(tmp_path: Path) -> None:
    path = deliver(_settings(tmp_path), 12, b"{}")
    folder = tmp_path / "Saved" / "Models"
    assert path == folder / "pitwall_v12.json"
    assert path.read_bytes() == b"{}"
    assert (folder / "best_model_path.txt").read_text() == str(path)
    assert sorted(file.name for file in folder.iterdir()) == ["best_model_path.txt", "pitwall_v12.json"]


def test_the_pointer_goes_to_the_newest_delivery_and_older_policies_stay(tmp_path: Path) -> None:
    deliver(_settings(tmp_path), 1, b"1")
    newest = deliver(_settings(tmp_path), 2, b"2")
    folder = tmp_path / "Saved" / "Models"
    assert (folder / "best_model_path.txt").read_text() == str(newest)
    assert (folder / "pitwall_v1.json").read_bytes() == b"1"


def test_the_same_delivery_twice_touches_no_file(tmp_path: Path) -> None:
    path = deliver(_settings(tmp_path), 1, b"{}")
    assert path is not None
    before = {file: file.stat().st_mtime_ns for file in path.parent.iterdir()}
    deliver(_settings(tmp_path), 1, b"{}")
    assert {file: file.stat().st_mtime_ns for file in path.parent.iterdir()} == before


def test_a_name_without_a_number_is_replaced_and_a_wrong_placeholder_refused(tmp_path: Path) -> None:
    for version in (1, 2):
        path = deliver(_settings(tmp_path, engine_model_name="best"), version, b"%d" % version)
    assert path is not None and (path.name, path.read_bytes()) == ("best.json", b"2")
    with pytest.raises(SettingsRejected, match=r"its one placeholder is \{version\}"):
        deliver(_settings(tmp_path, engine_model_name="v{verison}"), 3, b"3")


def test_a_folder_that_cannot_be_written_is_transient_and_says_where(tmp_path: Path) -> None:
    (tmp_path / "Saved").write_text("a file where the folder should be")
    with pytest.raises(StorageBusy, match=r"pitwall_v1\.json: cannot be written"):
        deliver(_settings(tmp_path), 1, b"{}")
