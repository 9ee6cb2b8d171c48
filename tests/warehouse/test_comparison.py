"""Which of two versions drives worse, and how sure that is."""

import math

import numpy as np
import pytest

from schemas.errors import EvaluationRejected
from tests.warehouse.rows import add_model
from warehouse.comparison import compare, compare_returns, score
from warehouse.evaluations import store
from warehouse.lake import Lake

RACING = "Pitwall/Racing-v0"
SETTINGS = {"cars": 1}


def lap(number: int, progress: float, speed: float = 10.0, track: int = 0):
    finished = progress >= 1
    figures = {"finished": finished, "crashed": not finished, "progress": progress, "speed": speed}
    return {"number": number, "track": track, **figures, "return": 0.0, "length": 1}


@pytest.fixture
def two(lake: Lake) -> Lake:
    add_model(lake, 1, aliases=("champion",))
    add_model(lake, 2, aliases=("latest",))
    return lake


def test_a_drive_is_worth_its_lap_and_a_finished_one_its_speed_too():
    assert score(lap(0, 0.25, speed=30.0)) == 0.25
    assert score(lap(0, 1.0, speed=30.0)) == 1.03
    assert score(lap(0, 1.5, speed=0.0)) == 1.0
    assert score({"progress": None, "finished": None, "speed": None, "return": -7}) == -7


def test_arriving_comes_before_speed_and_speed_decides_between_those_who_arrive():
    def mean(*drives):
        return np.mean([score(drive) for drive in drives])

    safe, fast = [lap(n, 1.0, 10.0) for n in range(40)], [lap(n, 1.0, 20.0) for n in range(40)]
    assert mean(*fast) > mean(*safe) > mean(lap(0, 0.5, 20.0), *fast[1:])


def test_evaluations_are_compared_drive_by_drive(two: Lake):
    progress = np.random.default_rng(0).uniform(0.0, 0.9, 30)
    store(two, 1, RACING, SETTINGS, [lap(n, progress[n].item(), track=n) for n in range(30)])
    store(two, 2, RACING, SETTINGS, [lap(n, progress[n].item() + 0.0625, track=n) for n in range(30)])
    found = compare(two, "latest", "champion", RACING, SETTINGS)
    assert (found.challenger, found.champion, found.score, found.pairs, found.counts) == (2, 1, "laps", 30, (30, 30))
    assert found.means[0] - found.means[1] == pytest.approx(0.0625)
    # each drive is better by as much: nothing is left to chance, however much the drives themselves differ
    assert (found.difference.low, found.difference.high) == pytest.approx((0.0625, 0.0625))
    assert found.probability_worse == 0.0
    assert compare(two, 1, 2, RACING, SETTINGS).probability_worse == 1.0
    assert compare(two, 1, 1, RACING, SETTINGS).probability_worse == 0.0


def test_the_probability_is_that_of_the_normal_distribution_for_many_drives(two: Lake):
    rng = np.random.default_rng(1)
    ours, theirs = rng.normal(0.02, 1.0, 2000), rng.normal(0.0, 1.0, 2000)
    for version, returns in ((1, theirs), (2, ours)):
        drives = [{"number": n, "return": total, "length": 1} for n, total in enumerate(returns.tolist())]
        store(two, version, "Hopper-v5", {}, drives)
    found = compare(two, 2, 1, "Hopper-v5", {})
    differences = ours - theirs
    z = differences.mean() / (differences.std() / math.sqrt(2000))
    assert found.score == "return"
    assert found.probability_worse == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)), abs=0.02)


def test_episodes_without_partners_are_drawn_on_either_side():
    rng = np.random.default_rng(1)
    returns = {7: rng.normal(1.0, 3.0, 400).tolist(), 4: rng.normal(0.0, 1.0, 100).tolist()}
    found = compare_returns(7, 4, returns)
    error = math.sqrt(np.var(returns[7]) / 400 + np.var(returns[4]) / 100)
    wanted = np.mean(returns[7]) - np.mean(returns[4])
    assert (found.pairs, found.counts) == (None, (400, 100))
    assert found.difference.mean == pytest.approx(wanted)
    bounds = (wanted - 1.96 * error, wanted + 1.96 * error)
    assert (found.difference.low, found.difference.high) == pytest.approx(bounds, abs=0.1 * error)


def test_a_comparison_says_its_figures_in_words(two: Lake):
    assert compare_returns(7, 4, {7: [2.0, 2.0], 4: [1.5]}).words() == (
        "return 2 against 1.5 of version 4, difference +0.5 [+0.5, +0.5], "
        "worse with probability 0.000 (2 and 1 episodes)"
    )
    for version in (1, 2):
        store(two, version, RACING, SETTINGS, [lap(0, 0.5), lap(1, 0.5)])
    assert compare(two, 2, 1, RACING, SETTINGS).words().endswith("worse with probability 0.000 (2 paired drives)")


def test_what_cannot_be_compared_is_said(two: Lake):
    store(two, 1, RACING, SETTINGS, [lap(0, 0.5, track=1), lap(1, 0.5, track=2)])
    with pytest.raises(EvaluationRejected, match=r"version 2 was not evaluated on .* First: pitwall evaluate 2"):
        compare(two, 2, 1, RACING, SETTINGS)
    store(two, 2, RACING, SETTINGS, [lap(0, 0.5, track=1), lap(1, 0.5, track=3)])
    with pytest.raises(EvaluationRejected, match="have other drives or tracks"):
        compare(two, 2, 1, RACING, SETTINGS)
