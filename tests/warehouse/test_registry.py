import hashlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import LakeDamaged, NotRegistered, TrainingStopped
from schemas.manifest import FileEntry, Golden, ModelManifest
from schemas.space import Space
from tests.warehouse.drafts import SPACE, draft, files, insert_window, sha256
from warehouse.lake import Lake
from warehouse.model_diff import diff
from warehouse.model_lineage import ancestors, rollouts_of
from warehouse.registry import candidates, get, publish, read_file, read_manifest, versions


def test_versions_count_from_one_and_build_learns_its_number(lake: Lake) -> None:
    assert [publish(lake, draft(name), files).version for name in "abc"] == [1, 2, 3]
    assert [model.version for model in versions(lake)] == [1, 2, 3]
    assert read_file(lake, 3, "policy.engine.json") == b'{"version": 3}'
    assert read_file(lake, "2", "policy.onnx") == b"onnxonnx"


def test_the_folder_holds_what_the_manifest_says_and_a_card(lake: Lake) -> None:
    folder = publish(lake, draft(config={"epochs": 4}, metrics={"kl": 0.01}, notes=("by hand",)), files).folder
    told = json.loads((folder / "manifest.json").read_bytes())
    on_disk = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(on_disk) == {"policy.engine.json", "policy.onnx", "CARD.md", "manifest.json"}
    assert told["files"] == {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in on_disk.items()
        if name != "manifest.json"
    }
    assert (told["version"], told["start"], told["parent"], told["window"]) == (1, "warm", None, None)
    assert (told["config"], told["metrics"], told["notes"]) == ({"epochs": 4}, {"kl": 0.01}, ["by hand"])
    assert [action["name"] for action in told["space"]["actions"]] == ["steer", "throttle", "brake"]
    assert told["golden"]["values"] == [4.0]
    card = on_disk["CARD.md"].decode()
    for words in (
        "version 1",
        "| kl | 0.01 |",
        "| epochs | 4 |",
        "- by hand",
        "pitwall models export 1",
        "`steer` [-1, 1]",
    ):
        assert words in card


def test_a_version_reads_back_as_it_was_published(lake: Lake) -> None:
    publish(lake, draft("a"), files)
    window_id = insert_window(lake, "w", 0, 1)
    sent = draft(
        "b",
        parent=1,
        window_id=window_id,
        config={"hidden": [128, 128]},
        metrics={"kl": 0.25},
        curves={"loss": (3.0, 2.0)},
        seeds={"torch": 7},
        libraries={"torch": "2.13.0"},
    )
    publish(lake, sent, files)
    model, manifest = get(lake, 2), read_manifest(lake, 2)
    for name in ("parent", "start", "config", "space", "metrics", "fingerprint"):
        assert getattr(model, name) == getattr(manifest, name) == getattr(sent, name)
    for name in ("curves", "seeds", "libraries", "golden", "notes"):
        assert getattr(manifest, name) == getattr(sent, name)
    assert manifest.window is not None
    assert (manifest.window.id, manifest.window.rows, manifest.window.rows_sha256) == (
        window_id,
        20,
        sha256("rows of w"),
    )
    assert [(each.file_name, each.rows) for each in rollouts_of(lake, 2)] == [
        ("rollout_0.json", 10),
        ("rollout_1.json", 10),
    ]
    assert rollouts_of(lake, 1) == []
    publish(lake, draft("c", parent=2), files)
    assert ancestors(lake, "latest") == [2, 1]


def test_a_build_that_raises_leaves_no_version_no_folder_and_no_gap(lake: Lake) -> None:
    def refuse(version: int) -> dict[str, bytes]:
        raise ZeroDivisionError(version)

    publish(lake, draft("a"), files)
    with pytest.raises(ZeroDivisionError):
        publish(lake, draft("b"), refuse)
    assert [model.version for model in versions(lake)] == [1]
    assert [folder.name for folder in lake.paths.models.iterdir()] == ["v00001"]
    assert list(lake.paths.scratch.iterdir()) == []
    assert publish(lake, draft("c"), files).version == 2


@pytest.mark.parametrize("name", ["manifest.json", "CARD.md", "../policy.onnx", "a/b", "", "a b"])
def test_a_build_cannot_write_elsewhere_or_take_our_names(lake: Lake, name: str) -> None:
    with pytest.raises(ValueError, match="plain name"):
        publish(lake, draft(), lambda _: {name: b""})
    assert versions(lake) == []


@pytest.mark.parametrize("start", ["imported", "fresh"])
def test_weights_from_outside_that_are_known_are_the_version_that_has_them(lake: Lake, start: str) -> None:
    first = publish(lake, draft("a", start=start), files)
    again = publish(lake, draft("a", start=start), files)
    assert (first.version, first.is_new) == (1, True)
    assert (again.version, again.is_new, again.folder) == (1, False, first.folder)
    assert get(lake, 1).start == read_manifest(lake, 1).start == start
    assert publish(lake, draft("a", start="warm"), files).version == 2


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_not_finite_is_named_and_nothing_is_published(lake: Lake, value: float) -> None:
    with pytest.raises(TrainingStopped, match="metric kl is"):
        publish(lake, draft(metrics={"loss": 1.0, "kl": value}), files)
    with pytest.raises(TrainingStopped, match=r"metric loss\[epoch 2\] is"):
        publish(lake, draft(curves={"loss": (1.0, value)}), files)
    assert versions(lake) == []


def test_a_parent_or_window_that_is_not_there_is_named(lake: Lake) -> None:
    publish(lake, draft(), files)
    with pytest.raises(NotRegistered, match="no version '9'; there are 1 to 1"):
        publish(lake, draft(parent=9), files)
    with pytest.raises(NotRegistered, match="no window 'gone'"):
        publish(lake, draft(window_id="gone"), files)


@pytest.mark.parametrize("name", ["policy.engine.json", "policy.onnx", "CARD.md", "manifest.json"])
def test_one_flipped_bit_in_any_file_is_found(lake: Lake, name: str) -> None:
    path = publish(lake, draft(), files).folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(LakeDamaged) as raised:
        read_file(lake, 1, name)
    assert str(path) in str(raised.value)
    assert hashlib.sha256(content).hexdigest() in str(raised.value)
    assert "pitwall models rollback champion" in str(raised.value)


def test_a_file_that_is_gone_is_damage_and_one_that_never_was_is_not(lake: Lake) -> None:
    path = publish(lake, draft(), files).folder / "policy.onnx"
    path.unlink()
    with pytest.raises(LakeDamaged, match="cannot be read"):
        read_file(lake, 1, "policy.onnx")
    with pytest.raises(NotRegistered, match=r"has no file '\.\./x'; it has CARD\.md, manifest\.json, policy"):
        read_file(lake, 1, "../x")


def test_candidates_are_the_versions_of_the_same_widths_newest_first(lake: Lake) -> None:
    publish(lake, draft("a"), files)
    publish(lake, draft("b", space=Space.of(23, ["steer", "throttle", "brake"])), files)
    publish(lake, draft("c"), files)
    renamed = Space.of(15, ["steer", "throttle", "brake"], [f"sensor_{at}" for at in range(15)])
    assert [model.version for model in candidates(lake)] == [3, 2, 1]
    assert [model.version for model in candidates(lake, SPACE)] == [3, 1]
    assert [model.version for model in candidates(lake, renamed)] == [3, 1]


def test_diff_shows_what_two_versions_do_not_share(lake: Lake) -> None:
    older, newer = insert_window(lake, "older", 0, 1), insert_window(lake, "newer", 1, 2)
    publish(lake, draft("a", window_id=older, config={"epochs": 4, "seed": 0}, metrics={"kl": 0.1}), files)
    publish(lake, draft("b", window_id=newer, config={"epochs": 8, "seed": 0}, metrics={"kl": 0.1, "loss": 2.0}), files)
    found = diff(lake, 1, "latest")
    assert found.config == {"epochs": (4, 8)}
    assert found.metrics == {"loss": (None, 2.0)}
    assert found.windows == (older, newer)
    assert not found.same_weights
    assert found.rollouts_only_a == (sha256("rollout 0"),)
    assert found.rollouts_only_b == (sha256("rollout 2"),)
    assert found.rollouts_shared == (sha256("rollout 1"),)


_finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    metrics=st.dictionaries(st.text(), _finite, max_size=4),
    curves=st.dictionaries(st.text(), st.tuples(_finite, _finite), max_size=2),
    value=_finite,
    notes=st.lists(st.text(), max_size=3),
)
def test_a_manifest_comes_back_from_its_json_exactly(
    metrics: dict[str, float], curves: dict[str, tuple[float, ...]], value: float, notes: list[str]
) -> None:
    sent = draft(golden=Golden(observations=((value,),), means=((value,),), values=(value,)), notes=tuple(notes))
    manifest = ModelManifest(
        **sent.model_dump(exclude={"window_id", "metrics", "curves"}),
        metrics=metrics,
        curves=curves,
        version=1,
        window=None,
        created_at="2024-12-25T14:00:00Z",
        files={"policy.onnx": FileEntry(sha256=sha256("x"), bytes=1)},
    )
    assert ModelManifest.model_validate_json(manifest.model_dump_json(indent=2)) == manifest
