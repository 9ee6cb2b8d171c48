import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.settings import Settings
from tests.warehouse.rollouts import ACTIONS, bits, document, experience, name, rows, sql, write, write_json
from warehouse.attributions import space_of
from warehouse.ingest import ingest
from warehouse.lake import Lake
from warehouse.partition import read_ranges
from warehouse.window_rows import rollout_rows


def stored(lake, rollout_id):
    """The partition's rows of one rollout, in the order of the file."""
    import sqlalchemy as sa

    from warehouse import tables as t

    query = sa.select(t.partitions.c.path, t.partitions.c.partition_id, t.rollouts.c.first_row, t.rollouts.c.rows)
    with lake.catalog.read() as connection:
        where = t.rollouts.c.rollout_id == rollout_id
        path, sha256, first, count = connection.execute(
            query.select_from(t.rollouts.join(t.partitions)).where(where)
        ).one()
    return read_ranges(lake.paths, path, sha256, [(first, count)]).sort("row_index")


def assert_same(frame: pl.DataFrame, read: dict, space) -> None:
    """Every value of the lake is the file's, cut to float32, bit for bit."""
    experiences = read["experiences"]
    assert frame["row_index"].to_list() == list(range(len(experiences)))
    for number, column in enumerate(space.observation_columns):
        assert bits(frame[column]) == bits(row["state"][number] for row in experiences), column
    for feature, column in zip(space.actions, space.action_columns, strict=True):
        assert bits(frame[column]) == bits(row["action"][feature.name] for row in experiences), column
    for field, column in [("reward",) * 2, ("log_prob",) * 2, ("value",) * 2, ("next_value",) * 2,
                          ("advantage", "engine_advantage"), ("return", "engine_return")]:  # fmt: skip
        assert bits(frame[column]) == bits(row.get(field) for row in experiences), column
    assert frame["agent_index"].to_list() == [row["agent_index"] for row in experiences]
    assert frame["truncated"].to_list() == [row.get("truncated", False) for row in experiences]
    ended = [row["done"] and not row.get("truncated", False) for row in experiences]
    assert frame["terminated"].to_list() == ended
    terms = {term for row in experiences for term in row.get("reward_terms") or {}}
    assert {column for column in frame.columns if column.startswith("term_")} == {f"term_{term}" for term in terms}
    for term in terms:
        assert bits(frame[f"term_{term}"]) == bits((row.get("reward_terms") or {}).get(term) for row in experiences)
    steps, seen = [], dict.fromkeys(range(2**5), 0)
    for row in experiences:
        steps.append(seen.setdefault(row["agent_index"], 0))
        seen[row["agent_index"]] += 1
    assert frame["step"].to_list() == steps
    assert not frame["gap_before"].any() and not frame["gap_after"].any()


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "utf-8-sig", "utf-16"])
def test_every_spelling_of_the_engine_goes_in_whole(lake, tmp_path, encoding, eol):
    extra = None if encoding == "ascii" else {"environment": "Strecke Ümläut"}
    path = write(tmp_path / "in", 0, encoding=encoding, eol=eol, extra=extra)
    report = ingest(lake, [tmp_path / "in"])
    assert report.accepted == {str(path): 8} and not report.rejected and not report.warnings
    [rollout] = report.rollouts
    assert_same(stored(lake, rollout), document(path), space_of(lake, rollout))


@pytest.mark.parametrize("codec", ["utf-16-be", "compact", "gz", "utf-16 in gz", "trailing newlines"])
def test_other_spellings_go_in_whole(lake, tmp_path, codec):
    path = write(tmp_path / "in", 0)
    text = path.read_text()
    raw = {
        "utf-16-be": b"\xfe\xff" + text.encode("utf-16-be"),
        "compact": json.dumps(json.loads(text), separators=(",", ":")).encode(),
        "gz": gzip.compress(text.encode()),
        "utf-16 in gz": gzip.compress(text.encode("utf-16")),
        "trailing newlines": b"\n\n" + text.encode() + b"\r\n \n",
    }[codec]
    if "gz" in codec:
        path.unlink()
        path = path.with_name(path.name + ".gz")
    path.write_bytes(raw)
    report = ingest(lake, [tmp_path / "in"])
    assert report.accepted == {str(path): 8} and not report.rejected
    assert_same(stored(lake, report.rollouts[0]), document(path), space_of(lake, report.rollouts[0]))


def test_a_file_and_its_gz_are_one_rollout(lake, tmp_path):
    path = write(tmp_path / "in", 0)
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    report = ingest(lake, [tmp_path / "in"])
    assert len(report.accepted) == 1 and list(report.duplicates.values()) == [path.name]


def test_the_sample_session_is_in_the_lake_bit_for_bit(tmp_path):
    from tests.ppo.tables import SAMPLES

    lake = Lake.open(Settings.load(home=tmp_path / "home"))
    report = ingest(lake, [SAMPLES / "session_a"])
    assert sorted(report.accepted.values()) == [2048] * 5 and not report.rejected
    for path, rollout in zip(report.accepted, report.rollouts, strict=True):
        assert_same(stored(lake, rollout), document(Path(path)), space_of(lake, rollout))
    lake.catalog.engine.dispose()


def test_a_lidar_switched_on_between_files_makes_two_spaces_and_one_run(lake, tmp_path):
    write(tmp_path / "s", 0)
    write(tmp_path / "s", 1, rows(width=31))
    report = ingest(lake, [tmp_path / "s"])
    spaces = [space_of(lake, rollout) for rollout in report.rollouts]
    assert [len(space.observations) for space in spaces] == [15, 31]
    assert spaces[1].observations[15].name == "lidar_00" and spaces[1].observations[30].name == "lidar_15"
    assert sql(lake, "select run_id, position from rollouts order by position") == [("s", 0), ("s", 1)]


def test_the_keys_of_the_first_experience_order_the_actions(lake, tmp_path):
    experiences = [experience(number, action={"b": 1, "a": 2}) for number in range(3)]
    experiences[1:] = [experience(number, action={"a": 2, "b": 1}) for number in (1, 2)]
    report = ingest(lake, [write(tmp_path, 0, experiences)])
    assert [feature.name for feature in space_of(lake, report.rollouts[0]).actions] == ["b", "a"]
    assert rollout_rows(lake, report.rollouts)["action_b"].to_pylist() == [1, 1, 1]


def test_done_and_truncated_at_once_is_a_cut_and_no_end(lake, tmp_path):
    report = ingest(lake, [write(tmp_path, 0, [experience(0, done=True, truncated=True), experience(1, done=True)])])
    table = rollout_rows(lake, report.rollouts)
    assert table["terminated"].to_pylist() == [False, True] and table["truncated"].to_pylist() == [True, False]


SINGLE = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.sampled_from([-0.0, 1e-45, -1e-40, 2.0**-149])
DOUBLE = st.floats(-3e38, 3e38) | st.sampled_from([5e-324, 0.1, -0.0, 16777217.0])
NUMBER = SINGLE | DOUBLE | st.integers(-(2**53), 2**53)
NAME = st.text(st.characters(categories=["L", "N", "P", "S"], max_codepoint=0x2FFF), min_size=1, max_size=12)
NAMES = st.lists(NAME, min_size=1, max_size=5, unique_by=str.casefold)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBER | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", max_size=2), inner, max_size=2),
    max_leaves=4,
)


@st.composite
def documents(draw):
    width, agents = draw(st.integers(1, 40)), draw(st.integers(1, 5))
    names = draw(st.just(list(ACTIONS)) | NAMES)
    ranges = {"steer": st.floats(-1, 1), "throttle": st.floats(0, 1), "brake": st.floats(0, 1)}
    engines = set(names) == set(ACTIONS)
    terms = draw(st.lists(NAME, max_size=3, unique_by=str.casefold))
    row = st.fixed_dictionaries(
        {
            "state": st.lists(NUMBER, min_size=width, max_size=width),
            "action": st.fixed_dictionaries({key: ranges[key] if engines else NUMBER for key in names}),
            "reward": NUMBER,
            "done": st.booleans(),
            "log_prob": st.floats(-1e6, 24) if engines else NUMBER,
            "value": NUMBER,
            "agent_index": st.integers(0, agents - 1),
        },
        optional={
            "advantage": NUMBER | st.none(),
            "return": NUMBER,
            "truncated": st.booleans(),
            "next_value": NUMBER | st.none(),
            "reward_terms": st.dictionaries(st.sampled_from(terms), NUMBER) if terms else st.just({}),
            "unknown": ANYTHING,
        },
    )
    head = st.fixed_dictionaries(
        {"experiences": st.lists(row, min_size=1, max_size=8)},
        optional={
            "rollout_index": st.integers(0, 2**31 - 1),
            "seed": st.integers(-(2**63), 2**63 - 1),
            "environment": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
            "extra": ANYTHING,
        },
    )
    return draw(head)


@pytest.fixture(scope="module")
def sqlite_lake(tmp_path_factory):
    opened = Lake.open(Settings.load(home=tmp_path_factory.mktemp("lake")))
    yield opened
    opened.catalog.engine.dispose()


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(documents(), st.integers(0, 2**60))
def test_any_document_is_in_the_lake_bit_for_bit(sqlite_lake, tmp_path_factory, made, nonce):
    made["nonce"] = nonce
    path = write_json(tmp_path_factory.mktemp("in") / name(0), made)
    report = ingest(sqlite_lake, [path])
    if report.known:  # the same example again
        return
    assert not report.rejected, (report.rejected_files, report.rejected_rows)
    [rollout] = report.rollouts
    assert_same(stored(sqlite_lake, rollout), json.loads(path.read_text()), space_of(sqlite_lake, rollout))
    table = rollout_rows(sqlite_lake, [rollout])
    by_agent = sorted(enumerate(made["experiences"]), key=lambda pair: (pair[1]["agent_index"], pair[0]))
    assert table["row_index"].to_pylist() == [place for place, _ in by_agent]
    assert bits(table["reward"].to_pylist()) == bits(row["reward"] for _, row in by_agent)
