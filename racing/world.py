"""The place where time passes: N cars, each on a track of the pool, none of which feels another.

Arrives: actions (N, 3). Leaves: observations (N, O) and an `Outcome`. Who starts a car anew is the caller.
Each car draws from a generator of its own, so a car among many drives as it would alone. A start for one car takes as
long as for fifty, so starts are made ahead for all cars that have none.
Legend: N cars, O observations, W vertices of a window, M cars of a subset.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from racing.attitude import Attitude
from racing.car import STEP, Cars
from racing.grid import Grid
from racing.outcome import Outcome
from racing.reward import RewardConfig
from racing.sensors import NEAR, Sensors, touches
from racing.tracks import Place, Tracks

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

ACTION_NAMES = ("steer", "throttle", "brake")
ACTION_LOW = np.array([-1, 0, 0], np.float32)
ACTION_HIGH = np.array([1, 1, 1], np.float32)
"""Actions are clamped to these, as the engine does."""
LOW, HIGH = ACTION_LOW[:, None].astype(np.float64), ACTION_HIGH[:, None].astype(np.float64)
REVISION = 1
"""Of physics, sensors, rewards and tracks: one more with each change after which the same policy drives otherwise."""
TIME_LIMIT = 600
"""Steps, 60 s."""
SLOW = 1.0
"""m/s along the centreline; a car that is slower, or drives backwards, is getting stuck."""
PATIENCE = 30
"""Steps of being slow in a row after which a car is given up."""
BODY = 2.7
"""Metres; a car whose middle has more between it and the walls does not touch them, with 0.4 m to spare."""


class World:
    """Cars on tracks. `reset` every car before the first `step`."""

    def __init__(
        self,
        cars: int,
        tracks: Sequence[int],
        *,
        lidar: int = 0,
        reward: RewardConfig | None = None,
        time_limit: int = TIME_LIMIT,
        start: str = "random",
    ) -> None:
        if cars < 1 or time_limit < 1:
            raise ValueError(f"{cars} cars for {time_limit} steps: wanted at least 1 of each.")
        self.tracks = Tracks(tracks)
        self.grid = Grid(self.tracks, cars, start)
        self.sensors = Sensors(lidar)
        self.reward = reward or RewardConfig()
        self.time_limit = time_limit
        self.cars = Cars.standing(cars)
        self.track = np.zeros(cars, np.int64)  # index into the pool
        self.vertex = np.zeros(cars, np.int64)  # stored vertex passed last
        self.steps = np.zeros(cars, np.int64)  # since the start
        self.slow = np.zeros(cars, np.int64)  # steps in a row
        self.ride = np.zeros((9, cars))
        self.fraction = self.ride[0]  # of the way to the next vertex
        self.travelled = self.ride[1]  # metres along the centreline since the start
        self.steer = self.ride[2]  # the last command
        self.slopes = self.ride[3:5]  # of the road, forward and to the right
        self.tilt = self.ride[5:7]  # pitch and roll, radians
        self.spacing = self.ride[7]  # of the track's vertices, metres
        self.length = self.ride[8]  # of the track, metres
        self._has_next = np.zeros(cars, np.bool_)
        self._next = _Starts(
            state=np.empty_like(self.cars.state),
            ride=np.empty_like(self.ride),
            track=np.empty_like(self.track),
            vertex=np.empty_like(self.vertex),
            seen=np.empty((cars, len(self.sensors.names)), np.float32),
        )

    def reset(self, rngs: Sequence[np.random.Generator]) -> Singles:
        """New drives for all, each drawn from its car's generator (N,) -> observations (N, O)."""
        self._has_next[:] = False
        return self.restart(np.arange(len(self.track)), rngs)

    def restart(self, which: Ints, rngs: Sequence[np.random.Generator]) -> Singles:
        """New drives for the cars `which` (M,) -> observations (M, O); `rngs` (N,) are those of all cars."""
        if not self._has_next[which].all():
            without = np.flatnonzero(~self._has_next)
            self._next.put(without, self._starts(without, [rngs[car] for car in without.tolist()]))
            self._has_next[without] = True
        self._has_next[which] = False
        start = self._next.of(which)
        self.cars.state[:, which], self.ride[:, which] = start.state, start.ride
        self.track[which], self.vertex[which] = start.track, start.vertex
        self.steps[which] = self.slow[which] = 0
        return start.seen

    def _starts(self, which: Ints, rngs: Sequence[np.random.Generator]) -> "_Starts":
        track, vertex, cars = self.grid.line_up(which, rngs)
        place, _ = self.tracks.locate(vertex, cars.position)
        attitude = Attitude.of(cars, place)
        still = np.zeros((2, len(which)))
        spacing, length = self.tracks.spacing[track], self.tracks.length[track]
        return _Starts(
            state=cars.state,
            ride=np.array([place.fraction, *still, *attitude.slopes, *attitude.tilt, spacing, length]),
            track=track,
            vertex=place.vertex,
            seen=self.sensors.perceive(cars, cars.speed, attitude, still, self._walls(cars, place, attitude)),
        )

    def step(self, actions: ArrayLike) -> tuple[Singles, Outcome]:
        """STEP seconds with steer, throttle and brake in the columns of `actions` (N, 3)."""
        cars, commands = self.cars, _clamped(actions, len(self.track))
        cars.drive(commands, self.slopes)
        place, went = self.tracks.locate(self.vertex, cars.position)
        attitude = Attitude.of(cars, place)
        walls, speed = self._walls(cars, place, attitude), cars.speed
        seen = self.sensors.perceive(cars, speed, attitude, (attitude.tilt - self.tilt) * (1 / STEP), walls)
        gained = (went + place.fraction - self.fraction) * self.spacing
        self.travelled += gained
        self.steps += 1
        self.slow += 1
        self.slow *= gained < SLOW * STEP
        crashed = self._crashed(place, walls)
        stuck = (self.slow >= PATIENCE) & ~crashed
        terminated = crashed | stuck
        progress = self.travelled / self.length
        finished = (progress >= 1) & ~terminated
        steered = commands[0] - self.steer
        terms = self.reward.terms(gained=gained, speed=speed, steered=steered, crashed=crashed, stuck=stuck)
        self.vertex, self.fraction[:], self.steer[:] = place.vertex, place.fraction, commands[0]
        self.slopes[:], self.tilt[:] = attitude.slopes, attitude.tilt
        return seen, Outcome(
            reward=self.reward.total(terms),
            terms=terms,
            terminated=terminated,
            truncated=(finished | (self.steps >= self.time_limit)) & ~terminated,
            crashed=crashed,
            stuck=stuck,
            finished=finished,
            progress=progress,
            speed=speed,
            x=cars.position[0].copy(),
            y=cars.position[1].copy(),
            track=self.tracks.seed[self.track],
        )

    def _walls(self, cars: Cars, place: Place, attitude: Attitude) -> Singles:
        """X and y (2, 2, W, M) of the walls, metres, as M cars see them: x forward, y to the right."""
        walls = self.tracks.walls(place.vertex)
        here_x, here_y = cars.position.astype(np.float32)
        cos, sin = attitude.cos.astype(np.float32), attitude.sin.astype(np.float32)
        x, y = walls.real - here_x, walls.imag - here_y
        seen = np.empty((2, *walls.shape), np.float32)
        np.add(x * cos, y * sin, out=seen[0])
        np.subtract(y * cos, x * sin, out=seen[1])
        return seen

    def _crashed(self, place: Place, walls: Singles) -> NDArray[np.bool_]:
        """(N,) Whose middle is behind a wall, or whose body meets one."""
        free = place.half_width - np.abs(place.offset)
        crashed: NDArray[np.bool_] = free < 0
        close = (free < BODY).nonzero()[0]
        if len(close):
            crashed[close] |= touches(walls[:, :, NEAR].take(close, 3))
        return crashed


@dataclass(frozen=True, eq=False)
class _Starts:
    """How drives of M cars begin."""

    state: Floats
    """(9, M) of the cars."""
    ride: Floats
    """(9, M) rows as in `World.ride`."""
    track: Ints
    vertex: Ints
    seen: Singles
    """(M, O)."""

    def put(self, which: Ints, others: "_Starts") -> None:
        self.state[:, which], self.ride[:, which] = others.state, others.ride
        self.track[which], self.vertex[which], self.seen[which] = others.track, others.vertex, others.seen

    def of(self, which: Ints) -> "_Starts":
        state, ride = self.state.take(which, 1), self.ride.take(which, 1)
        return _Starts(state, ride, self.track[which], self.vertex[which], self.seen[which])


def _clamped(actions: ArrayLike, cars: int) -> Floats:
    """(3, N) Commands within their ranges; ValueError where there is not a number for each."""
    given = np.asarray(actions, np.float64)
    if given.shape != (cars, len(ACTION_NAMES)):
        raise ValueError(f"actions have shape {given.shape}, wanted {(cars, len(ACTION_NAMES))}: a row for each car.")
    commands = np.minimum(np.maximum(given.T, LOW), HIGH)
    if np.isnan(commands).any():
        car = int(np.isnan(given).any(1).argmax())
        raise ValueError(f"actions[{car}] is {given[car].tolist()}, wanted numbers for {', '.join(ACTION_NAMES)}.")
    return commands
