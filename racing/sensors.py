"""What the cars perceive: the contract's 15 observations and a ring of LIDAR rays.

Arrives: cars, their places and the walls around them. Leaves: observations (N, O) in the contract's order, and who
touches a wall. The car's frame is the engine's: x forward, y right, z up; angles are clockwise seen from above.
Horizontal rays are cut exactly with the walls' segments: all rays of one line through the car share one pass over the
window, where the crossing segments are those whose ends lie on different sides.
Legend: N cars, O observations, W vertices of a window, L lines, R rays.
"""

import numpy as np
from numpy.typing import NDArray

from racing.attitude import Attitude
from racing.car import LENGTH, WIDTH, Cars
from racing.tracks import BEHIND, SIGHT

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

TOP_SPEED = 45.0
"""m/s that count as 1."""
TOP_RATE = np.radians(220)
"""rad/s that count as 1."""
HEIGHT = 0.5
"""Metres of the sensors above the ground."""
GROUND_SIGHT = 5.0
"""Metres of the ray straight down."""
FIXED_RAYS = np.radians([0, -90, 90, -45, 45])
"""ray_forward, ray_left, ray_right, ray_left45, ray_right45."""
FEWEST_LIDAR, MOST_LIDAR = 4, 32
NAMES = (
    *("speed_norm", "yaw_rate_norm", "pitch_rate_norm", "roll_rate_norm"),
    *("ray_forward", "ray_left", "ray_right", "ray_left45", "ray_right45"),
    *("ray_forward_up", "ray_forward_down", "ray_ground_dist"),
    *("gravity_x", "gravity_y", "gravity_z"),
)
PITCH = np.radians([[30.0], [-30.0], [-90.0]])
"""The vertical rays, against the car's pitch."""
REACH = np.array([[SIGHT], [SIGHT], [GROUND_SIGHT]])
NEAR = slice(BEHIND - 3, BEHIND + 5)
"""Rows of a window that a car's body may touch: six metres to both sides."""
SIZE = np.array([LENGTH, WIDTH], np.float32).reshape(2, 1, 1, 1)


class Sensors:
    """The sensors of one kind of car: `lidar` rays besides the contract's, 0 or 4 to 32."""

    def __init__(self, lidar: int = 0) -> None:
        if lidar and not FEWEST_LIDAR <= lidar <= MOST_LIDAR:
            raise ValueError(f"lidar is {lidar}, wanted 0 (none) or {FEWEST_LIDAR} to {MOST_LIDAR} rays.")
        self.names = (*NAMES, *(f"lidar_{ray:02d}" for ray in range(lidar)))
        ring = 2 * np.pi * np.arange(lidar) / max(lidar, 1)
        rays = np.concatenate([FIXED_RAYS, ring])
        angles, line = np.unique(np.round(rays, 9) % round(np.pi, 9), return_inverse=True)
        self._lines = np.array([np.cos(angles), np.sin(angles), np.tan(angles)], np.float32)  # (3, L)
        backward = np.cos(rays - angles[line]) < 0
        self._rays = line + len(angles) * backward  # rows of what `distances` finds: forward halves, backward halves
        self.low, self.high = np.zeros(len(self.names), np.float32), np.ones(len(self.names), np.float32)
        self.low[[1, 2, 3, 12, 13, 14]] = -1

    def perceive(self, cars: Cars, speed: Floats, attitude: Attitude, rates: Floats, walls: Singles) -> Singles:
        """Observations (N, O).

        Speed (N,) in m/s; rates of pitch and roll (2, N) in rad/s; x and y (2, 2, W, N) of walls in metres, as the cars
        see them.
        """
        seen = np.empty((len(self.names), walls.shape[-1]), np.float32)
        rays = self.distances(walls)
        rays *= np.float32(1 / SIGHT)
        seen[0] = speed * (1 / TOP_SPEED)
        seen[1] = cars.yaw_rate * (1 / TOP_RATE)
        seen[2:4] = rates * (1 / TOP_RATE)
        seen[4:9] = rays[:5]
        seen[9:12] = ground(attitude)
        cos, sin = np.cos(attitude.tilt), np.sin(attitude.tilt)
        seen[12] = -sin[0]
        seen[13] = sin[1] * cos[0]
        seen[14] = -cos[1] * cos[0]
        seen[15:] = rays[5:]
        np.maximum(seen, self.low[:, None], out=seen)
        np.minimum(seen, 1, out=seen)
        return np.ascontiguousarray(seen.T)

    def distances(self, walls: Singles) -> Singles:
        """Metres (R, N), at most SIGHT, along each ray to walls x and y (2, 2, W, N), metres, as the cars see them."""
        _, _, window, cars = walls.shape
        x, y = points = walls.reshape(2, -1)
        side = (y > x * self._lines[2][:, None]).reshape(-1, 2 * window, cars)
        crosses = side[:, 1:] != side[:, :-1]
        crosses[:, window - 1] = False  # from the end of the left wall to the beginning of the right one
        line, start = np.divmod(np.flatnonzero(crosses), crosses[0].size)
        cos, sin, tan = self._lines.take(line, 1)
        x, y = points.take(start, 1)
        x_end, y_end = points.take(start + cars, 1)
        off, off_end = y - x * tan, y_end - x_end * tan  # on different sides, so never the same
        share = off / (off - off_end)
        along = (x + share * (x_end - x)) * cos + (y + share * (y_end - y)) * sin
        nearest = np.full((2 * len(side), cars), SIGHT, np.float32)
        half = line + len(side) * (along < 0)
        np.minimum.at(nearest.ravel(), half * cars + start % cars, np.abs(along))
        found: Singles = nearest[self._rays]
        return found


def ground(attitude: Attitude) -> Floats:
    """(3, N) ray_forward_up, ray_forward_down, ray_ground_dist: against the road, a parabola ahead of the car.

    With p the ray's angle to the horizon, it meets the ground at a distance d where
    slope_rate cos(p)^2 d^2 / 2 + (slope cos(p) - sin(p)) d = HEIGHT.
    """
    angle = attitude.tilt[0] + PITCH
    cos = np.cos(angle)
    linear = attitude.slopes[0] * cos - np.sin(angle)
    square = linear * linear + (2 * HEIGHT) * attitude.slope_rate * (cos * cos)
    divisor = (linear + np.sqrt(np.maximum(square, 0))) * (square >= 0)
    seen: Floats = (2 * HEIGHT / REACH) / np.maximum(divisor, 2 * HEIGHT / REACH)
    seen[2] *= seen[2] < 1
    return seen


def touches(walls: Singles) -> NDArray[np.bool_]:
    """(N,) Whether walls x and y (2, 2, W, N), metres, as the cars see them, meet the body around the origin.

    Only the rows NEAR of a window can. A segment and a rectangle are apart exactly when they are apart along x, along
    y, or along the segment's normal (separating axes).
    """
    x, y = total = walls[:, :, 1:] + walls[:, :, :-1]
    across, along = step = walls[:, :, 1:] - walls[:, :, :-1]
    area = np.abs(x * along - y * across)
    step = np.abs(step)
    meets = (np.abs(total) <= step + SIZE).all(0) & (area <= (step[::-1] * SIZE).sum(0))
    touched: NDArray[np.bool_] = meets.any((0, 1))
    return touched
