"""Where drives begin."""

import numpy as np
import pytest

from racing.car import WIDTH
from racing.grid import FASTEST, SKEW, STRAY, Grid
from racing.tracks import Tracks

POOL = Tracks([3, 4, 5])


def laps(track, cars, vertex):
    place, _ = POOL.locate(vertex, cars.position)
    return (place.vertex - POOL.first[track] + place.fraction) / POOL.count[track], place


def test_standing_starts_are_dealt_round_robin_and_spread_evenly():
    which = np.arange(7)  # three cars on the first track, two on each other
    track, vertex, cars = Grid(POOL, 7, "line").line_up(which, [])
    np.testing.assert_array_equal(track, [0, 1, 2, 0, 1, 2, 0])
    at, place = laps(track, cars, vertex)
    np.testing.assert_allclose(np.minimum(at, 1 - at), [0, 0, 0, 1 / 3, 1 / 2, 1 / 2, 1 / 3], atol=1e-6)
    assert not cars.speed.any()
    np.testing.assert_allclose(place.offset, 0, atol=1e-9)


def test_a_car_s_next_standing_start_is_the_golden_section_of_a_lap_on():
    grid = Grid(POOL, 1, "line")
    found = []
    for _ in range(3):
        track, vertex, cars = grid.line_up(np.zeros(1, np.int64), [])
        found.append(laps(track, cars, vertex)[0].item())
    assert found == pytest.approx([0, 0.618034, 0.236068], abs=1e-5)


def test_random_starts_keep_their_bounds_and_come_from_the_car_s_own_generator():
    which = np.arange(300)
    grid = Grid(POOL, 300, "random")
    track, vertex, cars = grid.line_up(which, [np.random.default_rng(car) for car in which])
    _, place = laps(track, cars, vertex)
    assert {*track} == {0, 1, 2}
    assert 0 <= cars.forward.min() < 0.1 * FASTEST < 0.9 * FASTEST < cars.forward.max() <= FASTEST
    free = place.half_width - WIDTH / 2
    assert 0.9 * STRAY < (np.abs(place.offset) / free).max() < 1.02 * STRAY
    road = np.arctan2(place.tangent[1], place.tangent[0])
    assert 0.9 * SKEW < np.abs(np.angle(np.exp(1j * (cars.heading - road)))).max() < 1.1 * SKEW
    again = grid.line_up(np.array([7]), [np.random.default_rng(7)])
    np.testing.assert_array_equal(again[2].state[:, 0], cars.state[:, 7])


def test_an_unknown_start_is_refused():
    with pytest.raises(ValueError, match="start is 'pit', wanted one of 'random', 'line'"):
        Grid(POOL, 1, "pit")
