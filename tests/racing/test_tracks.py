"""Where cars are, against a search over a finely sampled centreline."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from racing.track import Track
from racing.tracks import WINDOW, Tracks

POOL = Tracks([3, 4, 5])


def beside(track, laps, offset):
    """Places (2, N) `offset` metres right of the centreline; and where they are, in vertices (N,), by interpolation."""
    vertex, middle, heading, _ = POOL.point(track, laps)
    return middle + offset * np.array([-np.sin(heading), np.cos(heading)]), vertex


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_a_car_is_found_where_it_was_put(seed):
    rng = np.random.default_rng(seed)
    track = rng.integers(0, 3, 50)
    laps, offset, off = rng.random(50), rng.uniform(-3, 3, 50), rng.integers(-3, 4, 50)
    position, vertex = beside(track, laps, offset)
    place, went = POOL.locate(vertex + off, position)
    along = (place.vertex - POOL.first[track] + place.fraction) / POOL.count[track]
    apart = (along - laps + 0.5) % 1 - 0.5
    np.testing.assert_allclose(apart * POOL.length[track], 0, atol=0.15)
    np.testing.assert_allclose(place.offset, offset, atol=0.02)
    np.testing.assert_allclose(went + place.fraction + off, (laps * POOL.count[track]) % 1, atol=0.08)


def test_a_lap_around_is_as_long_as_the_track_wherever_it_is_driven():
    for offset in (-2.0, 0.0, 2.0):
        track = np.arange(3)
        position, vertex = beside(track, np.zeros(3), offset)
        place, _ = POOL.locate(vertex, position)
        driven, fraction = np.zeros(3), place.fraction
        for laps in np.linspace(0, 1, 401)[1:]:
            place, went = POOL.locate(place.vertex, beside(track, np.full(3, laps % 1), offset)[0])
            driven += (went + place.fraction - fraction) * POOL.spacing
            fraction = place.fraction
        np.testing.assert_allclose(driven, POOL.length, rtol=1e-9)


def test_a_window_holds_the_walls_around_a_vertex_also_across_the_line():
    vertex = POOL.first + np.array([0, 7, POOL.count[2] - 1])
    walls = POOL.walls(vertex)
    for car, seed in enumerate([3, 4, 5]):
        track = Track.draw(seed)
        rows = (vertex[car] - POOL.first[car] + WINDOW[:, 0]) % len(track.x)
        for side, wall in enumerate([track.left_wall, track.right_wall]):
            np.testing.assert_allclose(walls[side, :, car], wall[rows] @ [1, 1j], atol=1e-4)


def test_the_road_s_slope_and_width_are_the_track_s():
    track = Track.draw(4)
    vertex = POOL.first[1] + np.arange(len(track.x))
    place, _ = POOL.locate(vertex, np.array([track.x, track.y]))
    np.testing.assert_allclose(place.offset, 0, atol=1e-9)
    np.testing.assert_allclose([place.half_width, place.slope], [track.half_width, track.slope], atol=1e-9)


def test_a_pool_needs_a_track():
    with pytest.raises(ValueError, match="tracks is empty"):
        Tracks([])
