import datetime
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import LakeDamaged, NotRegistered, QueryRejected, WindowEmpty
from schemas.settings import Settings
from schemas.window import Window
from tests.warehouse.rollouts import experience, rows, sql, write
from tests.warehouse.rows import add_model
from warehouse import attributions
from warehouse.attributions import Verdict
from warehouse.ingest import ingest
from warehouse.lake import Lake
from warehouse.window_rows import window_rows
from warehouse.windows import select, stored

BASE = datetime.datetime(2024, 12, 25, 14)
SIZES = [3, 5, 2, 7, 4, 6]
SCORES = [None, 4.0, 1.0, None, 3.0, 2.0]
RUNS = ["a", "a", "a", "b", "b", "b"]


def fill(lake, root):
    """Six rollouts of one car in two runs; where an episode ends, it ends with the file and has the score as return."""
    for number, (size, score, run) in enumerate(zip(SIZES, SCORES, RUNS, strict=True)):
        experiences = [experience(number, reward=0.0) for _ in range(size)]
        if score is not None:
            experiences[-1] |= {"done": True, "reward": score}
        ingest(lake, [write(root / run, number, experiences, second=100 * number)])
    ids = [row[0] for row in sql(lake, "select rollout_id from rollouts order by written_at")]
    return ids


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("windows")
    with ExitStack() as stack:
        url = None
        if request.param == "postgresql":
            url = stack.enter_context(request.getfixturevalue("postgresql").fresh_database())
        lake = Lake.open(Settings.load(home=root / "home", catalog=url))
        yield lake, fill(lake, root / "in")
        lake.catalog.engine.dispose()


def naive(window):
    """The request, word for word."""
    moment = [BASE + datetime.timedelta(seconds=100 * number) for number in range(6)]
    chosen = [
        number
        for number in range(6)
        if (window.run is None or RUNS[number] == window.run)
        and (window.since is None or moment[number] >= window.since)
        and (window.until is None or moment[number] < window.until)
        and (window.sql is None or SIZES[number] > 3)
    ]
    if window.newest:
        chosen = chosen[-window.newest :]
    if window.best:
        scored = [number for number in chosen if SCORES[number] is not None]
        chosen = sorted(sorted(scored, key=lambda number: -SCORES[number])[: window.best])
    if window.max_rows:
        total, kept = 0, []
        for number in reversed(chosen):
            total += SIZES[number]
            if total > window.max_rows:
                break
            kept.append(number)
        chosen = kept[::-1]
    return chosen if sum(SIZES[number] for number in chosen) >= window.min_rows else []


MOMENT = st.none() | st.integers(-50, 650).map(lambda second: BASE + datetime.timedelta(seconds=second))
WINDOWS = st.builds(
    Window,
    newest=st.none() | st.integers(1, 7),
    best=st.none() | st.integers(1, 5),
    since=MOMENT,
    until=MOMENT,
    run=st.sampled_from([None, None, "a", "b", "c"]),
    sql=st.sampled_from([None, None, "select rollout_id from rollouts where rows > 3"]),
    max_rows=st.none() | st.integers(1, 30),
    min_rows=st.integers(1, 12),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WINDOWS)
def test_a_window_is_what_a_reader_of_the_request_would_choose(filled, window):
    lake, ids = filled
    wanted = [ids[number] for number in naive(window)]
    if not wanted:
        with pytest.raises(WindowEmpty):
            select(lake, window)
        return
    manifest = select(lake, window)
    assert [member.rollout_id for member in manifest.rollouts] == wanted
    assert manifest.rows == sum(member.rows for member in manifest.rollouts)
    assert stored(lake, manifest.window_id).rollouts == manifest.rollouts


def test_a_moment_with_a_time_zone_can_be_asked_for(filled):
    lake, _ = filled
    window = Window(since=BASE.replace(tzinfo=datetime.UTC))
    assert len(select(lake, window).rollouts) in (5, 6)


def test_a_window_s_own_sql_must_answer_rollouts(filled):
    with pytest.raises(QueryRejected, match="rollout_id"):
        select(filled[0], Window(sql="select 1 as one"))
    with pytest.raises(QueryRejected):
        select(filled[0], Window(sql="delete from rollouts"))


def test_a_stored_window_selects_the_same_rows_after_more_came(lake, tmp_path):
    ids = fill(lake, tmp_path / "in")
    manifest = select(lake, Window(newest=2))
    before = window_rows(lake, manifest)
    for number in range(7, 9):
        ingest(lake, [write(tmp_path / "in" / "c", number, second=700 + number)])
    ingest(lake, [write(tmp_path / "in" / "b", 2, second=1)])
    again = stored(lake, manifest.window_id)
    assert again == manifest and [member.rollout_id for member in again.rollouts] == ids[-2:]
    assert window_rows(lake, again).drop_columns("rollout_position") == before.drop_columns("rollout_position")
    assert select(lake, Window(newest=2)).window_id != manifest.window_id


@pytest.mark.parametrize("what", ["bit", "cut", "gone"])
def test_damage_is_named_and_never_read(lake, tmp_path, what):
    ingest(lake, [write(tmp_path / "in", 0)])
    manifest = select(lake, Window())
    [path] = lake.paths.experiences.rglob("*.parquet")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    if what == "gone":
        path.unlink()
    else:
        path.write_bytes(raw if what == "bit" else raw[:-1])
    with pytest.raises(LakeDamaged, match=path.name):
        window_rows(lake, manifest)


def test_rows_are_sorted_and_followed_by_the_first_row_of_each_car(lake, tmp_path):
    for index in range(3):
        write(tmp_path / "r", index, rows(9, agents=3, start=100 * index))
    ids = ingest(lake, [tmp_path / "r"]).rollouts
    chosen = f"select rollout_id from rollouts where rollout_id in ('{ids[0]}', '{ids[1]}')"
    table = window_rows(lake, select(lake, Window(sql=chosen))).to_pylist()
    order = [(row["run_id"], row["agent_index"], row["rollout_position"], row["step"]) for row in table]
    assert order == sorted(order)
    assert [row["value"] for row in table if row["agent_index"] == 1] == [1, 4, 7, 101, 104, 107, 201]
    outside = [(row["agent_index"], row["rollout_position"], row["step"]) for row in table if not row["in_window"]]
    assert outside == [(0, 2, 0), (1, 2, 0), (2, 2, 0)]
    last = window_rows(lake, select(lake, Window(newest=1)))
    assert last["in_window"].to_pylist() == [True] * 9


def test_each_row_has_the_facts_of_its_own_rollout_whichever_file_it_lies_in(lake, tmp_path):
    places = [("b", 0), ("a", 0), ("b", 1), ("a", 1)]
    ids = {}
    for start, (run, index) in enumerate(places):  # each lies in a partition of its own
        path = write(tmp_path / run, index, rows(7, agents=3, start=100 * start))
        [ids[run, index]] = ingest(lake, [path]).rollouts
    add_model(lake, 3)
    known = Verdict(ids["a", 1], 3, "author", "", None, None, ((1, 1, 0.5),))
    attributions.store(lake, [known, Verdict(ids["b", 0], None, "claim_refuted", "", None, None, ())], 3)
    wanted = sorted(
        (run, number % 3, index, number // 3, 100 * start + number)
        for start, (run, index) in enumerate(places)
        for number in range(7)
    )
    table = window_rows(lake, select(lake, Window(refuted=True)))
    keys = ("run_id", "agent_index", "rollout_position", "step", "value")
    assert [tuple(row[key] for key in keys) for row in table.to_pylist()] == wanted
    for row in table.to_pylist():
        place = row["run_id"], row["rollout_index"]
        assert row["rollout_id"] == ids[place] and row["in_window"]
        assert row["policy_version"] == {("a", 1): 3}.get(place)
        assert row["verdict"] == {("a", 1): "author", ("b", 0): "claim_refuted"}.get(place)
        noisy = place == ("a", 1) and row["agent_index"] == 1 and row["step"] >= 1
        assert row["noise_scale"] == (0.5 if noisy else None)
    assert {column.num_chunks for column in table.columns} == {1}, "trainers read columns without a copy"


def test_of_two_spaces_the_newest_is_taken_and_the_other_told(lake, tmp_path):
    write(tmp_path / "s", 0)
    write(tmp_path / "s", 1, rows(width=31))
    ingest(lake, [tmp_path / "s"])
    manifest = select(lake, Window())
    assert len(manifest.space.observations) == 31 and len(manifest.rollouts) == 1 and manifest.narrowed
    assert not window_rows(lake, manifest).filter([False] * 8).num_rows


def test_an_author_may_be_so_many_versions_old_and_a_refuted_claim_is_left_out(lake, tmp_path):
    ids = fill(lake, tmp_path / "in")
    for version in (1, 2, 3):
        add_model(lake, version)
    authors = [Verdict(ids[version], version, "author", "", None, None, ()) for version in (1, 2, 3)]
    attributions.store(lake, [*authors, Verdict(ids[5], None, "claim_refuted", "", None, None, ())], 3)

    def chosen(**request):
        return [ids.index(member.rollout_id) for member in select(lake, Window(**request)).rollouts]

    assert chosen(max_age=1) == [2, 3]
    assert chosen(max_age=2, newest=2) == [2, 3]
    assert chosen() == [0, 1, 2, 3, 4]
    assert chosen(refuted=True, newest=1) == [5]


def test_a_request_for_any_number_of_rollouts_by_name_is_answered(lake, tmp_path):
    ids = fill(lake, tmp_path / "in")
    many = "select unnest(list_append([sha256(i::varchar) for i in range(40000)], $$" + ids[2] + "$$)) as rollout_id"
    assert [member.rollout_id for member in select(lake, Window(sql=many)).rollouts] == [ids[2]]


def test_a_window_of_named_rollouts_holds_these_and_refuses_one_that_is_not_there(lake, tmp_path):
    ids = fill(lake, tmp_path / "in")
    named = Window(rollouts=(ids[3], ids[1], ids[3]))
    assert {member.rollout_id for member in select(lake, named).rollouts} == {ids[1], ids[3]}
    both = named.model_copy(update={"sql": f"select '{ids[1]}' as rollout_id union select '{ids[0]}'"})
    assert [member.rollout_id for member in select(lake, both).rollouts] == [ids[1]]
    with pytest.raises(NotRegistered, match="no rollout 'nobody' in the lake"):
        select(lake, Window(rollouts=(ids[0], "nobody")))
