import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse.rollouts import rows, sql, write
from warehouse.ingest import ingest
from warehouse.run_inference import Named, infer_runs

START = datetime.datetime(2024, 12, 25, 14)


def named(index, second, identity=None):
    at = None if second is None else START + datetime.timedelta(seconds=second)
    return Named(identity or f"{index} at {second}", index, at)


NAMED = st.builds(
    named,
    st.none() | st.integers(0, 6),
    st.none() | st.integers(0, 200),
    st.uuids().map(str),
)


@given(st.lists(NAMED, unique_by=lambda one: one.rollout_id, max_size=30), st.randoms(use_true_random=False))
def test_runs_depend_on_the_set_of_files_alone(rollouts, random):
    shuffled = list(rollouts)
    random.shuffle(shuffled)
    runs = infer_runs("s", shuffled)
    assert runs == infer_runs("s", rollouts) and runs.keys() == {one.rollout_id for one in rollouts}
    for run in set(runs.values()):  # no index twice in a run
        indices = [
            one.rollout_index for one in rollouts if runs[one.rollout_id] == run and one.rollout_index is not None
        ]
        assert len(indices) == len(set(indices))


@given(st.lists(st.integers(1, 12), min_size=1, max_size=5), st.integers(5, 60))
def test_each_start_from_zero_is_a_session(lengths, pause):
    rollouts, wanted, second = [], {}, 0
    for session, length in enumerate(lengths):
        began = START + datetime.timedelta(seconds=second)
        for index in range(length):
            rollouts.append(named(index, second))
            wanted[rollouts[-1].rollout_id] = "s" if session == 0 else f"s@{began:%Y%m%d_%H%M%S}"
            second += pause
    assert infer_runs("s", rollouts) == wanted


@given(st.permutations(range(8)), st.lists(st.integers(0, 1), min_size=8, max_size=8))
def test_a_bulk_export_within_a_second_is_one_session(order, seconds):
    stamps = sorted(seconds)
    rollouts = [named(index, second) for index, second in zip(order, stamps, strict=True)]
    assert set(infer_runs("s", rollouts).values()) == {"s"}


@given(st.sets(st.integers(0, 9), min_size=1))
def test_missing_rollouts_do_not_end_a_session(indices):
    assert set(infer_runs("s", [named(index, 43 * index) for index in indices]).values()) == {"s"}


@given(st.integers(2, 20), st.integers(3, 40), st.integers(0, 3))
def test_of_two_engines_in_one_folder_none_goes_on_where_the_other_stopped(length, offset, ahead):
    left = [named(index, 43 * index, f"left {index}") for index in range(length)]
    right = [named(index, 43 * (index + ahead) + offset, f"right {index}") for index in range(length)]
    runs = infer_runs("s", left + right)
    for index in range(1, length):
        assert (
            runs[f"left {index}"] != runs[f"right {index - 1}"] and runs[f"right {index}"] != runs[f"left {index - 1}"]
        )


def test_a_long_session_stays_whole_beside_one_that_lost_its_first_files():
    sessions = [named(index, 43 * index) for index in range(9)] + [named(index, 900 + 43 * index) for index in (3, 4)]
    runs = list(infer_runs("s", sessions).values())
    assert runs[:9] == ["s"] * 9 and "s" not in runs[9:]


@pytest.mark.parametrize("year", [1, 9999])
def test_times_at_the_ends_of_the_calendar_are_times(year):
    edge = datetime.datetime.min if year == 1 else datetime.datetime.max
    assert len(infer_runs("s", [Named("a", 3, edge), Named("b", 1, edge), Named("c", 1, START)])) == 3


def test_names_that_files_claim_are_not_given():
    runs = infer_runs("s", [named(0, 0, "a"), named(0, 50, "b")], claimed={"s", "s@20241225_140050", "s~folder"})
    assert runs == {"a": "s~folder+", "b": "s@20241225_140050~folder"}


def runs_of(lake):
    return sql(lake, "select file_name, run_id, position from rollouts order by run_id, position")


def test_a_late_file_of_an_earlier_time_moves_the_positions(lake, tmp_path):
    paths = [write(tmp_path / "s", index) for index in range(3)]
    for path in (paths[2], paths[0], paths[1]):
        ingest(lake, [path])
    assert runs_of(lake) == [(path.name, "s", place) for place, path in enumerate(paths)]


def test_a_late_file_can_part_a_session_in_two(lake, tmp_path):
    ingest(lake, [write(tmp_path / "s", 1, second=10), write(tmp_path / "s", 2, second=100)])
    ingest(lake, [write(tmp_path / "s", 0, second=50)])
    assert [row[1:] for row in runs_of(lake)] == [("s", 0), ("s@20241225_140050", 0), ("s@20241225_140050", 1)]


def test_positions_of_files_without_index_follow_time_on_both_databases(lake, tmp_path):
    for number, when in enumerate(["2024.12.25-14.00.09", "", "2024.12.25-14.00.01"]):
        path = write(tmp_path / "s", 0, rows(start=number), name=f"rollout_{'xyz'[number]}.json")
        path.write_text(path.read_text().replace("2024.12.25-14.00.00", when))
    ingest(lake, [tmp_path / "s"])
    assert [(file, place) for file, _, place in runs_of(lake)] == [
        ("rollout_y.json", 0), ("rollout_z.json", 1), ("rollout_x.json", 2)
    ]  # fmt: skip


@pytest.mark.parametrize("explicit_first", [True, False])
def test_a_run_named_by_files_takes_the_name_from_a_folder(lake, tmp_path, explicit_first):
    places = [write(tmp_path / "x", 0, extra={"run_id": "s"}).parent, write(tmp_path / "s", 0, second=5).parent]
    for place in places if explicit_first else reversed(places):
        ingest(lake, [place])
    assert [(file, run) for file, run, _ in runs_of(lake)] == [
        ("rollout_0_20241225_140000.json", "s"), ("rollout_0_20241225_140005.json", "s~folder")
    ]  # fmt: skip
    assert sql(lake, "select count(*) from runs") == [(2,)]


def test_files_of_one_run_may_lie_in_several_folders(lake, tmp_path):
    for index in (1, 0, 2):
        write(tmp_path / f"day{index % 2}", index, extra={"run_id": "mine"})
    ingest(lake, [tmp_path])
    assert [row[1:] for row in runs_of(lake)] == [("mine", 0), ("mine", 1), ("mine", 2)]


def test_an_empty_run_id_is_none(lake, tmp_path):
    write(tmp_path / "s", 0, extra={"run_id": ""})
    write(tmp_path / "s", 1)
    ingest(lake, [tmp_path / "s"])
    assert [row[1:] for row in runs_of(lake)] == [("s", 0), ("s", 1)]


def test_a_rollout_index_in_the_file_wins_over_its_name(lake, tmp_path):
    write(tmp_path / "s", 0, second=90, extra={"rollout_index": 3})
    write(tmp_path / "s", 1, second=43)
    ingest(lake, [tmp_path / "s"])
    assert [row[1:] for row in runs_of(lake)] == [("s", 0), ("s", 1)]
