import json
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from racing.errors import DriveRejected
from racing.exporter import Exporter
from tests.ppo.contract import engine
from tests.racing.rows import ACTIONS, as_the_oracle_takes_them, experiences

CHRISTMAS = datetime(2024, 12, 25, 14, 0, 0)
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def exporter(folder, **options):
    return Exporter(folder, ACTIONS, **{"now": lambda: CHRISTMAS, "say": lambda line: None} | options)


def oracle_bytes(folder, x, root, eol, encoding="ascii"):
    engine.write_rollout(
        folder / "oracle", as_the_oracle_takes_them(x), timestamp="2024.12.25-14.00.00", eol=eol, extra=root,
        encoding=encoding,
    )  # fmt: skip
    return (folder / "oracle").read_bytes()


@given(data=st.data(), eol=st.sampled_from(["\n", "\r\n"]), terms=st.sampled_from([(), ("progress", "100 %")]))
def test_files_are_to_the_byte_what_the_engine_writes(tmp_path_factory, data, eol, terms):
    folder = tmp_path_factory.mktemp("exports")
    count = data.draw(st.integers(1, 5))

    def floats(*shape):
        return data.draw(arrays.arrays(np.float32, shape, elements=FLOATS))

    done = data.draw(arrays.arrays(bool, count))
    given_next = data.draw(arrays.arrays(bool, count))
    x = experiences(
        count, state=floats(count, data.draw(st.integers(1, 4))), action=floats(count, 3), reward=floats(count),
        log_prob=floats(count), value=floats(count), done=done, truncated=done & data.draw(arrays.arrays(bool, count)),
        next_value=np.where(given_next, floats(count), np.float32(np.nan)),
        reward_terms={name: floats(count) for name in terms},
    )  # fmt: skip
    path = exporter(folder, eol=eol, session={"run_id": "r"}).export(x, policy_version=3).path
    root = {"rollout_index": 0, "policy_version": 3, "run_id": "r"}
    assert path.read_bytes() == oracle_bytes(folder, x, root, eol)


def test_text_that_is_not_ascii_makes_the_file_utf_16_with_its_mark(tmp_path):
    x = experiences()
    path = exporter(tmp_path, eol="\r\n", session={"environment": "Strecke Ümläut"}).export(x).path
    root = {"rollout_index": 0, "environment": "Strecke Ümläut"}
    assert path.read_bytes() == oracle_bytes(tmp_path, x, root, "\r\n", "utf-16")


def test_keys_stand_in_the_order_of_the_engine_with_ours_behind_them(tmp_path):
    x = experiences(terms=["progress"], done=np.ones(6, bool), truncated=np.ones(6, bool), next_value=np.ones(6))
    root = {"run_id": "r", "observation_names": ["a", "b"]}
    document = json.loads(exporter(tmp_path, session=root).export(x).path.read_text())
    assert list(document) == ["experiences", "num_experiences", "timestamp", "rollout_index", *root]
    assert list(document["experiences"][0]) == [
        "state", "action", "reward", "done", "log_prob", "value", "advantage", "return", "agent_index",
        "truncated", "next_value", "reward_terms",
    ]  # fmt: skip
    assert document["observation_names"] == ["a", "b"]


def test_the_name_holds_index_and_second_and_the_console_says_what_users_know(tmp_path):
    said = []
    session = exporter(tmp_path / "new" / "folder", say=said.append)
    assert session.export(experiences()).path.name == "rollout_0_20241225_140000.json"
    assert session.export(experiences()).path.name == "rollout_1_20241225_140000.json"
    assert said[0] == "PyTorchExporter: Exported 6 experiences to rollout_0_20241225_140000.json"
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 2


def test_two_sessions_in_one_second_never_write_over_each_other(tmp_path):
    first, second = exporter(tmp_path), exporter(tmp_path)
    names = [session.export(experiences(count)).path.name for count, session in [(1, first), (2, second), (3, first)]]
    assert [name.split("_")[1] for name in names] == ["0", "1", "2"]
    assert [json.loads((tmp_path / name).read_text())["num_experiences"] for name in names] == [1, 2, 3]
    assert [json.loads((tmp_path / name).read_text())["rollout_index"] for name in names] == [0, 1, 2]


@pytest.mark.parametrize("column", ["state", "action", "reward", "log_prob", "value", "term"])
@pytest.mark.parametrize("flaw", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_dropped_and_the_log_says_how_many(tmp_path, column, flaw):
    x, said = experiences(terms=["term"]), []
    (x.reward_terms["term"] if column == "term" else getattr(x, column))[[1, 4]] = flaw
    exported = exporter(tmp_path, say=said.append).export(x)
    document = json.loads(exported.path.read_text())
    assert [row["agent_index"] for row in document["experiences"]] == [0, 0, 1, 1]
    assert (document["num_experiences"], exported.steps, exported.dropped) == (4, 4, 2)
    assert said[0] == "PyTorchExporter: Dropped 2 experiences with NaN/Inf" and "Exported 4" in said[1]


def test_rows_none_of_which_is_finite_make_no_file(tmp_path):
    with pytest.raises(DriveRejected, match="none of 6 experiences is finite"):
        exporter(tmp_path).export(experiences(reward=np.full(6, np.nan)))
    assert list(tmp_path.iterdir()) == []


class CtrlC(list):
    """Names whose reading somebody interrupts."""

    def __iter__(self):
        assert [path.suffix for path in self.folder.iterdir()] == [".tmp"]
        raise KeyboardInterrupt


def test_an_interrupt_leaves_neither_a_file_nor_its_temporary_name(tmp_path):
    names = CtrlC()
    names.folder = tmp_path
    with pytest.raises(KeyboardInterrupt):
        exporter(tmp_path, session={"observation_names": names}).export(experiences())
    assert list(tmp_path.iterdir()) == []
