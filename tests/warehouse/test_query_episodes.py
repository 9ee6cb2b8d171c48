"""Episodes across rollouts, against a loop over the rows."""

import uuid

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.episodes import Episodes
from schemas.settings import Settings
from tests.warehouse.rows import Row, add_model, add_rollout
from warehouse.lake import Lake
from warehouse.query import run


def episodes(lake: Lake, columns: str):
    return [
        tuple(row.values())
        for row in run(lake, f"select {columns} from episodes order by run_id, agent_index, number").to_pylist()
    ]


def test_an_episode_goes_on_in_the_next_rollout_of_its_run(lake: Lake):
    first = add_rollout(lake, "a", 0, [Row(0, 0, 1), Row(0, 1, 2, terminated=True), Row(0, 2, 4)])
    second = add_rollout(lake, "a", 1, [Row(0, 0, 8), Row(0, 1, 16, truncated=True), Row(0, 2, 32)])
    where = "first_rollout_id, first_row_index, last_rollout_id, last_row_index"
    assert episodes(lake, f"number, return, length, ended, whole, rollouts, {where}") == [
        (0, 3.0, 2, "terminated", True, 1, first, 0, first, 1),
        (1, 28.0, 3, "truncated", True, 2, first, 2, second, 1),
        (2, 32.0, 1, "open", False, 1, second, 2, second, 2),
    ]


def test_a_lost_row_cuts_the_episode_and_its_rest_has_no_beginning(lake: Lake):
    add_rollout(
        lake, "a", 0, [Row(0, 0, gap_after=True), Row(0, 2, gap_before=True), Row(0, 3, terminated=True), Row(0, 4)]
    )
    assert episodes(lake, "number, length, ended, whole") == [
        (0, 1, "cut", False), (1, 2, "terminated", False), (2, 1, "open", False),
    ]  # fmt: skip


def test_a_missing_rollout_cuts_the_episode(lake: Lake):
    add_rollout(lake, "a", 0, [Row(0, 0)], position=0)
    add_rollout(lake, "a", 2, [Row(0, 0, terminated=True)], position=1)
    assert episodes(lake, "length, ended, whole") == [(1, "cut", False), (1, "terminated", False)]


def test_a_run_that_starts_in_the_middle_has_no_beginning(lake: Lake):
    add_rollout(lake, "a", 5, [Row(0, 0, terminated=True), Row(0, 1, terminated=True)])
    assert episodes(lake, "whole") == [(False,), (True,)]


def test_rollouts_without_an_index_follow_each_other(lake: Lake):
    add_rollout(lake, "a", None, [Row(0, 0)], position=0)
    add_rollout(lake, "a", None, [Row(0, 0, terminated=True)], position=1)
    assert episodes(lake, "length, ended, whole") == [(2, "terminated", True)]


def test_an_agent_that_is_absent_from_a_rollout_is_cut(lake: Lake):
    add_rollout(lake, "a", 0, [Row(0, 0), Row(1, 0)])
    add_rollout(lake, "a", 1, [Row(0, 0)])
    add_rollout(lake, "a", 2, [Row(0, 0), Row(1, 0)])
    assert episodes(lake, "agent_index, length, ended") == [(0, 3, "open"), (1, 1, "cut"), (1, 1, "open")]


def test_a_mended_rollout_joins_its_neighbours_again(lake: Lake):
    add_rollout(lake, "a", 0, [Row(0, 0)], position=0)
    add_rollout(lake, "a", 1, [Row(0, 0, gap_after=True)], position=7, superseded_by="f" * 64)
    add_rollout(lake, "a", 1, [Row(0, 0), Row(0, 1)], position=8)
    add_rollout(lake, "a", 2, [Row(0, 0, terminated=True)], position=9)
    assert episodes(lake, "length, ended, whole") == [(4, "terminated", True)]


def test_an_episode_names_its_version_only_where_all_of_it_has_one(lake: Lake):
    add_model(lake, 1)
    add_model(lake, 2)
    add_rollout(lake, "a", 0, [Row(0, 0, terminated=True), Row(0, 1)], version=1, noise=[[0, 0, 0.2], [0, 1, 0.1]])
    add_rollout(lake, "a", 1, [Row(0, 0, terminated=True), Row(0, 1)], version=2, noise=[[0, 0, 0.1], [0, 1, 0.05]])
    add_rollout(lake, "a", 2, [Row(0, 0)])
    assert episodes(lake, "policy_version, policy_version_min, policy_version_max, noise_scale") == [
        (1, 1, 1, 0.2),
        (None, 1, 2, 0.1),
        (None, 2, 2, 0.05),
    ]


_ROW = st.sampled_from(["step", "step", "step", "terminated", "truncated", "lost"])
_ROLLOUT = st.lists(st.lists(_ROW, max_size=6), min_size=2, max_size=2)


@pytest.fixture(scope="module")
def shared_lake(tmp_path_factory):
    """One lake for all examples; each is a run of its own."""
    opened = Lake.open(Settings.load(home=tmp_path_factory.mktemp("home")))
    yield opened
    opened.catalog.engine.dispose()


@settings(max_examples=40)
@given(journey=st.lists(st.tuples(_ROLLOUT, st.booleans()), min_size=1, max_size=5))
def test_the_view_agrees_with_a_loop_over_the_rows(journey, shared_lake):
    name = uuid.uuid4().hex
    kept = []  # per live rollout: its index and, per agent, what happened to each row
    for index, (agents, arrives) in enumerate(journey):
        if arrives and any(event != "lost" for events in agents for event in events):
            kept.append((index, agents))
    for position, (index, agents) in enumerate(kept):
        rows = [row for agent, events in enumerate(agents) for row in _rows(agent, index, events)]
        add_rollout(shared_lake, name, index, rows, position=position)
    table = run(shared_lake, "from episodes where run_id = $run order by agent_index, number", {"run": name})
    Episodes.validate(pl.from_arrow(table))
    columns = ["agent_index", "number", "return", "length", "ended", "whole"]
    assert table.select(columns).to_pylist() == [dict(zip(columns, row, strict=True)) for row in _by_loop(kept)]


def _rows(agent: int, index: int, events: list[str]) -> list[Row]:
    return [
        Row(
            agent, step, _reward(agent, index, step), event == "terminated", event == "truncated",
            gap_before=step > 0 and events[step - 1] == "lost",
            gap_after=step + 1 < len(events) and events[step + 1] == "lost",
        )
        for step, event in enumerate(events) if event != "lost"
    ]  # fmt: skip


def _reward(agent: int, index: int, step: int) -> float:
    return float(1000 * agent + 10 * index + step)


def _by_loop(kept):
    for agent in range(2):
        found, current, known = [], None, bool(kept) and kept[0][0] == 0
        previous_index = None
        for index, agents in kept:
            events = agents[agent]
            present = any(event != "lost" for event in events)
            missing = previous_index is not None and index != previous_index + 1
            if missing or not present:  # something of this agent is missing here
                current, known = _cut(found, current), False
            for step, event in enumerate(events if present else []):
                if event == "lost":
                    current, known = _cut(found, current), False
                    continue
                current = current or [0.0, 0, known]
                current[0] += _reward(agent, index, step)
                current[1] += 1
                if event != "step":
                    found.append((current[0], current[1], event, current[2]))
                    current, known = None, True
            previous_index = index
        if current:
            found.append((current[0], current[1], "open", False))
        for number, (total, length, ended, whole) in enumerate(found):
            yield agent, number, total, length, ended, whole


def _cut(found, current):
    if current:
        found.append((current[0], current[1], "cut", False))
