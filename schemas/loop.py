"""How to drive, how to judge a driver, and how to go round: drive, train, evaluate, promote, again.

Arrives: fields from a form or the command line. Leaves: frozen `DriveConfig`, `EvaluateConfig`, `LoopConfig`; `NAMED`
holds functions that return known loops.
"""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.training import Count, Fraction, NotNegative, TrainConfig, cleanrl_continuous
from schemas.training import pendulum as pendulum_update
from schemas.training import racing as racing_update

RACING = "Pitwall/Racing-v0"
"""The stand-in for the engine."""
TEST, JUDGING = 1_000_000, 2_000_000
"""Seeds of the first track of two kinds that nobody trains on: what is reported, and what promotion goes by. Tracks
that choose the champion are no proof of how well it drives."""
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class DriveConfig(_Frozen):
    """How rollouts are collected."""

    environment: str = RACING
    """Id of a Gymnasium environment with continuous actions."""
    agents: Count = 8
    """Cars (copies of the environment) that drive at once."""
    steps: Count = 2048
    """Experiences of a rollout over all agents together; a multiple of `agents`."""
    lidar: Annotated[int, Field(ge=0, le=32)] = 0
    """Rays of the LIDAR ring, 4 to 32, or none; racing only."""
    reward: dict[str, float] = {}
    """Weights of the reward that differ from the stand-in's own (`racing/reward.py`), e.g. {"speed": 0.5}; racing
    only."""
    noise: NotNegative | None = None
    """Constant factor on the policy's deviation; none: the engine's schedule in racing, 1 elsewhere."""
    seed: Seed = 0
    """Of the environment and the exploration noise."""

    @model_validator(mode="after")
    def _shares_evenly(self) -> "DriveConfig":
        if self.steps % self.agents:
            raise ValueError(f"steps {self.steps} is not a multiple of agents {self.agents}")
        if 0 < self.lidar < 4:
            raise ValueError(f"lidar {self.lidar}: the engine's ring has 4 to 32 rays, or 0 for none")
        return self


class EvaluateConfig(_Frozen):
    """Deterministic drives that a version is judged by; the same for every version, so that they can be compared."""

    tracks: Annotated[int, Field(ge=1, le=1000)] = 20
    """Unseen tracks; racing only."""
    cars: Count = 4
    """Drives per track, from starts spread along it; racing only."""
    episodes: Count = 20
    """Episodes; other environments."""
    first_track: Annotated[int, Field(ge=0)] = TEST
    """Seed of the first track; the others follow. Racing only."""
    seed: Seed = 0
    """Of the first episode; other environments."""


class LoopConfig(_Frozen):
    """One driving loop. Each lap drives one rollout and trains one version on the newest ones."""

    drive: DriveConfig = DriveConfig()
    """How rollouts are collected."""
    train: TrainConfig = TrainConfig()
    """One update; its seed is that of the first lap."""
    evaluate: EvaluateConfig = EvaluateConfig(first_track=JUDGING)
    """How versions are judged."""
    window: Count = 1
    """Newest rollouts of this loop that a version is trained on."""
    anneal: bool = False
    """Let the learning rate fall linearly to zero over the laps."""
    evaluate_every: Annotated[int, Field(ge=0)] = 10
    """Laps between two evaluations; the last lap is always followed by one. 0: the last one only."""
    go_on_from: Literal["champion", "latest"] = "champion"
    """Where the loop goes on after a version that was not promoted."""
    risk: Fraction = 0.5
    """A version is promoted unless it is worse than the champion with more than this probability (bootstrap)."""
    lag: Annotated[int, Field(ge=0)] = 0
    """Drive with the version that is so many laps older than the newest: how stale may experiences be?"""

    @model_validator(mode="after")
    def _anneals_what_it_can(self) -> "LoopConfig":
        if self.anneal and self.train.lr_schedule != "constant":
            raise ValueError(f"anneal wants lr_schedule constant within an update, was {self.train.lr_schedule}")
        return self


def racing() -> LoopConfig:
    """Cars that learn to drive, from nothing."""
    return LoopConfig(drive=DriveConfig(agents=16), train=racing_update())


def half_cheetah() -> LoopConfig:
    """HalfCheetah-v5 as CleanRL trains it; 489 laps are 1 M steps."""
    return _cleanrl("HalfCheetah-v5")


def hopper() -> LoopConfig:
    """Hopper-v5 as CleanRL trains it; 489 laps are 1 M steps."""
    return _cleanrl("Hopper-v5")


def inverted_pendulum() -> LoopConfig:
    """InvertedPendulum-v5 as CleanRL trains it; 489 laps are 1 M steps."""
    return _cleanrl("InvertedPendulum-v5")


def pendulum() -> LoopConfig:
    """Pendulum-v1, where every episode ends by a time limit; 98 laps are 200 k steps."""
    loop = _cleanrl("Pendulum-v1")
    drive = loop.drive.model_copy(update={"agents": 4})
    return loop.model_copy(update={"drive": drive, "train": pendulum_update()})


def _cleanrl(environment: str) -> LoopConfig:
    """One agent, rollouts of 2048, the newest one alone, a learning rate that falls to zero, no way back."""
    return LoopConfig(
        drive=DriveConfig(environment=environment, agents=1),
        train=cleanrl_continuous(),
        anneal=True,
        evaluate_every=100,
        go_on_from="latest",
    )


NAMED: dict[str, Callable[[], LoopConfig]] = {
    "racing": racing,
    "half_cheetah": half_cheetah,
    "hopper": hopper,
    "inverted_pendulum": inverted_pendulum,
    "pendulum": pendulum,
}
"""Loops by name."""
