"""The rollout that is being driven: its columns, made once and filled step by step.

Arrives: what each step brought. Leaves: `Experiences`. Legend: T vector steps, N agents, O observations, U actions.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from racing.driver import Driver
from racing.environment import Environment
from racing.experiences import Experiences

Floats = NDArray[np.float32]


class RolloutLog:
    """T steps of N agents."""

    def __init__(self, length: int, environment: Environment) -> None:
        self.environment = environment
        cells = (length, environment.agents)
        self.state = np.empty((*cells, environment.observations), np.float32)
        self.action = np.empty((*cells, environment.actions), np.float32)
        self.reward, self.log_prob, self.value = (np.empty(cells, np.float32) for _ in range(3))
        self.done, self.truncated = np.zeros(cells, np.bool_), np.zeros(cells, np.bool_)
        self.next_value = np.full(cells, np.nan, np.float32)
        self.terms: dict[str, Floats] = {}
        self.speed = np.zeros(length)
        self.returns: list[float] = []
        self.lengths: list[int] = []
        self.finished: list[bool] = []
        self.crashed: list[bool] = []
        self._cut: list[tuple[int, NDArray[np.intp], Floats]] = []

    def __len__(self) -> int:
        return len(self.reward)

    def outcome(self, t: int, reward: Floats, infos: dict[str, Any]) -> None:
        """What step t brought; of racing also the parts of the reward, (N,) each, and the speed."""
        self.reward[t] = reward
        if self.environment.is_racing:
            self.speed[t] = infos["speed"].mean()
            for name, term in infos["reward_terms"].items():
                if t == 0:
                    self.terms[name] = np.empty_like(self.reward)
                self.terms[name][t] = term

    def ended(
        self, t: int, done: NDArray[np.bool_], truncated: NDArray[np.bool_], infos: dict[str, Any]
    ) -> NDArray[np.intp]:
        """Episodes (N,) that ended with step t, some of them cut; returns whose."""
        self.done[t], self.truncated[t] = done, truncated
        if truncated.any():
            cut = np.flatnonzero(truncated)
            self._cut.append((t, cut, self.environment.final(infos, cut)))
        agents = np.flatnonzero(done)
        if self.environment.is_racing:
            self.finished += infos["finished"][agents].tolist()
            self.crashed += infos["crashed"][agents].tolist()
        return agents

    def experiences(self, driver: Driver, after: Floats) -> Experiences:
        """All rows in the order of time; `after` (N, O) are the observations after the last step.

        V of the next observation is given where the segment is cut: by a time limit, or by the end of the rollout.
        """
        for t, agents, final in self._cut:
            self.next_value[t, agents] = driver.forward(final)[1]
        on = ~self.done[-1]
        self.next_value[-1, on] = driver.forward(after)[1][on]
        agents = np.broadcast_to(np.arange(self.environment.agents), self.reward.shape)
        return Experiences(
            state=self.state.reshape(-1, self.state.shape[2]),
            action=self.action.reshape(-1, self.action.shape[2]),
            agent_index=agents.reshape(-1),
            reward_terms={name: term.reshape(-1) for name, term in self.terms.items()},
            **{
                name: getattr(self, name).reshape(-1)
                for name in ("reward", "done", "truncated", "log_prob", "value", "next_value")
            },
        )
