from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import EvaluationRejected, NotRegistered
from tests.warehouse.rows import add_model
from warehouse import tables as t
from warehouse.bootstrap import Interval, interval
from warehouse.evaluations import find, store
from warehouse.lake import Lake

RACING = "Pitwall/Racing-v0"
SETTINGS = {"tracks": [1_000_000, 1_000_001], "cars": 2, "lidar": 0}


def drive(number: int, **changes):
    """Drive `number`: two on each track, the even ones finish a lap, the odd ones crash after half of one."""
    even = number % 2 == 0
    lap = {"finished": even, "crashed": not even, "progress": 1.0 if even else 0.5, "speed": 10.0 + number}
    track = 1_000_000 + number // 2
    return {"number": number, "track": track, **lap, "return_": 100.0 * number, "length": 7} | changes


def plain(number: int, total: float):
    """A drive of a task that knows no laps."""
    return {"number": number, "return": total, "length": 7}


@pytest.fixture
def three(lake: Lake) -> Lake:
    """A lake with versions 1, 2 and 3, of which 2 is the champion."""
    for version in (1, 2, 3):
        add_model(lake, version, aliases=("champion",) if version == 2 else ())
    return lake


def test_an_evaluation_sums_its_drives_up_with_intervals(three: Lake):
    drives = [drive(number) for number in range(4)]
    made = store(three, 1, RACING, SETTINGS, drives)
    tracks = [one["track"] for one in drives]
    assert (made.version, made.task, made.settings, made.drives) == (1, RACING, SETTINGS, 4)
    assert made.finished == made.crashed == Interval(0.5, 0.5, 0.5)  # every track has one of each
    assert made.progress == Interval(0.75, 0.75, 0.75)
    assert made.speed == interval([10.0, 11.0, 12.0, 13.0], tracks) and made.speed.mean == 11.5
    assert made.return_ == interval([0.0, 100.0, 200.0, 300.0], tracks)
    assert find(three, 1, RACING, SETTINGS) == made


def test_a_task_that_knows_no_laps_has_returns_alone(three: Lake):
    made = store(three, 2, "Hopper-v5", {"episodes": 3}, [plain(0, 1.0), plain(1, 2.0), plain(2, 6.0)])
    assert (made.finished, made.crashed, made.progress, made.speed) == (None, None, None, None)
    assert made.return_ == interval([1.0, 2.0, 6.0])


def test_an_evaluation_is_never_made_twice(three: Lake):
    made = store(three, 1, RACING, SETTINGS, [drive(0)])
    assert store(three, 1, RACING, dict(reversed(SETTINGS.items())), [drive(0)]) == made
    assert store(three, 1, RACING, SETTINGS | {"tracks": tuple(SETTINGS["tracks"])}, [drive(0)]) == made
    with three.catalog.read() as connection:
        assert connection.execute(sa.select(t.drives.c["return"], t.drives.c.finished)).all() == [(0.0, True)]


def test_of_those_who_evaluate_at_once_one_stores(three: Lake):
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: store(three, 1, RACING, SETTINGS, [drive(n) for n in range(4)]), range(8)))
    assert len(set(map(repr, made))) == 1
    with three.catalog.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(t.drives)) == 4


def test_an_evaluation_is_found_by_its_version_task_and_settings_only(three: Lake):
    made = store(three, "champion", RACING, SETTINGS, [drive(0)])
    assert made.version == 2
    assert find(three, "champion", RACING, SETTINGS) == find(three, 2, RACING, SETTINGS) == made
    assert find(three, 1, RACING, SETTINGS) is None
    assert find(three, 2, "Hopper-v5", SETTINGS) is None
    assert find(three, 2, RACING, SETTINGS | {"cars": 3}) is None
    with pytest.raises(NotRegistered, match="no version '9'"):
        find(three, 9, RACING, SETTINGS)
    with pytest.raises(NotRegistered, match="no version '9'"):
        store(three, 9, RACING, SETTINGS, [drive(0)])


@pytest.mark.parametrize(
    ("drives", "words"),
    [
        ([], "0 drives, wanted 1 or more"),
        ([drive(0), drive(0)], "of different numbers"),
        ([drive(0), drive(1, return_=float("nan"))], r"drives\[1\]\.return.* is nan: Input should be a finite number"),
        ([drive(0), drive(1, speed=float("inf"))], r"drives\[1\]\.speed is inf"),
        ([drive(0), drive(1, speed=None)], "some drives have speed and others do not"),
        ([drive(0), {"number": 1, "length": 3}], r"drives\[1\]\.return"),
        ([drive(0, lap=3)], r"drives\[0\]\.lap"),
    ],
)
def test_drives_that_say_nothing_are_named_and_nothing_is_stored(three: Lake, drives, words):
    with pytest.raises(EvaluationRejected, match=f"evaluation of version champion on {RACING}: .*{words}"):
        store(three, "champion", RACING, SETTINGS, drives)
    assert find(three, 2, RACING, SETTINGS) is None


def test_settings_must_be_json(three: Lake):
    for wrong in ({"tracks": range(3)}, {"noise": float("nan")}):
        with pytest.raises(EvaluationRejected, match="settings of an evaluation are no JSON"):
            find(three, 1, RACING, wrong)


_number = st.floats(-1e6, 1e6)
_lap = st.tuples(st.booleans(), st.booleans(), st.floats(0, 1), st.floats(0, 90), _number, st.integers(0, 9999))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(laps=st.lists(_lap, min_size=1, max_size=6), seed=st.integers(0, 2**31), as_arrow=st.booleans())
def test_drives_come_back_as_they_were_stored(three: Lake, laps, seed, as_arrow):
    names = ("finished", "crashed", "progress", "speed", "return", "length")
    drives = [dict(zip(names, lap, strict=True)) | {"number": n, "track": n // 2} for n, lap in enumerate(laps)]
    made = store(three, 3, RACING, {"seed": seed, "laps": laps}, pa.Table.from_pylist(drives) if as_arrow else drives)
    query = sa.select(t.drives).where(t.drives.c.evaluation_id == made.evaluation_id).order_by(t.drives.c.number)
    with three.catalog.read() as connection:
        found = [dict(row) for row in connection.execute(query).mappings()]
    assert [{name: value for name, value in row.items() if name != "evaluation_id"} for row in found] == [
        {name: drive[name] for name in row if name != "evaluation_id"} for row, drive in zip(found, drives, strict=True)
    ]
    assert replace(made, created_at=None) == replace(
        find(three, 3, RACING, {"seed": seed, "laps": laps}), created_at=None
    )
