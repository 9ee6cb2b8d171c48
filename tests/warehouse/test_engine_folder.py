import os
import time
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


@pytest.mark.parametrize("name", ["con", "NUL", "com1", "aux.x", ".", ".."])
def test_a_name_that_windows_keeps_for_a_device_or_that_is_only_dots_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsRejected, match="engine_model_name"):
        deliver(_settings(tmp_path, engine_model_name=name), 1, b"{}")
    assert not (tmp_path / "Saved").exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "C:x", "/etc/x", "a\nb", "a\n", "a\0b", "", "x" * 101])
def test_a_name_that_is_a_path_is_no_setting(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsRejected, match="engine_model_name"):
        _settings(tmp_path, engine_model_name=name)


def test_the_pointer_holds_one_path_in_the_engine_s_folder_and_nothing_else(tmp_path: Path) -> None:
    path = deliver(_settings(tmp_path), 7, b"{}")
    assert path is not None
    lines = (path.parent / "best_model_path.txt").read_bytes().decode().splitlines()
    assert lines == [str(path)] and path.is_absolute() and path.parent == tmp_path / "Saved" / "Models"


def test_what_a_killed_delivery_left_goes_with_a_later_one_and_nothing_else_does(tmp_path: Path) -> None:
    """Ours is pitwall-<32 hex digits>.tmp; the engine and its person may call theirs what they like."""
    folder = tmp_path / "Saved" / "Models"
    folder.mkdir(parents=True)
    ours, young = folder / f"pitwall-{'0a' * 16}.tmp", folder / f"pitwall-{'0b' * 16}.tmp"
    theirs = [folder / name for name in (f"{'0a' * 16}.tmp", "pitwall-1.tmp", "pitwall-notes.tmp", "a.tmp")]
    odd = folder / f"pitwall-{'0c' * 16}.tmp"
    odd.mkdir()
    for path in (ours, young, *theirs):
        path.write_bytes(b"half")
    eight_days_ago = time.time() - 8 * 86400
    for path in (ours, odd, *theirs):
        os.utime(path, (eight_days_ago, eight_days_ago))
    deliver(_settings(tmp_path, grace_days=9), 1, b"{}")
    assert ours.exists()
    deliver(_settings(tmp_path), 1, b"{}")
    assert not ours.exists() and young.exists() and odd.is_dir() and all(path.exists() for path in theirs)
