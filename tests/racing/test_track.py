"""Tracks: what every seed must give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from racing.track import BEND, LENGTH, NARROWEST, STEEPEST, TEST_TRACKS, TRAIN_TRACKS, Track

SEEDS = st.integers(0, 2**40)


def wrapped(values):
    return np.append(values, values[:1], axis=0)


def crossings(first, second, same):
    """Pairs of segments of two closed polylines that cross, all against all; neighbours in one line touch only."""
    a, b = wrapped(first)[:-1], wrapped(first)[1:]
    c, d = wrapped(second)[:-1], wrapped(second)[1:]

    def side(p, q, r):
        return (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (r[..., 0] - p[..., 0])

    a, b, c, d = a[:, None], b[:, None], c[None], d[None]
    cross = (side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)
    if same:
        i = np.arange(len(first))
        cross[i, i] = cross[i, (i + 1) % len(i)] = cross[(i + 1) % len(i), i] = False
    return int(cross.sum())


@settings(max_examples=25)
@given(SEEDS)
def test_walls_cross_neither_themselves_nor_each_other(seed):
    track = Track.draw(seed)
    left, right = track.left_wall, track.right_wall
    assert crossings(left, left, same=True) == crossings(right, right, same=True) == 0
    assert crossings(left, right, same=False) == 0


@settings(max_examples=25)
@given(SEEDS)
def test_a_track_keeps_its_bounds(seed):
    track = Track.draw(seed)
    assert LENGTH[0] <= track.length <= LENGTH[1]
    assert np.abs(track.curvature * track.half_width).max() < BEND
    assert track.half_width.min() > NARROWEST
    assert np.abs(track.slope).max() <= STEEPEST + 1e-12
    assert 1.97 < track.spacing < 2.03


@settings(max_examples=25)
@given(SEEDS)
def test_a_track_closes_and_its_derivatives_are_those_of_its_points(seed):
    track = Track.draw(seed)
    step = track.spacing

    def change(values):
        return (np.roll(values, -1) - np.roll(values, 1)) / (2 * step)

    assert np.hypot(*np.diff(wrapped(np.stack([track.x, track.y], 1)), axis=0).T) == pytest.approx(step, rel=5e-3)
    assert np.hypot(track.tangent_x, track.tangent_y) == pytest.approx(1)
    np.testing.assert_allclose(change(track.x), track.tangent_x, atol=0.01)
    np.testing.assert_allclose(change(track.y), track.tangent_y, atol=0.01)
    tangent = wrapped(track.tangent_x + 1j * track.tangent_y)
    turned = np.angle(tangent[1:] / tangent[:-1])
    assert abs(turned.sum()) == pytest.approx(2 * np.pi)
    np.testing.assert_allclose(turned / step, (track.curvature + np.roll(track.curvature, -1)) / 2, atol=0.004)
    assert abs(np.sum(track.curvature) * step) == pytest.approx(2 * np.pi, rel=1e-3)
    np.testing.assert_allclose(change(track.elevation), track.slope, atol=2e-3)
    np.testing.assert_allclose(change(track.slope), track.slope_rate, atol=2e-3)


@settings(max_examples=10)
@given(SEEDS)
def test_curvature_has_no_jump(seed):
    curvature = Track.draw(seed).curvature
    assert np.abs(np.diff(wrapped(curvature))).max() < 0.03  # of 0.09 1/m at most, from one vertex to the next


def test_a_seed_is_a_track_for_ever():
    track = Track.draw(7)
    assert track.length == pytest.approx(425.0190933209334)
    assert (track.x[3], track.half_width[5]) == pytest.approx((63.1922333087875, 5.002499725235871))


def test_test_tracks_are_others_than_train_tracks():
    assert not set(TRAIN_TRACKS) & set(TEST_TRACKS)
    assert len({Track.draw(seed).length for seed in [*TRAIN_TRACKS, *TEST_TRACKS]}) == 84


def test_tracks_turn_both_ways_and_in_both_directions():
    tracks = [Track.draw(seed) for seed in TRAIN_TRACKS]
    clockwise = [np.sum(track.curvature) > 0 for track in tracks]
    assert 16 < sum(clockwise) < 48
    assert sum(track.curvature.min() < -0.01 < 0.01 < track.curvature.max() for track in tracks) > 32


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="track -1: a track's seed is zero or more"):
        Track.draw(-1)
