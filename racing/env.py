"""One car as a Gymnasium environment.

Arrives: a command [steer, throttle, brake]. Leaves: an observation (O,), a reward, `terminated`, `truncated`, an info.
It is the vector environment's world with a single car; there is no second implementation.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from racing.reward import RewardConfig
from racing.track import TRAIN_TRACKS
from racing.world import ACTION_HIGH, ACTION_LOW, TIME_LIMIT, World


class RacingEnv(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):  # type: ignore[misc]  # Any to mypy
    """`Pitwall/Racing-v0`. Arguments and infos are those of `RacingVectorEnv`; here each info is one number."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(
        self,
        tracks: Sequence[int] | None = None,
        lidar: int = 0,
        reward: RewardConfig | None = None,
        time_limit: int = TIME_LIMIT,
        start: str = "random",
    ) -> None:
        pool = TRAIN_TRACKS if tracks is None else tracks
        self.world = World(1, pool, lidar=lidar, reward=reward, time_limit=time_limit, start=start)
        self.observation_space = spaces.Box(self.world.sensors.low, self.world.sensors.high)
        self.action_space = spaces.Box(ACTION_LOW, ACTION_HIGH)
        self._start = start

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """A new drive; `options={"start": "line"}` asks for a standing start in the middle of the road."""
        super().reset(seed=seed)
        self.world.grid.choose((options or {}).get("start", self._start))
        return self.world.reset([self.np_random])[0], {}

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """A tenth of a second."""
        seen, outcome = self.world.step(np.asarray(action)[None])
        info = {name: value.item() for name, value in outcome.infos.items() if name != "reward_terms"}
        info["reward_terms"] = {name: value.item() for name, value in outcome.terms.items()}
        return seen[0], outcome.reward.item(), outcome.terminated.item(), outcome.truncated.item(), info
