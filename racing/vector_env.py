"""Many cars as a Gymnasium vector environment.

Arrives: commands (N, 3). Leaves: observations (N, O), rewards (N,), `terminated` (N,), `truncated` (N,), infos.
A car that ended starts anew within the same step. Legend: N cars, O observations.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from racing.reward import RewardConfig
from racing.track import TRAIN_TRACKS
from racing.world import ACTION_HIGH, ACTION_LOW, TIME_LIMIT, World

Singles = NDArray[np.float32]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class RacingVectorEnv(VectorEnv[Singles, Singles, NDArray[Any]]):  # type: ignore[misc]  # gymnasium is Any to mypy
    """`Pitwall/Racing-v0` for N cars that do not feel each other.

    Infos of a step: `progress` (laps), `finished`, `crashed`, `stuck`, `speed` (m/s), `x`, `y` (metres), `track`
    (seed), each (N,), and `reward_terms`, name -> (N,). They tell about the step made, also where a car starts anew.
    Where a car ended, `final_obs` (N,) holds its last observation, `final_info` its infos; `_final_obs` and
    `_final_info` (N,) say where.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        tracks: Sequence[int] | None = None,
        lidar: int = 0,
        reward: RewardConfig | None = None,
        time_limit: int = TIME_LIMIT,
        start: str = "random",
    ) -> None:
        """Cars, seeds of their tracks (TRAIN_TRACKS), LIDAR rays (0, or 4 to 32), weights, steps after which a drive is
        cut, and how drives start: "random" (anywhere on any of the tracks, rolling) or "line" (car i on tracks[i % T],
        standing, the cars of a track spread evenly over it; nothing is drawn).
        """  # noqa: D205
        pool = TRAIN_TRACKS if tracks is None else tracks
        self.world = World(num_envs, pool, lidar=lidar, reward=reward, time_limit=time_limit, start=start)
        self.num_envs = num_envs
        self.single_observation_space = spaces.Box(self.world.sensors.low, self.world.sensors.high)
        self.single_action_space = spaces.Box(ACTION_LOW, ACTION_HIGH)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._start = start
        self._rngs: list[np.random.Generator] = []

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Singles, dict[str, Any]]:
        """New drives for all. Car i gets `seed` + i, or its own of a list; None goes on with the last seeds.
        `options={"start": "line"}` sets how these drives and those after them start.
        """  # noqa: D205
        seeds = [int(seed) + car for car in range(self.num_envs)] if isinstance(seed, int | np.integer) else seed
        if seeds is not None and len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} seeds for {self.num_envs} cars, wanted one for each.")
        if seeds is None:
            seeds = [None] * self.num_envs
        for car, one in enumerate(seeds):
            if one is not None or car == len(self._rngs):
                self._rngs[car : car + 1] = [seeding.np_random(one)[0]]
        self.world.grid.choose((options or {}).get("start", self._start))
        return self.world.reset(self._rngs), {}

    def step(self, actions: Singles) -> tuple[Singles, Floats, Bools, Bools, dict[str, Any]]:
        """A tenth of a second."""
        seen, outcome = self.world.step(actions)
        terminated, truncated, infos = outcome.terminated, outcome.truncated, outcome.infos
        ended = terminated | truncated
        if ended.any():
            which = np.flatnonzero(ended)
            infos |= _final(seen, infos, which, ended)
            seen[which] = self.world.restart(which, self._rngs)
        return seen, outcome.reward, terminated, truncated, infos


def _final(seen: Singles, infos: dict[str, Any], which: NDArray[np.int64], ended: Bools) -> dict[str, Any]:
    """How cars ended, in the words of Gymnasium's `SyncVectorEnv`; what others read there is of no meaning."""
    final_obs = np.full(len(ended), None, object)
    for car in which:
        final_obs[car] = seen[car].copy()
    terms = _masked(infos["reward_terms"], ended)
    final_info = _masked({**infos, "reward_terms": terms}, ended)
    return _masked({"final_obs": final_obs, "final_info": final_info}, ended)


def _masked(infos: dict[str, Any], ended: Bools) -> dict[str, Any]:
    """Infos with Gymnasium's word of whose they are."""
    return infos | {f"_{name}": ended for name in infos}
