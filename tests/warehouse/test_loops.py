import datetime
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from schemas.errors import NotRegistered, SettingsRejected
from tests.warehouse.rollouts import sql
from tests.warehouse.rows import Row, add_model, add_rollout
from warehouse import tables as t
from warehouse.lake import Lake
from warehouse.loops import LapRecord, begin, finish, get, laps, made, sessions, unfinished, waiting, write
from warehouse.registry import versions

SETTINGS = {"drive": {"environment": "Hopper-v5", "noise": None}, "start": 3}


def drive(lake: Lake, session: str, index: int, **ledger) -> str:
    return add_rollout(lake, session, index, [Row(0, step) for step in range(4)], **ledger)


def test_loops_are_numbered_and_come_back_as_they_were_begun(lake: Lake):
    first, second = begin(lake, SETTINGS, 3), begin(lake, {}, 1)
    assert (first.loop_id, second.loop_id) == ("loop-0001", "loop-0002")
    assert get(lake, "loop-0001") == first
    assert (first.settings, first.iterations, first.finished_at) == (SETTINGS, 3, None)
    with pytest.raises(NotRegistered, match=r"no loop 'loop-0003'; see: pitwall sql 'from loops'"):
        get(lake, "loop-0003")


def test_loops_that_begin_at_once_are_different_ones(lake: Lake):
    with ThreadPoolExecutor(4) as pool:
        names = list(pool.map(lambda _: begin(lake, SETTINGS, 1).loop_id, range(8)))
    assert sorted(names) == [f"loop-{number:04d}" for number in range(1, 9)]


def test_a_name_that_runs_of_another_home_bear_is_not_given_again(lake: Lake):
    drive(lake, "loop-0001.001", 0)
    assert [begin(lake, SETTINGS, 1).loop_id for _ in range(2)] == ["loop-0002", "loop-0003"]
    assert (sessions(lake, "loop-0002"), laps(lake, "loop-0002")) == (0, [])


def test_the_last_loop_is_unfinished_until_it_is_finished(lake: Lake):
    assert unfinished(lake) is None
    begin(lake, SETTINGS, 1)
    last = begin(lake, SETTINGS, 2)
    assert unfinished(lake) == last
    done = finish(lake, last.loop_id)
    assert done.finished_at is not None and done.finished_at >= last.started_at
    assert finish(lake, last.loop_id) == done
    assert unfinished(lake) is None  # the first was left behind when another was begun
    with pytest.raises(NotRegistered, match="no loop 'loop'"):
        finish(lake, "loop")


@pytest.mark.parametrize(
    ("settings", "iterations", "words"),
    [({}, 0, "0 iterations; wanted 1 or more"), ({"a": float("nan")}, 1, "no JSON"), ({"a": {1}}, 1, "no JSON")],
)
def test_what_is_no_loop_is_refused(lake: Lake, settings, iterations, words):
    with pytest.raises(SettingsRejected, match=words):
        begin(lake, settings, iterations)
    assert unfinished(lake) is None


def test_a_lap_is_written_down_step_by_step(lake: Lake):
    name = begin(lake, SETTINGS, 3).loop_id
    add_model(lake, 1)
    first = drive(lake, f"{name}.001", 0, version=1)
    assert waiting(lake, name) == first
    lap = write(lake, name, LapRecord(lap=1, rollout_id=first, head=1))
    assert waiting(lake, name) is None
    assert laps(lake, name) == [lap]
    add_model(lake, 2, first, parent=1)
    write(lake, name, replace(lap, version=2, promoted=False, goes_on=1))
    assert laps(lake, name) == [LapRecord(lap=1, rollout_id=first, head=1, version=2, promoted=False, goes_on=1)]
    assert sql(lake, "select laps, rollouts, sessions from loops") == [(1, 1, 1)]
    assert sql(lake, "from laps") == [(name, 1, first, 1, 2, False, 1)]


def test_a_version_that_was_published_before_the_lap_could_say_so_is_found(lake: Lake):
    name = begin(lake, SETTINGS, 3).loop_id
    add_model(lake, 1)
    first = drive(lake, f"{name}.001", 0, version=1)
    lap = write(lake, name, LapRecord(lap=1, rollout_id=first, head=1))
    assert made(lake, lap, {}) is None
    add_model(lake, 2, first, parent=1)
    assert made(lake, lap, {"epochs": 9}) is None  # trained on it, but by somebody else
    [config] = [model.config for model in versions(lake) if model.version == 2]
    assert made(lake, lap, config) == 2


def test_a_rollout_without_an_author_waits_for_nobody(lake: Lake):
    name = begin(lake, SETTINGS, 3).loop_id
    drive(lake, f"{name}.001", 0)
    assert waiting(lake, name) is None


def test_sessions_are_in_the_order_of_their_numbers(lake: Lake):
    name = begin(lake, SETTINGS, 3).loop_id
    add_model(lake, 1)
    *_, first = [drive(lake, f"{name}.{number}", 0, version=1) for number in ("1000", "999", "001")]
    assert (sessions(lake, name), waiting(lake, name)) == (1000, first)


def test_other_runs_are_no_sessions_of_a_loop(lake: Lake):
    name = begin(lake, SETTINGS, 3).loop_id
    add_model(lake, 1)
    for run in (
        f"{name}0.001",
        f"{name.upper()}.001",
        f"{name}.notes",
        f"{name}.",
        name,
        "loop_0001.001",
        f"x{name}.001",
    ):
        drive(lake, run, 0, version=1)
    assert (sessions(lake, name), waiting(lake, name)) == (0, None)


def test_a_rollout_that_a_mended_one_replaced_does_not_count(lake: Lake):
    name = begin(lake, SETTINGS, 3).loop_id
    add_model(lake, 1)
    drive(lake, f"{name}.001", 0, version=1, superseded_by="f" * 64)
    assert waiting(lake, name) is None


def test_times_are_utc_and_naive(lake: Lake):
    begun = begin(lake, SETTINGS, 1)
    assert abs(begun.started_at - datetime.datetime.now(datetime.UTC).replace(tzinfo=None)).total_seconds() < 60
    with lake.catalog.read() as connection:
        assert connection.scalar(sa.select(t.loops.c.started_at)) == begun.started_at
