"""The observations, against slow oracles that know no windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from racing.attitude import Attitude
from racing.car import LENGTH, WIDTH, Cars
from racing.sensors import NAMES, SIGHT, Sensors, ground, touches
from racing.track import Track
from racing.world import World

RING = 32


def world_at(tracks, laps, offset, turned, lidar=0):
    """A world whose cars (N,) stand there: `offset` metres right of the middle, `turned` radians off the road."""
    world = World(len(laps), tracks, lidar=lidar)
    track = np.arange(len(laps)) % len(tracks)
    vertex, position, heading, _ = world.tracks.point(track, laps)
    cars = Cars.standing(len(laps))
    cars.position[:] = position + offset * np.array([-np.sin(heading), np.cos(heading)])
    cars.heading[:] = heading + turned
    place, _ = world.tracks.locate(vertex, cars.position)
    attitude = Attitude.of(cars, place)
    return world, cars, place, attitude, world._walls(cars, place, attitude)


def nearest_wall(track, position, angle):
    """Metres from `position` (2,) along `angle` to the nearest of all segments of both walls, float64."""
    direction = np.array([np.cos(angle), np.sin(angle)])
    found = np.inf
    for wall in (track.left_wall, track.right_wall):
        start, end = wall, np.roll(wall, -1, 0)
        edge = end - start
        across = direction[0] * edge[:, 1] - direction[1] * edge[:, 0]
        to = start - position
        along = (to[:, 0] * edge[:, 1] - to[:, 1] * edge[:, 0]) / across
        share = (to[:, 0] * direction[1] - to[:, 1] * direction[0]) / across
        hits = along[(share >= 0) & (share <= 1) & (along > 0)]
        found = min(found, hits.min(initial=np.inf))
    return min(found, SIGHT)


@settings(max_examples=8)
@given(st.integers(0, 2**32))
def test_rays_are_those_of_a_search_through_all_segments_of_the_track(seed):
    rng = np.random.default_rng(seed)
    tracks = [int(rng.integers(2**30)) for _ in range(3)]
    laps, offset, turned = rng.random(12), rng.uniform(-2.9, 2.9, 12), rng.uniform(-np.pi, np.pi, 12)
    world, cars, _, attitude, walls = world_at(tracks, laps, offset, turned, lidar=RING)
    seen = world.sensors.perceive(cars, cars.speed, attitude, np.zeros((2, 12)), walls)
    rays = np.concatenate([np.radians([0, -90, 90, -45, 45]), np.arange(RING) * 2 * np.pi / RING])
    columns = [*range(4, 9), *range(15, 15 + RING)]
    for car in range(12):
        track = Track.draw(tracks[car % 3])
        wanted = [nearest_wall(track, cars.position[:, car], cars.heading[car] + ray) / SIGHT for ray in rays]
        np.testing.assert_allclose(seen[car, columns], wanted, atol=2e-4)


def test_lidar_goes_clockwise_from_straight_ahead():
    world, cars, _, attitude, walls = world_at([5], np.array([0.2]), 2.0, 0.1, lidar=8)
    names = dict(
        zip(
            world.sensors.names,
            world.sensors.perceive(cars, cars.speed, attitude, np.zeros((2, 1)), walls)[0],
            strict=True,
        )
    )
    assert world.sensors.names[:15] == NAMES and world.sensors.names[15:] == tuple(f"lidar_0{ray}" for ray in range(8))
    assert names["lidar_00"] == names["ray_forward"]
    assert names["lidar_01"] == names["ray_right45"]
    assert names["lidar_02"] == names["ray_right"]
    assert names["lidar_06"] == names["ray_left"]
    assert names["ray_right"] < names["ray_left"]  # the car stands to the right of the middle


def attitude_on(slope, slope_rate=0.0, across=0.0, dive=0.0):
    slopes = np.array([[slope], [across]])
    tilt = np.arctan(slopes) * [[1], [-1]] + [[dive], [0.0]]
    return Attitude(cos=np.ones(1), sin=np.zeros(1), slopes=slopes, slope_rate=np.array([slope_rate]), tilt=tilt)


def marched(slope, slope_rate, dive, down, reach):
    """Metres to the ground in steps of a millimetre; infinity beyond `reach`."""
    angle = np.arctan(slope) + dive + down
    far = np.arange(0, reach, 1e-3)
    along = far * np.cos(angle)
    below = 0.5 + far * np.sin(angle) <= slope * along + slope_rate * along**2 / 2
    return far[below.argmax()] if below.any() else np.inf


def test_on_the_flat_the_ground_is_a_metre_down_the_slanting_ray_and_half_a_metre_below():
    np.testing.assert_allclose(ground(attitude_on(0.0))[:, 0], [1.0, 1.0 / 20, 0.5 / 5])


@given(st.floats(-0.08, 0.08), st.floats(-0.05, 0.1), st.floats(-0.04, 0.04))
def test_vertical_rays_meet_the_parabola_where_small_steps_do(slope, slope_rate, dive):
    up, down, below = ground(attitude_on(slope, slope_rate, dive=dive))[:, 0]
    assert up * 20 == pytest.approx(min(marched(slope, slope_rate, dive, np.radians(30), 20), 20), abs=5e-3)
    assert down * 20 == pytest.approx(min(marched(slope, slope_rate, dive, np.radians(-30), 20), 20), abs=5e-3)
    assert below * 5 == pytest.approx(marched(slope, slope_rate, dive, np.radians(-90), 5), abs=5e-3)


def test_where_the_road_falls_away_the_slanting_ray_meets_nothing():
    assert ground(attitude_on(0.0, slope_rate=-1.0))[1, 0] == 1.0


def observed(attitude, **of_the_car):
    cars = Cars.standing(1)
    for name, value in of_the_car.items():
        getattr(cars, name)[:] = value
    far = np.full((2, 2, 32, 1), 100, np.float32)
    rates = np.radians([[22.0], [-44.0]])
    seen = Sensors().perceive(cars, cars.speed, attitude, rates, far)
    return dict(zip(NAMES, seen[0].tolist(), strict=True))


def test_gravity_is_seen_in_the_car_s_frame():
    flat = observed(attitude_on(0.0))
    assert [flat[f"gravity_{axis}"] for axis in "xyz"] == [0, 0, -1]
    uphill = observed(attitude_on(0.08))
    assert uphill["gravity_x"] == pytest.approx(-np.sin(np.arctan(0.08))) and uphill["gravity_z"] > -1
    rising_to_the_right = observed(attitude_on(0.0, across=0.08))
    assert rising_to_the_right["gravity_y"] == pytest.approx(-np.sin(np.arctan(0.08)))


def test_speed_and_rates_are_over_the_contract_s_ranges():
    seen = observed(attitude_on(0.0), forward=27.0, axles=0.0)
    assert seen["speed_norm"] == pytest.approx(2700 / 4500)
    assert (seen["pitch_rate_norm"], seen["roll_rate_norm"]) == pytest.approx((0.1, -0.2))
    turning = observed(attitude_on(0.0), axles=np.array([[1.3], [-1.3]]))
    assert turning["yaw_rate_norm"] == pytest.approx(1 / np.radians(220))
    spinning = observed(attitude_on(0.0), axles=np.array([[-26.0], [26.0]]))
    assert spinning["yaw_rate_norm"] == -1


@settings(max_examples=5)
@given(st.integers(0, 2**32))
def test_a_body_touches_a_wall_where_a_point_of_the_wall_lies_in_it(seed):
    rng = np.random.default_rng(seed)
    laps, offset, turned = rng.random(200), rng.uniform(-7, 7, 200), rng.uniform(-np.pi, np.pi, 200)
    world, _, place, _, walls = world_at([int(rng.integers(2**30))], laps, offset, turned)
    share = np.linspace(0, 1, 201)[:, None, None, None]
    fine_x, fine_y = (seen[:, :-1] + share * np.diff(seen, axis=1) for seen in walls)

    def inside(margin):
        return ((np.abs(fine_x) < LENGTH / 2 + margin) & (np.abs(fine_y) < WIDTH / 2 + margin)).any((0, 1, 2))

    touched = touches(walls)
    beyond = np.abs(place.offset) > place.half_width
    np.testing.assert_array_equal(world._crashed(place, walls), touched | beyond)
    assert (touched >= inside(0.0)).all()
    assert (touched <= inside(0.02)).all()  # points of the wall lie a centimetre apart


@pytest.mark.parametrize("rays", [-1, 3, 33])
def test_a_ring_has_four_to_thirty_two_rays(rays):
    with pytest.raises(ValueError, match=f"lidar is {rays}, wanted 0"):
        Sensors(rays)
