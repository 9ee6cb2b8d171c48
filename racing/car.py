"""The car: a dynamic bicycle model of N cars at once.

Arrives: commands and the road's slope. Leaves: the cars' motion, `SUBSTEPS` integration steps later.
An axle's side force grows with its sideways slip, up to what the tyres' friction circle leaves beside braking and
driving. With a moment of inertia of mass x FRONT x REAR the force at an axle moves that axle alone, so the state holds
the sideways velocities of both axles, and they meet only in the turning of the frame. These two are integrated
implicitly around the tyres' secant stiffness: stable at any speed, without another model near standstill, where the
same equations become the rolling, kinematic bicycle. Units: SI, radians. Forward, right and clockwise are positive, as
in the engine. Source: Rajamani, Vehicle Dynamics and Control (2012), chapters 2 and 13. Legend: N cars.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEP = 0.1
"""Seconds between decisions."""
SUBSTEPS = 2
"""The integration would be stable with one; with two, places are within 2 % of the way of what 400 give."""
DT = STEP / SUBSTEPS
GRAVITY = 9.81
"""m/s^2."""
LENGTH, WIDTH = 4.2, 1.8
"""Metres of the body, around the centre of mass."""
FRONT, REAR = 1.25, 1.35
"""Metres from the centre of mass to the axles."""
BASE = FRONT + REAR
STEER_LIMIT = 0.5
"""Radians of the front wheels at steer 1, at standstill."""
STEER_SPEED = 15.0
"""m/s at which it is half of that: limit / (1 + (speed / STEER_SPEED)^2), about what the tyres can use."""
STEER_RATE = 1.5
"""Radians per second."""
GRIP = 1.3
"""Largest force of a tyre over its load."""
CORNERING = np.array([[9.0], [11.0]])
"""Side force over load per radian of slip, front and rear; the rear is stiffer: it understeers, so it is stable."""
STIFF = CORNERING * GRAVITY
THRUST = 5.0
"""m/s^2 of full throttle, up to the speed where POWER is reached."""
POWER = 50.0
"""Watts per kilogram."""
BRAKE = 9.0
"""m/s^2 of the full brake."""
ROLLING = 0.15
"""m/s^2 of rolling resistance."""
DRAG = 0.001
"""1/m: air resistance is DRAG x speed^2. With POWER it sets the top speed: 36 m/s, below 44 m/s downhill."""
CREEP = 2.0
"""m/s: below, slip is over this speed."""
DIVE, LEAN = 0.004, 0.005
"""Radians of body pitch and roll per m/s^2 of acceleration."""
SPRING = 1 - np.exp(-STEP / 0.15)
"""Share by which the body follows in a step."""


class Cars:
    """State of N cars."""

    def __init__(self, state: Floats) -> None:
        """`state` (9, N), kept and changed in place: the fields below are its rows."""
        self.state = state
        self.position = state[:2]  # (2, N) metres
        self.heading = state[2]  # radians from the x axis to the nose
        self.forward = state[3]  # speed of the centre of mass, m/s
        self.axles = state[4:6]  # (2, N) sideways velocities of the front and the rear axle, m/s
        self.steer = state[6]  # angle of the front wheels, radians
        self.dive = state[7]  # pitch of the body against the road, radians, nose up positive
        self.lean = state[8]  # roll of the body against the road, radians, right side down positive

    @classmethod
    def standing(cls, cars: int) -> "Cars":
        """Cars at rest at the origin."""
        return cls(np.zeros((9, cars)))

    @property
    def right(self) -> Floats:
        """(N,) Sideways velocity of the centre of mass, m/s."""
        right: Floats = self.axles[0] * (REAR / BASE) + self.axles[1] * (FRONT / BASE)
        return right

    @property
    def yaw_rate(self) -> Floats:
        """(N,) rad/s."""
        rate: Floats = (self.axles[0] - self.axles[1]) * (1 / BASE)
        return rate

    @property
    def speed(self) -> Floats:
        """(N,) m/s."""
        right = self.right
        speed: Floats = np.sqrt(self.forward * self.forward + right * right)
        return speed

    def drive(self, commands: Floats, slopes: Floats) -> None:
        """STEP seconds with steer [-1, 1], throttle [0, 1] and brake [0, 1], the rows of `commands` (3, N).

        `slopes` (2, N): how much the road rises per metre forward and per metre to the right.
        """
        before = self.forward.copy()
        speed = np.abs(before)
        slow = np.maximum(speed, CREEP)
        steer, throttle, brake = commands
        target = steer * STEER_LIMIT / (speed * speed * (1 / STEER_SPEED**2) + 1)
        thrust, brake = throttle * np.minimum(POWER / slow, THRUST), brake * BRAKE
        wanted = thrust - brake
        side = np.sqrt((GRIP * GRAVITY) ** 2 - wanted * wanted)  # what the friction circle leaves
        pull = slopes * (-GRAVITY * DT)
        push = (thrust - speed * before * DRAG) * DT + pull[0]
        hold = (brake + ROLLING) * DT
        stiff = STIFF / slow
        bend = stiff / side
        stiff *= DT
        for _ in range(SUBSTEPS):
            self.steer += np.maximum(np.minimum(target - self.steer, STEER_RATE * DT), -STEER_RATE * DT)
            self._substep(stiff, bend, push, hold, pull[1])
        self.dive += SPRING * ((DIVE / STEP) * (self.forward - before) - self.dive)
        self.lean -= SPRING * (LEAN * self.forward * self.yaw_rate + self.lean)

    def _substep(self, stiff: Floats, bend: Floats, push: Floats, hold: Floats, pull: Floats) -> None:
        """One implicit step. With u the forward speed, k the secant stiffness, p and q the axles' sideways velocities:
        p' = -k_front (p - steer u) - u (p - q) / BASE + pull,   q' = -k_rear q - u (p - q) / BASE + pull,
        k = stiff / sqrt(1 + (bend slip)^2), slip being what k is multiplied with.
        """  # noqa: D205
        rolling = self.steer * self.forward
        slip = self.axles.copy()
        slip[0] -= rolling
        slip *= bend
        stiff = stiff / np.sqrt(slip * slip + 1)
        turning = self.forward * (DT / BASE)
        front, rear = self.axles + pull
        front += stiff[0] * rolling
        ahead, behind = stiff + 1
        ahead += turning
        behind -= turning
        scale = 1 / (ahead * behind + turning * turning)
        self.axles[0] = (front * behind + rear * turning) * scale
        self.axles[1] = (rear * ahead - front * turning) * scale
        right, yaw = self.right, self.yaw_rate * DT
        self.forward += push + right * yaw + stiff[0] * (self.axles[0] - rolling) * self.steer * (REAR / BASE)
        self.forward -= np.maximum(np.minimum(self.forward, hold), -hold)
        middle = self.heading + yaw * 0.5
        cos, sin = np.cos(middle), np.sin(middle)
        self.position[0] += (self.forward * cos - right * sin) * DT
        self.position[1] += (self.forward * sin + right * cos) * DT
        self.heading += yaw
