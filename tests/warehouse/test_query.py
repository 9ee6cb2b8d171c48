"""SQL over the lake: what the views hold."""

import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import LakeDamaged, QueryRejected
from tests.warehouse.drafts import draft, files
from tests.warehouse.rows import ENGINE, WITH_LIDAR, Row, add_model, add_rollout, rollout_id
from warehouse import loops, tables
from warehouse.aliases import promote
from warehouse.comparison import score
from warehouse.evaluations import store
from warehouse.lake import Lake
from warehouse.query import run
from warehouse.registry import publish
from warehouse.views import views


def rows_of(lake: Lake, statement: str, parameters=None):
    return [tuple(row.values()) for row in run(lake, statement, parameters).to_pylist()]


@pytest.mark.parametrize("view", views())
def test_an_empty_lake_has_every_view_with_the_documented_columns(lake: Lake, view: str):
    table = run(lake, f"from {view}")
    assert table.num_rows == 0
    documented = [name for name in views()[view].columns if "*" not in name]
    plain = [name for name in table.column_names if not name.startswith(("obs_", "action_", "term_"))]
    assert plain == documented


def test_a_full_lake_has_the_same_column_types_as_an_empty_one(lake: Lake):
    before = {view: run(lake, f"from {view}").schema for view in views()}
    add_rollout(lake, "a", 0, [Row(0, 0, terminated=True)], version=None, noise=[[0, 0, 0.2]])
    assert {view: run(lake, f"from {view}").schema for view in views()} == before


def test_experiences_carry_their_run_their_author_and_their_noise(lake: Lake):
    add_model(lake, 1)
    add_rollout(
        lake, "a", 7, [Row(0, 0), Row(0, 1, terminated=True), Row(0, 2)], position=3, version=1,
        noise=[[0, 0, 0.2], [0, 2, 0.1]],
    )  # fmt: skip
    columns = "run_id, rollout_position, rollout_index, policy_version, noise_scale, done"
    assert rows_of(lake, f"select {columns} from experiences order by step") == [
        ("a", 3, 7, 1, 0.2, False),
        ("a", 3, 7, 1, 0.2, True),
        ("a", 3, 7, 1, 0.1, False),
    ]


def test_spaces_and_reward_terms_lie_side_by_side(lake: Lake):
    add_rollout(lake, "a", 0, [Row(0, 0)], terms={"speed": 3.0})
    add_rollout(lake, "b", 0, [Row(0, 0)], space=WITH_LIDAR, terms={"crash": 4.0})
    assert rows_of(
        lake, "select run_id, obs_lidar_15, term_speed, term_crash, obs_gravity_z from experiences order by 1"
    ) == [
        ("a", None, 3.0, None, 0.5),
        ("b", 0.5, None, 4.0, 0.5),
    ]
    names = run(lake, "from experiences").column_names
    assert names[4:][:31] == WITH_LIDAR.observation_columns


def test_a_superseded_rollout_and_a_retired_partition_are_not_seen(lake: Lake):
    old = add_rollout(lake, "a", 0, [Row(0, 0, reward=10)], superseded_by="f" * 64)
    gone = add_rollout(lake, "a", 1, [Row(0, 0, reward=20)])
    add_rollout(lake, "a", 2, [Row(0, 0, reward=30)])
    with lake.catalog.begin() as connection:
        connection.execute(
            tables.partitions.update().where(tables.partitions.c.partition_id == gone),
            {"retired_at": datetime.datetime(2026, 1, 2)},
        )
    assert rows_of(lake, "select reward from experiences") == [(30.0,)]
    assert old not in run(lake, "from rollouts").column("rollout_id").to_pylist()


def test_a_run_whose_folder_does_not_spell_its_name_is_found_all_the_same(lake: Lake):
    long = "a run / with: odd % signs " + "x" * 200
    add_rollout(lake, long, 0, [Row(0, 0, reward=1)])
    add_rollout(lake, "moved", 0, [Row(0, 0, reward=2)], folder="elsewhere")
    add_rollout(lake, "odd % / run.1", 0, [Row(0, 0, reward=3)])
    for name, reward in ((long, 1), ("moved", 2), ("odd % / run.1", 3)):
        assert rows_of(lake, "select reward from experiences where run_id = $name", {"name": name}) == [(reward,)]
    assert rows_of(lake, "select reward from experiences where run_id = 'elsewhere'") == []


def test_a_filter_on_the_run_opens_that_runs_files_alone(lake: Lake):
    add_rollout(lake, "a", 0, [Row(0, 0, reward=1)])
    add_rollout(lake, "b", 0, [Row(0, 0, reward=2)])
    broken = lake.paths.partition("b", rollout_id("b", 0))
    broken.write_bytes(b"no parquet")
    assert rows_of(lake, "select reward from experiences where run_id = 'a'") == [(1.0,)]
    assert rows_of(lake, "select return from episodes where run_id = 'a'") == [(1.0,)]


def test_a_lost_partition_is_reported_as_damage(lake: Lake):
    add_rollout(lake, "a", 0, [Row(0, 0)])
    lake.paths.partition("a", rollout_id("a", 0)).unlink()
    with pytest.raises(LakeDamaged, match="part-"):
        run(lake, "select avg(reward) from experiences")


def test_times_are_utc_except_the_engines_own(lake: Lake):
    add_rollout(lake, "a", 0, [Row(0, 0)])
    ((ingested, written),) = rows_of(lake, "select ingested_at, written_at from rollouts")
    assert (ingested.isoformat(), written.isoformat()) == ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00")


def test_runs_count_what_the_numbering_skips(lake: Lake):
    for index in (0, 1, 4):
        add_rollout(lake, "a", index, [Row(0, 0), Row(1, 0)])
    assert rows_of(lake, "select run_id, rollouts, rows, agents, missing_rollouts from runs") == [("a", 3, 6, 2, 2)]


def test_rejects_show_their_text_whatever_its_bytes(lake: Lake):
    reject = {"file_path": "/x", "reason": "why", "rejected_at": datetime.datetime(2026, 1, 1)}
    with lake.catalog.begin() as connection:
        connection.execute(
            tables.rejects.insert(),
            [
                reject | {"content_id": "a", "file_name": "a.json", "row_index": 17, "raw": b'{"reward": nan}'},
                reject | {"content_id": "b", "file_name": "b.json", "row_index": 3, "raw": b"\xff\x00"},
                reject | {"content_id": "c", "file_name": "c.json", "row_index": -1, "raw": None},
            ],
        )
    assert rows_of(lake, "select file_name, row_index, raw from rejects order by reject_id") == [
        ("a.json", 17, '{"reward": nan}'),
        ("b.json", 3, "\ufffd\x00"),
        ("c.json", None, None),
    ]


def test_lineage_has_one_row_per_model_and_rollout(lake: Lake):
    first, second = (add_rollout(lake, "a", index, [Row(0, step) for step in range(4)]) for index in (0, 1))
    add_model(lake, 1, first)
    add_model(lake, 2, first, second, parent=1, aliases=("latest", "champion"))
    assert rows_of(lake, "select version, parent, rollout_id, rows from lineage order by 1, rollout_index") == [
        (1, None, first, 4),
        (2, 1, first, 4),
        (2, 1, second, 4),
    ]
    assert rows_of(lake, "select version, aliases, rows from models") == [(1, None, 4), (2, "champion, latest", 8)]


def test_spaces_list_the_columns_with_their_ranges(lake: Lake):
    add_rollout(lake, "a", 0, [Row(0, 0)], space=ENGINE)
    assert rows_of(lake, "select ordinal, column_name, low, high from spaces where kind = 'action' order by 1") == [
        (0, "action_steer", -1.0, 1.0),
        (1, "action_throttle", 0.0, 1.0),
        (2, "action_brake", 0.0, 1.0),
    ]


def test_a_view_can_be_reached_by_metadata_and_by_dynamic_names(lake: Lake):
    add_rollout(lake, "a", 0, [Row(0, 0)])
    assert {name for (name,) in rows_of(lake, "show tables")} == set(views())
    assert rows_of(lake, "select run_id from query_table('ru' || 'ns')") == [("a",)]
    assert ("VIEW",) in rows_of(lake, "select table_type from information_schema.tables where table_name = 'episodes'")


def test_columns_of_the_same_name_are_numbered(lake: Lake):
    assert run(lake, "select 1 as a, 2 as a, 3 as a").to_pylist() == [{"a": 1, "a_1": 2, "a_2": 3}]


def test_parameters_are_bound_and_never_read_as_sql(lake: Lake):
    text = "x'; drop table runs; --"
    assert rows_of(lake, "select $text", {"text": text}) == [(text,)]
    assert rows_of(lake, "select ? + ?", [1, 2]) == [(3,)]


def test_a_wrong_name_is_answered_with_the_right_ones(lake: Lake):
    with pytest.raises(QueryRejected, match="episodes, evaluations, experiences"):
        run(lake, "from epsiodes")
    with pytest.raises(QueryRejected, match="describe VIEW"):
        run(lake, "select nope from runs")


def test_evaluations_and_their_drives_can_be_asked_for(lake: Lake):
    add_model(lake, 1)
    lap = {"track": 1_000_000, "finished": True, "crashed": False, "progress": 1.5, "speed": 20.0, "length": 9}
    fall = lap | {"finished": False, "crashed": True, "progress": 0.5}
    store(
        lake, 1, "Pitwall/Racing-v0", {"cars": 2}, [lap | {"number": 0, "return": 7}, fall | {"number": 1, "return": 1}]
    )
    store(lake, 1, "Hopper-v5", {}, [{"number": 0, "return": 3.5, "length": 9}])
    assert rows_of(
        lake, "select evaluation_id, version, task, drives, finished_share, return_mean from evaluations"
    ) == [
        (1, 1, "Pitwall/Racing-v0", 2, 0.5, 4.0),
        (2, 1, "Hopper-v5", 1, None, 3.5),
    ]
    columns = "task, number, track, finished, progress, return, score"
    assert rows_of(lake, f"select {columns} from drives order by evaluation_id, number") == [
        ("Pitwall/Racing-v0", 0, 1_000_000, True, 1.5, 7.0, 1.02),
        ("Pitwall/Racing-v0", 1, 1_000_000, False, 0.5, 1.0, 0.5),
        ("Hopper-v5", 0, None, None, None, 3.5, 3.5),
    ]


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.booleans(), st.floats(-0.5, 1.5), st.floats(0, 90)), min_size=1, max_size=40), st.integers()
)
def test_a_drive_s_score_is_the_one_that_promotion_goes_by(lake: Lake, laps, seed):
    add_model(lake, 1)
    drives = [
        {
            "number": n,
            "finished": finished,
            "crashed": False,
            "progress": progress,
            "speed": speed,
            "return": 1,
            "length": 1,
        }
        for n, (finished, progress, speed) in enumerate(laps)
    ]
    made = store(lake, 1, "a", {"seed": seed, "laps": laps}, drives)
    found = rows_of(lake, f"select score from drives where evaluation_id = {made.evaluation_id} order by number")
    assert [value for (value,) in found] == pytest.approx([score(drive) for drive in drives])


def test_promotions_are_the_moves_that_somebody_decided(lake: Lake):
    for name in "ab":
        publish(lake, draft(name), files)
    promote(lake, "champion", 2, "faster")
    assert rows_of(lake, "select alias, from_version, to_version, reason from promotions") == [
        ("champion", None, 1, "the first version"),
        ("champion", 1, 2, "faster"),
    ]


def test_a_loop_shows_as_much_as_its_progress(lake: Lake):
    loop = loops.begin(lake, {"window": 2}, 3)
    loops.begin(lake, {}, 7)
    names = [f"{loop.loop_id}.001", f"{loop.loop_id}.002", f"{loop.loop_id}.notes", f"{loop.loop_id}0.001"]
    first, *_ = (add_rollout(lake, name, 0, [Row(0, step) for step in range(4)]) for name in names)
    add_model(lake, 1, first)
    loops.write(lake, loop.loop_id, loops.LapRecord(lap=1, rollout_id=first, head=1, version=1))
    columns = "loop_id, iterations, laps, rollouts, sessions, finished_at, settings"
    assert rows_of(lake, f"select {columns} from loops order by loop_id") == [
        ("loop-0001", 3, 1, 2, 2, None, '{"window": 2}'),
        ("loop-0002", 7, 0, 0, 0, None, "{}"),
    ]
    loops.finish(lake, loop.loop_id)
    assert rows_of(lake, "select finished_at is not null from loops where loop_id = 'loop-0001'") == [(True,)]
