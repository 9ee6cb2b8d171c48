"""Any Gymnasium environment with continuous actions, as the collector sees it: many agents, named columns, float32.

Arrives: an environment's id. Leaves: observations (N, O), and what the environment made of actions (N, U). Agents are
reset in the step in which their episode ends. Legend: N agents, O observations, U actions.
"""

import hashlib
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.wrappers import FlattenObservation
from numpy.typing import NDArray

from racing import ENVIRONMENT, mujoco_warnings
from racing.driver import Driver
from racing.errors import DriveRejected, EnvironmentRejected
from racing.reward import RewardConfig
from racing.sensors import Sensors
from racing.space_names import action_names, observation_names
from racing.world import ACTION_NAMES, REVISION

Floats = NDArray[np.float32]
_LIBRARIES = {"gymnasium", "typing", "abc"}
"""Packages whose classes do what their version says."""


class Environment:
    """N agents of one environment, driven together."""

    def __init__(self, env: VectorEnv, env_id: str, observations: Sequence[str], actions: Sequence[str]) -> None:
        """`env` resets an agent in the step in which it ends (AutoresetMode.SAME_STEP)."""
        self.env, self.id, self.agents = env, env_id, int(env.num_envs)
        self.observation_names, self.action_names = tuple(observations), tuple(actions)
        self.observations, self.actions = len(self.observation_names), len(self.action_names)
        box = env.single_action_space
        self._low, self._high = box.low.reshape(-1), box.high.reshape(-1)
        bounded = np.isfinite(self._low) & np.isfinite(self._high)
        # A policy's [-1, 1] is the Box's low to high, where it has both
        self._middle = np.where(bounded, _half(self._high, self._low), 0).astype(box.dtype)
        self._half = np.where(bounded, _half(self._high, -self._low), 1).astype(box.dtype)
        self._shape = (self.agents, *box.shape)

    @classmethod
    def open(
        cls,
        env_id: str,
        agents: int,
        *,
        lidar: int = 0,
        tracks: Sequence[int] | None = None,
        reward: Mapping[str, float] | None = None,
        **arguments: object,
    ) -> "Environment":
        """The environment of that id, with `arguments` of its own.

        Racing's are `lidar` (rays), `tracks` (seeds) and `reward`: weights by name, where they differ from the usual.

        Raises EnvironmentRejected where it is not there, or is not one to be driven with continuous actions.
        """
        if agents < 1:
            raise EnvironmentRejected(f"{env_id}: {agents} agents, wanted 1 or more")
        try:
            if env_id == ENVIRONMENT:
                seen = Sensors(lidar).names
                weights = _weights(reward or {})
                env = gymnasium.make_vec(env_id, agents, lidar=lidar, tracks=tracks, reward=weights, **arguments)
                return cls(env, env_id, seen, ACTION_NAMES)
            if lidar or reward or tracks is not None:
                raise EnvironmentRejected(
                    f"{env_id}: only {ENVIRONMENT} has a LIDAR, tracks and weights of a reward; leave them out"
                )
            mujoco_warnings.listen(env_id)
            with gymnasium.make(env_id, **arguments) as single:
                _check(single, env_id)
                names = observation_names(single), action_names(single)
                flat, spec = isinstance(single.observation_space, Box), single.spec
            own = flat and spec is not None and spec.vector_entry_point is not None
            return cls(_made(env_id, agents, flat, own, arguments), env_id, *names)
        except (gymnasium.error.Error, ImportError, TypeError, ValueError) as error:
            raise EnvironmentRejected(f"{env_id}: {_sentence(error)} {_advice(error)}") from error

    @property
    def is_racing(self) -> bool:
        """Whether the engine's own space is driven, in which recorded actions are clamped."""
        return self.id == ENVIRONMENT

    def reset(self, seed: int | Sequence[int] | None) -> Floats:
        """Everybody at the start: observations (N, O). One seed makes one for each agent, seed + agent."""
        seen, _ = self.env.reset(seed=seed if seed is None or isinstance(seed, int) else list(seed))
        return self._rows(seen)

    def step(self, actions: Floats) -> tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """One step with recorded actions (N, U): next observations (N, O), rewards, terminated, truncated, infos.

        `terminated` and `truncated` are never both true; the observation of an agent whose episode ended is the first
        of its next one, see `final`.
        """
        seen, rewards, terminated, truncated, infos = self.env.step(self.applied(actions))
        return self._rows(seen), rewards.astype(np.float32), terminated, truncated & ~terminated, infos

    def final(self, infos: dict[str, Any], agents: NDArray[np.intp]) -> Floats:
        """The last observations (M, O) of those agents' episodes, which ended in this step."""
        return np.stack([np.asarray(infos["final_obs"][agent], np.float32).reshape(-1) for agent in agents])

    def clamp(self, actions: Floats) -> Floats:
        """What is recorded of sampled actions (N, U): the engine records its clamp, elsewhere the sample counts."""
        if not self.is_racing:
            return actions
        clamped: Floats = np.minimum(np.maximum(actions, self._low), self._high)
        return clamped

    def applied(self, actions: Floats) -> NDArray[Any]:
        """What the environment gets of recorded actions (N, U): [-1, 1] as its low to high, without what is beyond."""
        if not self.is_racing:
            actions = np.minimum(np.maximum(actions * self._half + self._middle, self._low), self._high)
        return actions.reshape(self._shape)

    def check(self, driver: Driver) -> None:
        """Raises DriveRejected where the driver is one of another space."""
        wanted = (self.observations, self.actions)
        if (was := (driver.observations, driver.actions)) != wanted:
            raise DriveRejected(
                f"{self.id}: the driver has {was[0]} observations and {was[1]} actions, wanted {wanted[0]} and "
                f"{wanted[1]}. Take a policy of this environment"
            )

    def close(self) -> None:
        """Leave the environment; safe to call twice."""
        self.env.close()

    def _rows(self, seen: NDArray[Any]) -> Floats:
        rows: Floats = seen.astype(np.float32).reshape(self.agents, self.observations)
        return rows


def revision(env_id: str) -> str:
    """Changes whenever the environment may drive otherwise: its source was edited, or a library renewed.

    Raises EnvironmentRejected where it is not there.
    """
    if env_id == ENVIRONMENT:
        return str(REVISION)
    mujoco_warnings.listen(env_id)
    try:
        with gymnasium.make(env_id) as env:
            kind = type(env.unwrapped)
    except (gymnasium.error.Error, ImportError, TypeError, ValueError) as error:
        raise EnvironmentRejected(f"{env_id}: {_sentence(error)} {_advice(error)}") from error
    kinds = [one for one in kind.__mro__ if one is not object]
    libraries = ["gymnasium", *(["mujoco"] if any(".mujoco." in one.__module__ for one in kinds) else [])]
    digest = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in libraries).encode())
    for one in kinds:
        if one.__module__.split(".")[0] not in _LIBRARIES:
            digest.update(Path(inspect.getfile(one)).read_bytes())
    return digest.hexdigest()[:16]


def _weights(asked: Mapping[str, float]) -> RewardConfig:
    known = [field.name for field in fields(RewardConfig)]
    for name in asked:
        if name not in known:
            raise EnvironmentRejected(f"reward {name!r}: there is no such weight. There are {', '.join(known)}")
    return RewardConfig(**asked)


def _made(env_id: str, agents: int, flat: bool, own: bool, arguments: dict[str, object]) -> VectorEnv:
    """The environment's own vector form where it has one that suits, else its agents one after the other."""
    if own:
        env = gymnasium.make_vec(env_id, agents, "vector_entry_point", **arguments)
        if env.metadata.get("autoreset_mode") is AutoresetMode.SAME_STEP:
            return env
        env.close()
    each = {"copy": False, "autoreset_mode": AutoresetMode.SAME_STEP}
    return gymnasium.make_vec(env_id, agents, "sync", each, [] if flat else [FlattenObservation], **arguments)


def _half(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(invalid="ignore"):  # infinities, which are not used
        return one / 2 + other / 2


def _check(env: gymnasium.Env, env_id: str) -> None:
    box = env.action_space
    if not isinstance(box, Box) or not np.issubdtype(box.dtype, np.floating):
        raise EnvironmentRejected(
            f"{env_id}: its action space is {box}, wanted a Box of continuous actions. Choose another environment"
        )
    width = gymnasium.spaces.flatdim(env.observation_space)
    if not width or not math.prod(box.shape):
        raise EnvironmentRejected(f"{env_id}: {width} observations, {box}; wanted at least one of each")


def _sentence(error: Exception) -> str:
    """Its text with one mark at the end."""
    text = str(error).rstrip(". ")
    return text if text.endswith(("?", "!")) else f"{text}."


def _advice(error: Exception) -> str:
    if isinstance(error, gymnasium.error.DependencyNotInstalled | ImportError):
        if "mujoco" in str(error).lower():
            return "Install it: pip install 'pitwall[mujoco]'"
        return "Install the package that the environment needs, or put its folder on PYTHONPATH"
    if isinstance(error, gymnasium.error.UnregisteredEnv):
        return (
            "Gymnasium's list: python -c 'import gymnasium; gymnasium.pprint_registry()'. "
            "One of your own is named with the module that registers it: my_package:MyEnv-v0"
        )
    return "Check the arguments of the environment"
