"""Collecting: agents drive with a policy and its exploration, and every so many steps a rollout file is there.

Arrives: an environment, a driver. Leaves: rollout files, and figures of each. Agents keep driving across files and
across drivers, so an episode may span both. Legend: N agents.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from racing.collected import Collected
from racing.driver import Driver
from racing.environment import Environment
from racing.errors import DriveRejected
from racing.exporter import Exporter
from racing.noise import Noise
from racing.rollout_log import RolloutLog
from racing.spelling import Root

PRESETS = {"quick": 1024, "standard": 2048, "stable": 4096}
"""Steps of a rollout, over all agents together."""
_TOLD = 64
"""How often at most a rollout tells its progress."""


class Collector:
    """One session: `collect` once for each rollout; `driver` may be replaced in between."""

    def __init__(
        self,
        environment: Environment,
        driver: Driver,
        *,
        folder: Path | str,
        run_id: str,
        steps: int = PRESETS["standard"],
        seed: int = 0,
        noise: Noise | None = None,
        say: Callable[[str], None] = print,
        **exporting: Any,  # noqa: ANN401
    ) -> None:
        """`noise` is the engine's where None; `exporting` are arguments of `Exporter`: eol, now, fault.

        Raises DriveRejected where steps are no multiple of the agents: a row beyond the file would be lost, or be
        written into the next one under the name of another policy.
        """
        agents = environment.agents
        if steps < 1 or steps % agents:
            raise DriveRejected(
                f"a rollout of {steps} steps by {agents} agents, wanted a multiple of the agents. "
                f"Take {max(1, steps // agents) * agents} steps, or fewer agents"
            )
        session: Root = {
            "run_id": run_id,
            "environment": environment.id,
            "seed": seed,
            "observation_names": environment.observation_names,
            "action_names": environment.action_names,
        }
        self.environment, self.driver, self.steps = environment, driver, steps
        self._exporter = Exporter(folder, environment.action_names, session=session, say=say, **exporting)
        self._noise = noise or Noise()
        self._factors = self._noise.first(agents)
        self._spread = driver.spread(self._factors)
        self._rng = np.random.default_rng([seed, 1])  # not [seed], the stream of the first agent
        self._returns, self._lengths = np.zeros(agents), np.zeros(agents, np.int64)
        self._state = environment.reset(seed)
        self._whole = True

    def collect(self, progress: Callable[[int, int], None] | None = None) -> Collected:
        """Drive one rollout and write it; `progress` gets (steps done, steps).

        Interrupted, it leaves no file, and the session is over: its drives would have a hole.
        """
        began = time.perf_counter()
        if not self._whole:
            raise DriveRejected(
                f"{self.environment.id}: the last rollout of this session was interrupted, so its drives have a hole. "
                "Begin a new session: another Collector with another run_id"
            )
        self.environment.check(self.driver)
        self._whole = False
        log = RolloutLog(self.steps // self.environment.agents, self.environment)
        every = -(-len(log) // _TOLD)
        self._spread = self.driver.spread(self._factors)
        for t in range(len(log)):
            self._step(log, t)
            if progress and ((t + 1) % every == 0 or t + 1 == len(log)):
                progress((t + 1) * self.environment.agents, self.steps)
        exported = self._exporter.export(log.experiences(self.driver, self._state), self.driver.version)
        self._whole = True
        return Collected(
            path=exported.path,
            rollout_index=exported.index,
            steps=exported.steps,
            dropped=exported.dropped,
            episodes=len(log.returns),
            returns=log.returns,
            lengths=log.lengths,
            finished=float(np.mean(log.finished)) if log.finished else None,
            crashed=float(np.mean(log.crashed)) if log.crashed else None,
            mean_speed=float(log.speed.mean()) if self.environment.is_racing else None,
            reward_terms={name: float(term.mean(dtype=np.float64)) for name, term in log.terms.items()},
            seconds=time.perf_counter() - began,
        )

    def _step(self, log: RolloutLog, t: int) -> None:
        log.state[t] = self._state
        action, log_prob, value = self.driver.act(self._state, self._spread, self._rng, self.environment.clamp)
        log.action[t], log.log_prob[t], log.value[t] = action, log_prob, value
        self._state, reward, terminated, truncated, infos = self.environment.step(action)
        log.outcome(t, reward, infos)
        self._returns += reward
        self._lengths += 1
        done = terminated | truncated
        if done.any():
            agents = log.ended(t, done, truncated, infos)
            log.returns += self._returns[agents].tolist()
            log.lengths += self._lengths[agents].tolist()
            self._returns[agents] = self._lengths[agents] = 0
            self._factors = self._noise.after(self._factors, done)
            self._spread = self.driver.spread(self._factors)
