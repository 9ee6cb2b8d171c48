"""Bootstrap intervals against what is known of means."""

import math
import random
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.bootstrap import RESAMPLES, Interval, interval, means


def by_hand(values: list[float], resamples: int = 4000) -> tuple[float, float]:
    """The same percentiles by the standard library alone, in float64."""
    chance = random.Random(1)
    drawn = [statistics.fmean(chance.choices(values, k=len(values))) for _ in range(resamples)]
    cut = statistics.quantiles(drawn, n=40, method="inclusive")
    return cut[0], cut[-1]


def test_an_interval_agrees_with_one_made_by_the_standard_library():
    values = [1.0, 2.0, 2.5, 4.0, 8.0, 16.0, 3.0, 3.5, 0.0, 5.0]
    found = interval(values)
    assert found.mean == 4.5
    assert (found.low, found.high) == pytest.approx(by_hand(values), abs=0.15)


def test_of_many_values_it_is_the_normal_interval():
    values = np.random.default_rng(0).exponential(2.0, 5000)
    half = 1.96 * values.std() / math.sqrt(len(values))
    found = interval(values)
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), rel=0.005)


@pytest.mark.parametrize("draw", [lambda rng: rng.normal(3.0, 2.0, 40), lambda rng: 2.0 + (rng.random(40) < 0.5) * 2.0])
def test_it_holds_the_true_mean_in_about_95_of_100_cases(draw):
    rng = np.random.default_rng(7)
    held = [found.low <= 3.0 <= found.high for found in (interval(draw(rng)) for _ in range(400))]
    assert 0.91 <= np.mean(held) <= 0.98


def test_drives_of_one_track_are_drawn_together_or_the_interval_is_too_sure_of_itself():
    rng = np.random.default_rng(7)
    tracks = np.repeat(np.arange(20), 4).tolist()
    held, alone = [], []
    for _ in range(300):
        values = np.repeat(rng.normal(0.0, 1.0, 20), 4) + rng.normal(0.0, 0.3, 80)
        for found, into in ((interval(values, tracks), held), (interval(values), alone)):
            into.append(found.low <= 0.0 <= found.high)
    assert 0.89 <= np.mean(held) <= 0.98
    assert np.mean(alone) < 0.8


@given(value=st.floats(-1e9, 1e9), count=st.integers(1, 50))
def test_equal_values_have_exactly_themselves_as_interval(value: float, count: int):
    assert interval([value] * count) == Interval(value, value, value)
    assert interval([value] * count, [number % 3 for number in range(count)]) == Interval(value, value, value)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_an_interval_lies_within_its_values_and_the_same_seed_gives_the_same(values: list[float]):
    found = interval(values)
    assert min(values) - 1e-6 <= found.low <= found.high <= max(values) + 1e-6
    assert found == interval(values, list(range(len(values))))
    assert len(means(values)) == RESAMPLES >= 2000


def test_a_paired_difference_is_sure_where_pairs_agree():
    tracks = np.random.default_rng(0).normal(0.0, 100.0, 50)
    found = interval((tracks + 1.0) - tracks)
    assert (found.low, found.high) == pytest.approx((1.0, 1.0))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, math.nan], r"values\[1\] is nan"),
        ([math.inf], r"values\[0\] is inf"),
        ([], "N of 1 or more"),
        ([[1.0]], "shape"),
    ],
)
def test_what_is_no_sample_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        interval(values)


def test_a_large_sample_takes_little_memory():
    import tracemalloc

    values = np.arange(50_000.0)
    tracemalloc.start()
    means(values)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 100 * 2**20
