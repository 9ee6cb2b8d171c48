"""Named questions: their headers, their parameters, their answers."""

import polars as pl
import pytest

from schemas.errors import QueryRejected
from schemas.space import Space
from tests.warehouse.drafts import draft, files
from tests.warehouse.rows import WITH_LIDAR, Row, add_model, add_rollout
from warehouse import evaluations
from warehouse.aliases import promote
from warehouse.comparison import compare
from warehouse.lake import Lake
from warehouse.questions import ask, question, questions
from warehouse.registry import publish

REQUIRED = {
    "rollout": "rollout_0",
    **{"run": "a", "first_rollout_id": "x", "first_row_index": 0, "last_rollout_id": "x", "last_row_index": 0},
}


def given(name: str):
    return {key: REQUIRED[key] for key, parameter in question(name).parameters.items() if parameter.default is None}


def drive(rewards: list[float]) -> list[Row]:
    """One whole episode of a row per reward."""
    return [Row(0, step, reward, terminated=step == len(rewards) - 1) for step, reward in enumerate(rewards)]


@pytest.mark.parametrize("name", questions())
def test_every_question_answers_an_empty_lake_with_no_row_and_its_documented_columns(lake: Lake, name: str):
    table = ask(lake, name, **given(name))
    assert table.num_rows == 0
    assert table.column_names == list(question(name).columns)


@pytest.mark.parametrize("name", questions())
def test_every_question_answers_over_several_spaces(lake: Lake, name: str):
    add_rollout(lake, "a", 0, drive([1, 2, 3]))
    add_rollout(lake, "b", 0, drive([1, 2, 3]), space=WITH_LIDAR)
    add_rollout(lake, "c", 0, drive([1, 2, 3]), space=Space.of(2, ["left motor", "right"], ["x", "y"]))
    assert ask(lake, name, **given(name)).column_names == list(question(name).columns)


@pytest.mark.parametrize("name", questions())
def test_every_parameter_stands_in_its_statement_and_says_what_it_means(name: str):
    for parameter in question(name).parameters.values():
        assert f"${parameter.name}" in question(name).statement
        assert parameter.meaning
        assert parameter.default in (None, "null") or parameter.read(parameter.default) is not None


def test_best_and_worst_episodes_are_whole_ones_in_order(lake: Lake):
    add_rollout(
        lake, "a", 0, [*drive([1, 1]), Row(0, 2, 500), Row(1, 0, 9, terminated=True), Row(2, 0, 5, truncated=True)]
    )
    assert ask(lake, "best-episodes", n=2).column("return").to_pylist() == [9.0, 5.0]
    assert ask(lake, "worst-episodes", n="2").column("return").to_pylist() == [2.0, 5.0]
    assert ask(lake, "best-episodes", run="another").num_rows == 0


def test_progress_is_counted_by_version_with_an_interval(lake: Lake):
    add_model(lake, 1)
    add_rollout(lake, "a", 0, [*drive([1, 1]), Row(1, 0, 4, terminated=True)], version=1)
    add_rollout(lake, "b", 0, drive([7]))
    first, unknown = ask(lake, "policy-progress").to_pylist()
    assert (first["policy_version"], first["episodes"], first["return_mean"], first["length_mean"]) == (1, 2, 3.0, 1.5)
    assert first["return_low"] == pytest.approx(3 - 1.96)  # returns 2 and 4: standard error 1
    assert (unknown["policy_version"], unknown["return_mean"], unknown["return_low"]) == (None, 7.0, None)


def test_models_know_their_rollouts_and_rollouts_their_models(lake: Lake):
    first, second = (add_rollout(lake, "a", index, [Row(0, step) for step in range(4)]) for index in (0, 1))
    add_model(lake, 1, first)
    add_model(lake, 2, second, parent=1, aliases=("latest",))
    for spelled in ("2", "v2", "v00002", "latest"):
        assert ask(lake, "model-rollouts", version=spelled).column("rollout_id").to_pylist() == [second]
    assert ask(lake, "model-rollouts", generations=1).column("rollout_id").to_pylist() == [second, first]
    assert ask(lake, "rollout-models", rollout=first[:12]).column("version").to_pylist() == [1]
    assert ask(lake, "rollout-models", rollout="rollout_1_20250101_000000.json").column("version").to_pylist() == [2]


def test_drift_is_the_move_of_the_mean_in_the_older_ones_standard_deviation(lake: Lake):
    rows = [Row(0, 0), Row(0, 1)]
    add_rollout(lake, "a", 0, rows, features={"obs_speed_norm": [0.0, 2.0], "obs_ray_left": [0.0, 2.0]})
    add_rollout(lake, "a", 1, rows, features={"obs_speed_norm": [4.0, 4.0], "obs_ray_left": [1.0, 1.0]})
    found = {row["observation"]: row for row in ask(lake, "drift", rollouts=1).to_pylist()}
    assert found["obs_speed_norm"]["shift"] == 3.0  # mean 4 against 1, standard deviation 1
    assert (found["obs_ray_left"]["shift"], found["obs_ray_left"]["spread"]) == (0.0, 0.0)
    assert found["obs_ray_right"]["shift"] is None


def lap(number: int, progress: float, speed: float, total: float):
    """A drive: two on each track."""
    figures = {"finished": progress == 1, "crashed": progress < 1, "progress": progress, "speed": speed}
    return {"number": number, "track": number // 2, **figures, "return": total, "length": 1}


def test_versions_come_with_their_newest_evaluation_what_they_collected_and_whether_they_were_champion(lake: Lake):
    for name in "abc":
        publish(lake, draft(name, parent={"b": 1, "c": 2}.get(name)), files)
    promote(lake, "champion", 2)
    promote(lake, "champion", 3)
    add_rollout(lake, "a", 0, [*drive([1, 1]), Row(1, 0, 4, terminated=True)], version=2)
    evaluations.store(lake, 2, "Racing", {"cars": 1}, [lap(0, 0.5, 10, 1)])
    evaluations.store(lake, 2, "Racing", {"cars": 2}, [lap(0, 1.0, 10, 3), lap(1, 0.5, 20, 5)])
    evaluations.store(lake, 3, "Hopper", {}, [{"number": 0, "return": 9.0, "length": 1}])
    first, second, third = ask(lake, "versions").to_pylist()
    assert [(row["version"], row["parent"], row["champion"]) for row in (first, second, third)] == [
        (1, None, "was"), (2, 1, "was"), (3, 2, "now"),
    ]  # fmt: skip
    assert (first["task"], first["return_mean"], first["episodes"]) == (None, None, None)
    assert (second["drives"], second["finished_share"], second["progress_mean"], second["speed_mean"]) == (
        2,
        0.5,
        0.75,
        15,
    )
    assert (second["episodes"], second["episode_return"]) == (2, 3.0)
    assert (third["task"], third["finished_share"], third["return_low"]) == ("Hopper", None, 9.0)
    assert ask(lake, "versions", task="Hopper").column("drives").to_pylist() == [None, None, 1]
    assert ask(lake, "versions", episodes="no").column("episodes").to_pylist() == [None] * 3


def test_versions_are_compared_drive_by_drive(lake: Lake):
    for name in "ab":
        publish(lake, draft(name), files)
    evaluations.store(lake, 1, "Racing", {}, [lap(0, 0.5, 10, 1), lap(1, 1.0, 10, 1), lap(2, 0.25, 10, 1)])
    evaluations.store(lake, 2, "Racing", {}, [lap(0, 1.0, 20, 3), lap(1, 1.0, 20, 3), lap(2, 0.25, 30, 0)])
    evaluations.store(lake, 2, "Racing", {"other": 1}, [lap(0, 0.0, 0, 0)])
    found = {row["figure"]: row for row in ask(lake, "compare-versions").to_pylist()}
    assert list(found) == ["score", "finished", "crashed", "progress", "speed", "return"]
    assert {(row["version_a"], row["version_b"], row["task"], row["drives"]) for row in found.values()} == {
        (2, 1, "Racing", 3)
    }
    progress = found["progress"]
    assert (progress["mean_a"], progress["a_higher"], progress["a_lower"]) == (0.75, 1, 0)
    assert progress["difference"] == pytest.approx(0.5 / 3)
    # two tracks, ahead by 0.25 and by 0: standard error 0.125
    assert progress["high"] - progress["difference"] == pytest.approx(1.96 * 0.125)
    assert found["speed"]["mean_b"] == 10.0 and found["return"]["a_lower"] == 1
    score = found["score"]
    promotion = compare(lake, 2, 1, "Racing", {})
    assert (score["mean_a"], score["mean_b"]) == pytest.approx(promotion.means)
    assert score["difference"] == pytest.approx(promotion.difference.mean)
    back = ask(lake, "compare-versions", a="v1", b="2", task="Racing").to_pylist()
    assert [row["difference"] for row in back] == pytest.approx([-row["difference"] for row in found.values()])


def test_versions_without_laps_are_compared_by_return_and_score_alone(lake: Lake):
    for name in "ab":
        publish(lake, draft(name), files)
    for version in (1, 2):
        returns = [{"number": n, "return": n * version, "length": 1} for n in range(3)]
        evaluations.store(lake, version, "Hopper", {}, returns)
    rows = ask(lake, "compare-versions").to_pylist()
    assert [(row["figure"], row["difference"], row["low"]) for row in rows] == [
        (name, 1.0, pytest.approx(1.0 - 1.96 / 3**0.5)) for name in ("score", "return")
    ]
    assert ask(lake, "compare-versions", task="Racing").num_rows == 0


def verdicts(lake: Lake, **parameters: object) -> dict[str, str]:
    return {row["check"].split(":")[0]: row["verdict"] for row in ask(lake, "health", **parameters).to_pylist()}


def test_health_finds_a_policy_that_is_stuck_at_one_side(lake: Lake):
    steer = [0.9, 0.9, 1.0, 0.9]
    add_rollout(
        lake, "a", 0, drive([1, 2, 1, 2]), features={"action_steer": steer, "action_throttle": [0.1, 0.9, 0.5, 1.0]}
    )
    found = verdicts(lake, min_length=2)
    assert found["action_steer saturated"] == "bad"
    assert found["action_steer explored"] == "bad"
    assert found["action_throttle explored"] == "ok"
    assert found["action_steer clamped"] == "ok"  # one of four rows
    assert found["episodes long enough"] == "ok"
    assert "action_throttle saturated" not in found  # its range is not even about 0


def test_health_finds_short_episodes_constant_rewards_rejects_and_lost_advantages(lake: Lake):
    identity = add_rollout(lake, "a", 0, drive([1, 1]), rejected_rows=1, rows_in_file=3)
    path = lake.paths.partition("a", identity)
    unknown = pl.lit(None, pl.Float32).alias("engine_advantage")
    pl.read_parquet(path).with_columns(unknown).write_parquet(path)
    found = verdicts(lake)
    assert found["episodes long enough"] == "bad"
    assert found["reward varies"] == "bad"
    assert found["rejected"] == "bad"
    assert found["engine advantage not finite"] == "warning"


def test_health_finds_returns_that_collapse(lake: Lake):
    for index, total in enumerate([10, 11, 12, 11, 2, 1, 2, 1]):
        add_rollout(lake, "a", index, drive([total]))
    assert verdicts(lake)["return collapsed"] == "bad"


def test_health_looks_at_other_action_spaces_too(lake: Lake):
    add_rollout(lake, "a", 0, drive([1, 2]), space=Space.of(2, ["left motor"]))
    assert verdicts(lake)["action_left motor explored"] == "bad"


def test_an_unknown_question_or_parameter_is_answered_with_what_there_is(lake: Lake):
    with pytest.raises(QueryRejected, match="best-episodes, compare-versions, drift"):
        ask(lake, "best")
    with pytest.raises(QueryRejected, match=r"no parameter 'm'(?s:.*)--n INTEGER"):
        ask(lake, "best-episodes", m=3)
    with pytest.raises(QueryRejected, match="wanted an integer"):
        ask(lake, "best-episodes", n="many")
    with pytest.raises(QueryRejected, match="needs --rollout"):
        ask(lake, "rollout-models")
