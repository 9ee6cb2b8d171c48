"""Names for the columns of an environment: those of its MuJoCo model, the keys of its spaces, or numbers.

Arrives: a Gymnasium environment. Leaves: one name per observation and per action, no two alike whatever their case.
"""

from collections.abc import Iterator
from typing import Any

import gymnasium
from gymnasium.spaces import Box, Dict, Space, Tuple, flatdim


def observation_names(env: gymnasium.Env) -> list[str]:
    """One name per number of the flattened observation."""
    base: Any = env.unwrapped
    width = flatdim(env.observation_space)
    for names in (_mujoco_parts(base), list(_keys(env.observation_space))):
        if names is not None and _usable(names, width):
            return names
    return _numbered(width)


def action_names(env: gymnasium.Env) -> list[str]:
    """One name per number of the action."""
    base: Any = env.unwrapped
    width = flatdim(env.action_space)
    names = _mujoco_actuators(base)
    return names if names is not None and _usable(names, width) else _numbered(width)


def _mujoco_parts(base: Any) -> list[str] | None:  # noqa: ANN401
    """qpos_01, qpos_02, .. qvel_00, ..: a position that is left out of the observation has its number all the same."""
    parts = getattr(base, "observation_structure", None)
    if not isinstance(parts, dict):
        return None
    skipped = {"qpos": int(parts.get("skipped_qpos", 0))}
    counts = [(part, int(count)) for part, count in parts.items() if part != "skipped_qpos"]
    return [f"{part}_{at + skipped.get(part, 0):02d}" for part, count in counts for at in range(count)]


def _mujoco_actuators(base: Any) -> list[str] | None:  # noqa: ANN401
    model: Any = getattr(base, "model", None)
    if not hasattr(model, "actuator"):
        return None
    return [model.actuator(at).name for at in range(model.nu)]


def _keys(space: Space, prefix: str = "") -> Iterator[str]:
    """A name per number, in the order of gymnasium.spaces.flatten."""
    if isinstance(space, Dict | Tuple):
        parts = space.spaces.items() if isinstance(space, Dict) else enumerate(space.spaces)
        for key, part in parts:
            yield from _keys(part, f"{prefix}{key}_")
    elif isinstance(space, Box) and flatdim(space) == 1:
        yield prefix.removesuffix("_")
    else:
        yield from (f"{prefix}{at:02d}" for at in range(flatdim(space)))


def _usable(names: list[str], width: int) -> bool:
    """Whether there are as many as columns, and each can be one."""
    folded = {name.casefold() for name in names if name and name.isprintable() and len(name) <= 128}
    return len(names) == len(folded) == width


def _numbered(width: int) -> list[str]:
    return [f"{at:02d}" for at in range(width)]
