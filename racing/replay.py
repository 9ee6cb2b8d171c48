"""Where a recorded drive went: the same car from the same start, driven by the recorded actions.

Arrives: what a rollout file tells (seed, agent, number of the episode, actions). Leaves: positions; what the car sees
is held against what was recorded, and only where both agree is it that drive. Legend: T steps, O observations.
"""

from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from racing import ENVIRONMENT
from racing.environment import Environment
from racing.errors import DriveRejected

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
AGREE = 1e-4
"""Largest difference of an observation for which two drives count as the same; two drives differ by far more."""


@dataclass(frozen=True, eq=False)
class Replay:
    """One drive, driven again."""

    track: int
    """Seed."""
    x: Floats
    y: Floats
    """(T,) metres, after each step."""
    speed: Floats
    """(T,) m/s."""
    difference: float
    """Largest difference of an observation to the recorded ones; at most `AGREE`."""

    @classmethod
    def drive(cls, seed: int, agent: int, number: int, actions: Singles, seen: Singles, lidar: int = 0) -> "Replay":
        """Drive episode `number` (from 0) of an agent of the session of that seed by its actions (T, 3).

        A car draws its starts from a generator of its own (seed + agent), one start after the other, and feels no other
        car: so it can be driven alone, without the episodes before.

        Raises DriveRejected where the car sees something else than what was recorded, `seen` (T, O).
        """
        with closing(Environment.open(ENVIRONMENT, 1, lidar=lidar)) as environment:
            state = environment.reset([seed + agent])
            for _ in range(number):
                state = environment.reset(None)
            points, worst = [], 0.0
            for step, action in enumerate(actions):
                if state.shape[1:] != seen.shape[1:]:
                    raise DriveRejected(f"{seen.shape[1]} observations were recorded, the car has {state.shape[1]}")
                off = float(np.abs(state[0] - seen[step]).max())
                if not off <= AGREE:  # nor where it is NaN
                    raise DriveRejected(
                        f"seed {seed}, agent {agent}, episode {number}: at step {step} the car sees something else "
                        f"than what was recorded (by {off:.2g}). It drove on other tracks, in another release, or "
                        "episodes before this one are missing"
                    )
                worst = max(worst, off)
                state, _, _, _, infos = environment.step(action[None])
                points.append((infos["x"][0], infos["y"][0], infos["speed"][0]))
        x, y, speed = np.array(points, np.float64).T
        return cls(int(infos["track"][0]), x, y, speed, worst)
