"""Names and ranges of observations and actions: the space in which a rollout was driven.

Arrives: names from a rollout file, or only the widths. Leaves: a `Space`, whose columns every table and tensor follows.
Legend: O observations, U actions.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

ENGINE_OBSERVATIONS = (
    "speed_norm", "yaw_rate_norm", "pitch_rate_norm", "roll_rate_norm",
    "ray_forward", "ray_left", "ray_right", "ray_left45", "ray_right45",
    "ray_forward_up", "ray_forward_down", "ray_ground_dist",
    "gravity_x", "gravity_y", "gravity_z",
)  # fmt: skip
ENGINE_ACTIONS = {"steer": (-1.0, 1.0), "throttle": (0.0, 1.0), "brake": (0.0, 1.0)}
LIDAR_RAYS = range(4, 33)
STD_RANGE = (0.01, 2.0)
"""The engine's own range of a policy's standard deviation."""
NOISE_MIN = 0.01
"""The engine never scales its exploration noise below this factor."""
MAX_FEATURES = 1024
"""Observations, or actions, that one space may have: each is a column of every query."""
MAX_NAME = 128
"""Characters of a name that becomes a column."""


class Feature(BaseModel):
    """One observation or action: a name and, where known, its range."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    low: float | None = None
    high: float | None = None


class Space(BaseModel):
    """Observations (O) and actions (U) in the order of the network's inputs and outputs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    observations: tuple[Feature, ...]
    actions: tuple[Feature, ...]

    @model_validator(mode="after")
    def _names_make_columns(self) -> Self:
        for kind, features in (("observation", self.observations), ("action", self.actions)):
            names = [feature.name for feature in features]
            if not names:
                raise ValueError(f"no {kind} names")
            if len(names) > MAX_FEATURES:
                raise ValueError(f"{len(names)} {kind} names, wanted at most {MAX_FEATURES}")
            if bad := [name for name in names if not makes_column(name)]:
                shown = bad[0][:MAX_NAME]
                raise ValueError(
                    f"{kind} name {shown!r} cannot be a column; wanted 1 to {MAX_NAME} printable characters"
                )
            if twice := [name for name, count in Counter(map(str.casefold, names)).items() if count > 1]:
                raise ValueError(f"{kind} name {twice[0]!r} occurs twice (case does not count in SQL)")
        return self

    @classmethod
    def of(cls, width: int, action_names: Sequence[str], observation_names: Sequence[str] | None = None) -> "Space":
        """The space of a rollout with states of `width` numbers; the engine's names where the shape is the engine's.

        Raises ValueError (pydantic's) when a name cannot be a column.
        """
        names = tuple(observation_names or _observation_names(width, engine=set(action_names) == set(ENGINE_ACTIONS)))
        ranges = ENGINE_ACTIONS if set(action_names) == set(ENGINE_ACTIONS) else {}
        return cls(
            observations=tuple(Feature(name=name) for name in names),
            actions=tuple(_ranged(name, ranges.get(name)) for name in action_names),
        )

    @property
    def is_engine(self) -> bool:
        """Whether the actions are the racing engine's, whose ranges and noise the contract fixes."""
        return {feature.name for feature in self.actions} == set(ENGINE_ACTIONS)

    @property
    def observation_columns(self) -> list[str]:
        """Column names of the state, in network order, length O."""
        return [f"obs_{feature.name}" for feature in self.observations]

    @property
    def action_columns(self) -> list[str]:
        """Column names of the action, in network order, length U."""
        return [f"action_{feature.name}" for feature in self.actions]

    @property
    def log_prob_max(self) -> float:
        """The largest log density a row can have (nats): the mean itself under the smallest standard deviation.

        Infinite for spaces other than the engine's, whose policies may be of any width.
        """
        if not self.is_engine:
            return math.inf
        return -len(self.actions) * (math.log(STD_RANGE[0] * NOISE_MIN) + 0.5 * math.log(2 * math.pi))

    @cached_property
    def space_id(self) -> str:
        """Identity by content: 16 hex digits."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


def makes_column(name: str) -> bool:
    """Whether a name from a file may become part of a column's."""
    return 0 < len(name) <= MAX_NAME and name.isprintable()


def _observation_names(width: int, *, engine: bool) -> list[str]:
    known = len(ENGINE_OBSERVATIONS)
    if engine and (width == known or width - known in LIDAR_RAYS):
        return [*ENGINE_OBSERVATIONS, *(f"lidar_{ray:02d}" for ray in range(width - known))]
    return [f"{position:02d}" for position in range(width)]


def _ranged(name: str, limits: tuple[float, float] | None) -> Feature:
    return Feature(name=name) if limits is None else Feature(name=name, low=limits[0], high=limits[1])
