"""A clock that is set back, or was wrong before, puts nothing into another order."""

import datetime
import itertools
import os
import time

import pytest

import warehouse.catalog
from schemas.window import Window
from tests.warehouse.drafts import draft, files
from tests.warehouse.rollouts import rows, sql, write
from warehouse import loops
from warehouse.aliases import promote, rollback
from warehouse.ingest import ingest
from warehouse.registry import get, publish, versions
from warehouse.verify import verify
from warehouse.windows import select


@pytest.fixture
def backwards(monkeypatch):
    """Each look at the clock shows an hour earlier than the one before."""
    hours = itertools.count()

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime(2026, 11, 25, tzinfo=tz) - datetime.timedelta(hours=next(hours))

    class Shown:
        datetime, UTC, timedelta = Clock, datetime.UTC, datetime.timedelta

    monkeypatch.setattr(warehouse.catalog, "datetime", Shown)


def test_versions_and_the_moves_of_aliases_keep_their_order(lake, backwards):
    for name in "abc":
        publish(lake, draft(name), files)
    promote(lake, "champion", 3)
    promote(lake, "champion", 2)
    assert rollback(lake, "champion").to_version == 3
    assert [model.version for model in versions(lake)] == [1, 2, 3]
    made = [model.created_at for model in versions(lake)]
    assert made == sorted(made, reverse=True) and get(lake, "latest").version == 3
    assert verify(lake).good


def test_the_newest_rollout_is_the_one_that_came_last(lake, tmp_path, backwards):
    """Names and heads without a time: the lake's own clock is all there is."""
    for number in range(4):
        path = write(tmp_path / "s", 0, rows(start=100 * number), name=f"rollout_{'dbca'[number]}.json")
        path.write_text(path.read_text().replace("2024.12.25-14.00.00", ""))
        ingest(lake, [path])
        last = select(lake, Window(newest=1)).rollouts
        assert sql(lake, "select file_name from rollouts where rollout_id = $id", id=last[0].rollout_id) == [
            (path.name,)
        ]
    stamps = [at for (at,) in sql(lake, "select ingested_at from rollouts order by ingested_at")]
    assert len(set(stamps)) == 4


def test_the_loop_that_was_begun_last_is_the_one_to_go_on_with(lake, backwards):
    loops.finish(lake, loops.begin(lake, {}, 1).loop_id)
    second = loops.begin(lake, {}, 1)
    assert second.started_at < loops.get(lake, "loop-0001").started_at
    assert loops.unfinished(lake) == second
    loops.finish(lake, second.loop_id)
    assert loops.unfinished(lake) is None


def test_an_engine_whose_clock_was_set_back_starts_another_run_and_loses_nothing(lake, tmp_path):
    for index, second in enumerate((900, 943, 100, 143)):
        write(tmp_path / "s", index, second=second)
    ingest(lake, [tmp_path / "s"])
    found = sql(lake, "select run_id, rollout_index, position from rollouts order by rollout_index")
    assert [place for _, *place in found] == [[0, 0], [1, 1], [2, 0], [3, 1]]
    assert found[0][0] == found[1][0] != found[2][0] == found[3][0]


@pytest.mark.parametrize("whole", [True, False])
def test_a_file_from_the_future_is_judged_now(lake, tmp_path, whole):
    path = write(tmp_path / "s", 0)
    if not whole:
        path.write_bytes(path.read_bytes()[:200])
    tomorrow = time.time() + 86_400
    os.utime(path, (tomorrow, tomorrow))
    came = ingest(lake, [tmp_path / "s"])
    assert (len(came.accepted), len(came.rejected_files)) == ((1, 0) if whole else (0, 1))
    assert not ingest(lake, [tmp_path / "s"]).accepted
