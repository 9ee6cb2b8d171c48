import json

import pytest

from racing.collector import Collector
from racing.driver import Driver
from racing.environment import Environment
from racing.faults import FAULTS
from schemas.settings import Settings
from tests.racing import policies
from tests.warehouse.rollouts import sql
from warehouse.ingest import ingest
from warehouse.lake import Lake


@pytest.fixture
def home(tmp_path):
    opened = Lake.open(Settings.load(home=tmp_path / "home", settle_seconds=0))
    yield opened
    opened.catalog.engine.dispose()


@pytest.fixture
def session(tmp_path):
    """Collects one rollout of 40 steps with the fault of that name, or none."""

    def collect(fault=None, run_id="run"):
        environment, driver = Environment.open("Pendulum-v1", 2), Driver.read(policies.raw(3, 1))
        return Collector(
            environment, driver, folder=tmp_path / "in", run_id=run_id, steps=40, say=lambda line: None,
            fault=FAULTS.get(fault),
        ).collect()  # fmt: skip

    return collect


def test_without_a_fault_every_row_goes_in(home, session):
    path = session().path
    assert ingest(home, [path]).accepted == {str(path): 40}


def test_rows_with_nan_are_a_gap_that_nobody_sees(home, session):
    collected = session("nan_rows")
    report = ingest(home, [collected.path])
    assert report.accepted == {str(collected.path): 36} == {str(collected.path): collected.steps}
    assert collected.dropped == 4 and not report.rejected and not report.warnings
    # rows 0, 10, 20 and 30 are agent 0's
    counted = sql(home, "select agent_index, count(*) from experiences group by 1 order by 1")
    assert counted == [(0, 16), (1, 20)]


@pytest.mark.parametrize("fault", ["torn", "empty"])
def test_half_a_file_is_rejected_as_a_whole_with_a_reason(home, session, fault):
    path = session(fault).path
    report = ingest(home, [path])
    assert list(report.rejected_files) == [str(path)] and report.rejected_files[str(path)]
    assert not report.accepted and sql(home, "select count(*) from experiences") == [(0,)]


def test_the_same_content_under_two_names_goes_in_once(home, session):
    path = session("duplicate").path
    copy = path.with_name(path.name.replace("rollout_0_", "rollout_1000_"))
    report = ingest(home, [path.parent])
    assert list(report.accepted.values()) == [40] and report.duplicates == {str(copy): path.name}
    assert sql(home, "select count(*) from experiences") == [(40,)]


def test_advantages_that_are_bare_words_cost_no_row(home, session):
    path = session("nan_words").path
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(path.read_text())
    report = ingest(home, [path])
    assert report.accepted == {str(path): 40} and not report.rejected


def test_a_wrong_count_is_a_warning(home, session):
    path = session("miscounted").path
    report = ingest(home, [path])
    assert report.accepted == {str(path): 40} and report.warnings[str(path)][0].startswith("num_experiences")


def test_a_state_of_another_width_is_the_one_row_rejected(home, session):
    path = session("another_width").path
    report = ingest(home, [path])
    assert report.accepted == {str(path): 39}
    assert report.rejected_rows[str(path)] == ["experiences[1].state has 4 numbers, the file's others have 3"]


def test_a_file_that_never_got_its_name_is_left_alone(home, session):
    collected = session("left_as_tmp")
    report = ingest(home, [collected.path.parent])
    assert list(report.ignored) == [str(collected.path)]
    assert not report.accepted and collected.path.exists()


def test_every_fault_says_what_it_is():
    assert set(FAULTS) == {
        "nan_rows", "torn", "empty", "duplicate", "nan_words", "miscounted", "another_width", "left_as_tmp"
    }  # fmt: skip
    assert all(fault.__doc__ for fault in FAULTS.values())
