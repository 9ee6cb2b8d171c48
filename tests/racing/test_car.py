"""The car, against the textbook's equations and what can be checked in the head."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from racing import car
from racing.car import BASE, FRONT, GRAVITY, GRIP, REAR, STEP, Cars

FLAT = np.zeros((2, 1))


def rolling(speed):
    cars = Cars.standing(1)
    cars.forward[:] = speed
    return cars


def drive(cars, seconds, steer=0.0, throttle=0.0, brake=0.0, slopes=FLAT):
    for _ in range(round(seconds / STEP)):
        cars.drive(np.array([[steer], [throttle], [brake]]), slopes)
    return cars


def reference(speed, steer, throttle, brake, seconds, step=2e-4):
    """x, y, heading: the equations in their usual form (sideways speed and yaw rate), explicit, fine steps, scalars."""
    x = y = heading = v = r = angle = 0.0
    u, inertia = speed, FRONT * REAR  # per mass
    decided = u
    for tick in range(round(seconds / step)):
        if tick % round(STEP / step) == 0:
            decided = u
        target = steer * car.STEER_LIMIT / (1 + (decided / car.STEER_SPEED) ** 2)
        angle += max(min(target - angle, car.STEER_RATE * step), -car.STEER_RATE * step)
        pull = throttle * min(car.THRUST, car.POWER / max(u, car.CREEP)) - car.BRAKE * brake
        grip = (GRIP**2 * GRAVITY**2 - pull**2) ** 0.5

        def side(slip, cornering, grip=grip):
            linear = cornering * GRAVITY * slip
            return -linear / (1 + (linear / grip) ** 2) ** 0.5

        slow = max(u, car.CREEP)
        front = side((v + FRONT * r - angle * u) / slow, car.CORNERING[0, 0]) * REAR / BASE
        rear = side((v - REAR * r) / slow, car.CORNERING[1, 0]) * FRONT / BASE
        gain = pull - car.DRAG * u * u - car.ROLLING + v * r - front * angle
        v += step * (front + rear - u * r)
        r += step * (FRONT * front - REAR * rear) / inertia
        u = max(u + step * gain, 0.0)
        heading += step * r
        x += step * (u * np.cos(heading) - v * np.sin(heading))
        y += step * (u * np.sin(heading) + v * np.cos(heading))
    return x, y, heading


@pytest.mark.parametrize(
    ("speed", "steer", "throttle", "brake"),
    [
        (0, 1, 1, 0),
        (5, -0.6, 0.5, 0),
        (12, 0.4, 0.3, 0),
        (12, 1, 0.2, 0),
        (20, -0.3, 0, 0.5),
        (25, 0.15, 1, 0),
        (30, 1, 0, 0.9),
    ],
)
def test_the_car_goes_where_the_textbook_s_equations_lead(speed, steer, throttle, brake):
    cars = drive(rolling(speed), 2.0, steer, throttle, brake)
    x, y, heading = reference(speed, steer, throttle, brake, 2.0)
    way = max(np.hypot(x, y), 5)
    assert np.hypot(cars.position[0] - x, cars.position[1] - y).item() < 0.05 * way
    assert cars.heading.item() == pytest.approx(heading, abs=0.06)


def test_smaller_steps_come_nearer_to_the_reference(monkeypatch):
    x, y, _ = reference(15, 0.5, 0.5, 0, 2.0)
    errors = []
    for substeps in (2, 8, 32):
        monkeypatch.setattr(car, "SUBSTEPS", substeps)
        monkeypatch.setattr(car, "DT", STEP / substeps)
        cars = drive(rolling(15), 2.0, 0.5, 0.5)
        errors.append(np.hypot(cars.position[0] - x, cars.position[1] - y).item())
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_full_throttle_gives_thrust_less_rolling_resistance():
    assert drive(rolling(0), 1.0, throttle=1).speed.item() == pytest.approx(5.0 - 0.15, abs=0.02)


def test_the_full_brake_stops_twenty_metres_a_second_in_little_more_than_two_seconds_and_holds():
    cars = drive(rolling(20), 2.0, brake=1)
    assert cars.speed.item() == pytest.approx(20 - 2 * 9.15, abs=0.5)
    assert drive(cars, 1.0, brake=1, slopes=np.array([[0.08], [0.0]])).speed.item() == 0


def test_top_speed_stays_below_what_counts_as_one():
    assert drive(rolling(33), 60, throttle=1).speed.item() == pytest.approx(36, abs=1)
    assert 40 < drive(rolling(40), 60, throttle=1, slopes=np.array([[-0.08], [0.0]])).speed.item() < 44


def test_a_standing_car_does_not_move_by_steering_and_rolls_back_on_a_hill():
    assert not drive(rolling(0), 1.0, steer=1).state[:6].any()
    assert not drive(rolling(0), 1.0, slopes=np.array([[0.01], [0.0]])).state[:6].any()
    assert drive(rolling(0), 2.0, slopes=np.array([[0.08], [0.0]])).forward.item() == pytest.approx(
        2 * (0.15 - 0.08 * GRAVITY), abs=0.02
    )


def test_a_slow_car_rolls_on_the_circle_of_its_wheels():
    cars = drive(rolling(2.0), 1.0, steer=1, throttle=0.03)
    assert cars.yaw_rate.item() == pytest.approx(cars.forward.item() * cars.steer.item() / BASE, rel=0.03)
    assert cars.axles[1].item() == pytest.approx(0, abs=0.03)  # the rear axle follows its wheels


@pytest.mark.parametrize("brake", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("speed", [5.0, 10.0, 20.0, 35.0])
def test_no_acceleration_is_more_than_the_tyres_give(speed, brake):
    def velocity(cars):
        turn = np.exp(1j * cars.heading)
        return ((cars.forward + 1j * cars.right) * turn).item()

    cars = rolling(speed)
    for _ in range(20):
        before = velocity(cars)
        drive(cars, STEP, steer=1, throttle=0.3, brake=brake)
        resistance = car.ROLLING + car.DRAG * speed**2
        assert abs(velocity(cars) - before) / STEP < 1.02 * GRIP * GRAVITY + resistance


def test_braking_takes_from_turning():
    gentle, hard = drive(rolling(30), 0.8, steer=1), drive(rolling(30), 0.8, steer=1, brake=1)
    assert 0 < (hard.forward * hard.yaw_rate).item() < 0.75 * (gentle.forward * gentle.yaw_rate).item()


def test_steering_takes_time():
    assert drive(rolling(0), STEP, steer=1).steer.item() == pytest.approx(car.STEER_RATE * STEP)
    assert drive(rolling(0), 1.0, steer=1).steer.item() == pytest.approx(car.STEER_LIMIT)
    assert drive(rolling(15), STEP * 3, steer=1).steer.item() == pytest.approx(car.STEER_LIMIT / 2, rel=0.02)


def test_the_nose_dips_when_braking_and_the_body_leans_out_of_a_bend():
    assert drive(rolling(20), 0.5, brake=1).dive.item() < -0.01
    assert drive(rolling(20), 0.5, throttle=1).dive.item() > 0.002
    assert drive(rolling(15), 0.5, steer=0.5).lean.item() < -0.01  # to the right: the left side goes down


def test_left_is_the_mirror_of_right():
    right, left = drive(rolling(15), 2.0, steer=0.7, throttle=0.5), drive(rolling(15), 2.0, steer=-0.7, throttle=0.5)
    mirror = np.array([1, -1, -1, 1, -1, -1, -1, 1, -1])[:, None]
    np.testing.assert_allclose(left.state, right.state * mirror, atol=1e-12)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.floats(0, 44))
def test_no_command_makes_the_car_blow_up(seed, speed):
    rng = np.random.default_rng(seed)
    cars = Cars.standing(32)
    cars.forward[:] = speed
    for _ in range(60):
        commands = rng.choice([-1.0, 0, 1], (3, 32))
        commands[1:] = np.abs(commands[1:])
        cars.drive(commands, rng.uniform(-0.08, 0.08, (2, 32)))
        assert np.isfinite(cars.state).all()
        assert (cars.speed < 45).all()
