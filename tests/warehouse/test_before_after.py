"""What the questions of a report answer, with numbers that can be checked in the head."""

import pytest

from tests.warehouse.drafts import draft, files
from tests.warehouse.rows import Row, add_model, add_rollout
from warehouse import evaluations
from warehouse.lake import Lake
from warehouse.query import run
from warehouse.questions import ask
from warehouse.registry import publish


def four(reward: float) -> list[Row]:
    """Two whole episodes of two rows."""
    return [Row(0, step, reward, terminated=step % 2 == 1) for step in range(4)]


@pytest.fixture
def driven(lake: Lake) -> Lake:
    """Version 2 is trained on rollouts of versions 1 and 0's unknown driver, and drives itself."""
    steer = {"features": {"action_steer": [-1.0, 0.0, 0.0, 1.0]}}
    add_model(lake, 1)
    first = add_rollout(lake, "a", 0, four(1), version=1, terms={"speed": [3.0, 1.0, 0.0, 0.0]}, **steer)
    stranger = add_rollout(lake, "b", 0, four(5))
    add_model(lake, 2, first, stranger, parent=1)
    add_rollout(lake, "c", 0, four(2), version=2, features={"action_steer": [1.0] * 4})
    return lake


def test_before_is_what_the_parent_drove_in_the_window_and_after_what_the_version_drove(driven: Lake):
    found = run(driven, "select version, side, policy_version, run_id from sides order by all").to_pylist()
    assert [tuple(row.values()) for row in found] == [(1, "after", 1, "a"), (2, "after", 2, "c"), (2, "before", 1, "a")]


def test_where_the_parent_did_not_drive_before_is_the_newest_who_did(driven: Lake):
    add_model(driven, 3, run(driven, "select rollout_id from rollouts where run_id = 'a'").to_pylist()[0]["rollout_id"],
              parent=2)  # fmt: skip
    found = run(driven, "select policy_version from sides where version = 3 and side = 'before'").to_pylist()
    assert found == [{"policy_version": 1}]


def test_episodes_actions_and_terms_stand_side_by_side(driven: Lake):
    episodes = ask(driven, "episodes-before-after", version="2").to_pylist()
    assert [(row["side"], row["policy_version"], row["return"], row["length"]) for row in episodes] == [
        ("before", 1, 2.0, 2), ("before", 1, 2.0, 2), ("after", 2, 4.0, 2), ("after", 2, 4.0, 2),
    ]  # fmt: skip
    steer = [row for row in ask(driven, "action-use", version="v2").to_pylist() if row["action"] == "action_steer"]
    assert [(row["side"], row["mean"], row["at_low"], row["at_high"]) for row in steer] == [
        ("before", 0.0, 0.25, 0.25), ("after", 1.0, 0.0, 1.0),
    ]  # fmt: skip
    bins = [
        row for row in ask(driven, "action-bins", version="2", bins=2).to_pylist() if row["action"] == "action_steer"
    ]
    assert [(row["side"], row["bin_low"], row["bin_high"], row["rows"], row["share"]) for row in bins] == [
        ("before", -1.0, 0.0, 1, 0.25), ("before", 0.0, 1.0, 3, 0.75), ("after", 0.0, 1.0, 4, 1.0),
    ]  # fmt: skip
    terms = ask(driven, "reward-use", version="2").to_pylist()
    assert [(row["side"], row["term"], row["mean"], row["active"]) for row in terms] == [
        ("before", "reward", 1.0, 1.0), ("after", "reward", 2.0, 1.0), ("before", "term_speed", 1.0, 0.5),
    ]  # fmt: skip


def test_training_data_are_told_by_run_and_collector(driven: Lake):
    known, unknown = ask(driven, "training-data", version="2").to_pylist()
    assert (known["run_id"], known["policy_version"], known["rollouts"], known["rows"]) == ("a", 1, 1, 4)
    assert (known["reward_mean"], known["reward_std"], known["trained"]) == (1.0, 0.0, None)
    assert (unknown["run_id"], unknown["policy_version"], unknown["reward_mean"]) == ("b", None, 5.0)


def test_health_looks_at_a_version_s_own_window_when_asked(driven: Lake):
    def stuck(**which: object) -> float:
        rows = ask(driven, "health", **which).to_pylist()
        return next(row["figure"] for row in rows if row["check"].startswith("action_steer saturated"))

    assert (
        stuck(rollouts=1) == 1.0 and stuck(version="2", rollouts=1) == 0.25
    )  # of the newest one, of all of the window
    assert ask(driven, "health", version="1").num_rows == 0


def test_evaluations_beside_are_those_that_the_parent_has_too(lake: Lake):
    for name in "ab":
        publish(lake, draft(name, parent={"b": 1}.get(name)), files)
    one = [{"number": 0, "return": 1.0, "length": 1}]
    evaluations.store(lake, 1, "Hopper", {"seed": 1}, one)
    evaluations.store(lake, 2, "Hopper", {"seed": 1}, one)
    evaluations.store(lake, 2, "Hopper", {"seed": 2}, one)
    rows = ask(lake, "evaluations-beside", version="2").to_pylist()
    assert [(row["version"], row["figure"], row["settings"]) for row in rows] == [
        (1, "return", '{"seed": 1}'), (2, "return", '{"seed": 1}'),
    ]  # fmt: skip
    assert [(row["version"], row["parent"], row["return_mean"]) for row in ask(lake, "family").to_pylist()] == [
        (1, None, 1.0), (2, 1, 1.0),
    ]  # fmt: skip
