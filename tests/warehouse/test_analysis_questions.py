"""The questions behind the analysis app, on lakes whose answers can be checked in the head."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import QueryRejected
from schemas.settings import Settings
from tests.warehouse.rows import Row, add_model, add_rollout
from warehouse.lake import Lake
from warehouse.questions import ask


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """On SQLite alone: DuckDB answers, whatever the catalog's database."""
    opened = Lake.open(Settings.load(home=tmp_path))
    yield opened
    opened.catalog.engine.dispose()


def drive(rewards: list[float], agent: int = 0) -> list[Row]:
    """One whole episode of a row per reward."""
    return [Row(agent, step, reward, terminated=step == len(rewards) - 1) for step, reward in enumerate(rewards)]


def test_returns_go_over_stretches_of_equally_many_rollouts(lake: Lake) -> None:
    add_model(lake, 1)
    add_model(lake, 2)
    for index, reward in enumerate([1.0, 3.0, 5.0, 7.0]):
        add_rollout(lake, "a", index, drive([reward]), version=1 + index // 2)
    first, second = ask(lake, "returns", points=2).to_pylist()
    assert (first["rollout_first"], first["rollout_last"], first["episodes"], first["return_mean"]) == (1, 2, 2, 2.0)
    assert (second["rollout_first"], second["rollout_last"], second["return_median"]) == (3, 4, 6.0)
    assert (first["version_min"], second["version_max"], second["terminated_share"]) == (1, 2, 1.0)
    assert [row["return_mean"] for row in ask(lake, "returns", version=2).to_pylist()] == [5.0, 7.0]
    assert ask(lake, "returns", run="another").num_rows == 0


def test_episodes_are_listed_in_the_order_that_is_asked_for(lake: Lake) -> None:
    add_rollout(lake, "a", 0, [*drive([1, 1]), *drive([9], agent=1)])
    add_rollout(lake, "a", 1, drive([4, 4, 4]))

    def listed(order: str) -> list[float]:
        returns: list[float] = ask(lake, "episode-list", order=order).column("return").to_pylist()
        return returns

    assert listed("newest") == [12.0, 9.0, 2.0] or listed("newest") == [12.0, 2.0, 9.0]
    assert (listed("best"), listed("worst")) == ([12.0, 9.0, 2.0], [2.0, 9.0, 12.0])
    assert (listed("longest"), listed("shortest")) == ([12.0, 2.0, 9.0], [9.0, 2.0, 12.0])
    with pytest.raises(QueryRejected, match="order is oldest; wanted newest, best"):
        listed("oldest")


def steps_of(lake: Lake, place: int, **how: object) -> dict[str, list[dict[str, float]]]:
    """Rows by name, of the episode at that place of the list of the longest."""
    episode = ask(lake, "episode-list", order="longest").to_pylist()[place]
    places = ("first_rollout_id", "first_row_index", "last_rollout_id", "last_row_index")
    found: dict[str, list[dict[str, float]]] = {}
    which = {name: episode[name] for name in places}
    for row in ask(lake, "episode-steps", run=episode["run_id"], **which, **how).to_pylist():
        found.setdefault(row["name"], []).append(row)
    return found


def test_an_episode_s_steps_go_on_in_the_next_rollout_and_leave_other_agents_out(lake: Lake) -> None:
    steer = [0.0, 1.0, 9.0, 9.0]
    add_rollout(
        lake, "a", 0, [Row(0, 0), Row(0, 1), Row(1, 0), Row(1, 1, terminated=True)], features={"action_steer": steer}
    )
    add_rollout(lake, "a", 1, drive([1, 5]), features={"action_steer": [2.0, 3.0]}, terms={"speed": 0.5})
    found = steps_of(lake, 0)
    assert [(row["step"], row["steps"], row["mean"]) for row in found["steer"]] == [(n, 1, n) for n in range(4)]
    assert [row["mean"] for row in found["reward"]] == [1, 1, 1, 5]
    assert [row["step"] for row in found["speed"]] == [2, 3]  # where the file has the term
    named = ("steer", "speed", "reward", "ray_left")
    assert {name: found[name][0]["kind"] for name in named} == {
        "steer": "action", "speed": "reward term", "reward": "figure", "ray_left": "observation",
    }  # fmt: skip


def test_a_long_episode_comes_in_stretches_that_say_what_their_mean_hides(lake: Lake) -> None:
    add_rollout(lake, "a", 0, drive([0, 10, 0, 20, 5]))
    rows = steps_of(lake, 0, points=3)["reward"]
    assert [(row["step"], row["steps"], row["mean"], row["low"], row["high"]) for row in rows] == [
        (0, 2, 5.0, 0.0, 10.0),
        (2, 2, 10.0, 0.0, 20.0),
        (4, 1, 5.0, 5.0, 5.0),
    ]


def test_reward_terms_are_means_per_step_and_a_run_without_them_has_its_reward(lake: Lake) -> None:
    add_rollout(lake, "with", 0, drive([1, 3]), terms={"speed": 0.5})
    add_rollout(lake, "without", 0, drive([2, 4]))
    found = [(row["term"], row["mean"], row["rows"]) for row in ask(lake, "reward-terms", run="with").to_pylist()]
    assert found == [("reward", 2.0, 2), ("speed", 0.5, 2)]
    assert ask(lake, "reward-terms", run="without").column("term").to_pylist() == ["reward"]


def test_two_versions_are_put_into_the_same_bins_and_their_shares_are_whole(lake: Lake) -> None:
    add_model(lake, 1)
    add_model(lake, 2, aliases=("latest",))
    add_rollout(lake, "a", 0, [*drive([0.0]), *drive([10.0], 1)], version=1, features={"action_steer": [-1.0, -1.0]})
    add_rollout(lake, "b", 0, drive([5.0, 5.0]), version=2, features={"action_steer": [1.0, -1.0]})
    found = ask(lake, "episode-distribution", a="latest", b="1", bins=2).to_pylist()
    returns = [(row["version"], row["bin_low"], row["share"]) for row in found if row["figure"] == "return"]
    assert returns == [(1, 0.0, 0.5), (1, 5.0, 0.5), (2, 5.0, 1.0)]
    moves = ask(lake, "action-distribution", a="2", b="v1", bins=2).to_pylist()
    steer = [(row["version"], row["bin_low"], row["share"]) for row in moves if row["action"] == "steer"]
    assert steer == [(1, -1.0, 1.0), (2, -1.0, 0.5), (2, 0.0, 0.5)]


def psi(a: np.ndarray, b: np.ndarray) -> float:
    """The index between the deciles of b, in numpy, with half a row added to each bin."""
    edges = np.quantile(b, np.arange(1, 10) / 10)
    shares = []
    for values in (a, b):
        counts = np.bincount(np.searchsorted(edges, values, "left"), minlength=10) + 0.5
        shares.append(counts / counts.sum())
    return float(((shares[0] - shares[1]) * np.log(shares[0] / shares[1])).sum())


def test_shift_agrees_with_numpy_and_the_worst_comes_first(lake: Lake) -> None:
    rng = np.random.default_rng(0)
    wide = {"a": rng.normal(1, 2, 397).astype(np.float32), "b": rng.normal(0, 1, 402).astype(np.float32)}
    for run, values in wide.items():
        rows = [Row(0, step) for step in range(len(values))]
        add_rollout(lake, run, 0, rows, features={"obs_speed_norm": values.tolist(), "obs_ray_left": 0.25})
    worst, *others = ask(lake, "observation-shift", run_a="a", run_b="b").to_pylist()
    a, b = (wide[run].astype(np.float64) for run in "ab")
    assert (worst["observation"], worst["rows_a"], worst["rows_b"]) == ("speed_norm", 397, 402)
    assert worst["smd"] == pytest.approx((a.mean() - b.mean()) / np.sqrt((a.var() + b.var()) / 2))
    assert worst["psi"] == pytest.approx(psi(a, b), rel=1e-6)
    assert all(row["psi"] == pytest.approx(0, abs=1e-9) and row["smd"] is None for row in others)
    same = ask(lake, "observation-shift", run_a="a", run_b="a").to_pylist()
    assert all(row["psi"] == 0 for row in same)


def test_a_value_that_is_most_of_the_deciles_is_a_bin_of_its_own(lake: Lake) -> None:
    rows = [Row(0, step) for step in range(40)]
    add_rollout(lake, "old", 0, rows, features={"obs_ray_left": [1.0] * 40})
    add_rollout(lake, "new", 0, rows, features={"obs_ray_left": [1.0] * 20 + [0.5] * 20})
    found = ask(lake, "observation-shift", run_a="new", run_b="old").to_pylist()[0]
    assert (found["observation"], found["bins"]) == ("ray_left", 2)
    share = 20.5 / 41  # of the new ones below 1; of the old ones it is 0.5 / 41
    old = 0.5 / 41
    assert found["psi"] == pytest.approx(
        (share - old) * np.log(share / old) + (share - (1 - old)) * np.log(share / (1 - old))
    )


def test_a_shift_looks_at_about_as_many_rows_as_asked_for_and_the_same_ones_each_time(lake: Lake) -> None:
    rows = [Row(0, step) for step in range(2000)]
    add_rollout(lake, "a", 0, rows, features={"obs_speed_norm": np.linspace(0, 1, 2000).tolist()})
    found = ask(lake, "observation-shift", run_a="a", run_b="a", rows=200)
    assert 120 < found["rows_a"][0].as_py() < 280
    again = ask(lake, "observation-shift", run_a="a", run_b="a", rows=200)
    assert again["mean_a"].to_pylist() == pytest.approx(found["mean_a"].to_pylist())
