"""How to train: every detail of PPO that one may want to turn, checked when made.

Arrives: fields from a form, a file or the command line. Leaves: a frozen `TrainConfig`. The defaults are the racing
engine's own PPO; `NAMED` holds functions that return other known runs.
Details and names: Huang et al. 2022, "The 37 Implementation Details of Proximal Policy Optimization".
"""

import math
from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.policy_file import Mean
from schemas.space import STD_RANGE

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class TrainConfig(BaseModel):
    """One update of PPO over one window. Frozen; a field out of range raises ValueError (pydantic's)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    epochs: Count = 4
    """Passes over the window."""
    batch_size: Count = 64
    """Rows in a minibatch; the last ones are evened out, so none is tiny."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Start of fresh networks and, with the epoch, the order of minibatches."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where tensors live; auto takes cuda, then mps, where they are present and the minibatches are large."""
    processes: Count = 1
    """Processes on this machine that share every minibatch by rows, each with its part of the cores, or a GPU of its
    own; the result is the same but for the order of sums. For several GPUs, or large minibatches on many cores."""
    compile: bool = False
    """Fuse the operators of a step by torch.compile. Takes half a minute at the start: for long updates on a GPU."""

    learning_rate: Positive = 3e-4
    """Adam's step size at the start of the update."""
    lr_schedule: Literal["constant", "linear", "adaptive"] = "constant"
    """linear falls to zero over the update; adaptive multiplies or divides by 1.5 to hold KL near target_kl."""
    target_kl: Positive | None = None
    """Nats. Ends the update after an epoch whose KL exceeds 1.5 times this (adaptive: the KL to hold, no early end)."""
    adam_eps: Positive = 1e-5
    """Adam's epsilon."""
    max_grad_norm: Positive = 0.5
    """Largest global norm of the gradient."""

    gamma: Fraction = 0.99
    """Discount per step."""
    gae_lambda: Fraction = 0.95
    """Lambda of the generalized advantage estimate (Schulman et al. 2016)."""
    recompute_advantages: bool = False
    """Estimate advantages again with the current critic before each epoch after the first."""
    advantage_normalisation: Literal["minibatch", "batch", "off"] = "minibatch"
    """Over which rows advantages get mean 0 and deviation 1."""

    objective: Literal["decoupled", "plain"] = "decoupled"
    """decoupled clips around the policy at the start, rows weighted by their age (Hilton et al. 2021); plain clips
    around the policy that collected (Schulman et al. 2017): the same on fresh data."""
    noise: Literal["solved", "ignored"] = "solved"
    """ignored scores as if the engine collected without its exploration noise, to see what that costs; gates that
    shut then are min_effective_sample_size and max_behaviour_kl."""
    clamped_actions: Literal["mass", "density"] = "mass"
    """How actions count that the engine clamped: by the probability of being clamped, which is what happened, or by
    the density at the clamp, which is what the engine records (and what the plain objective takes)."""
    clip: Positive = 0.2
    """The ratio counts within 1 - clip to 1 + clip."""
    value_clip: Positive | None = 0.2
    """How far from the recorded value the critic's prediction counts, in its unit; none: no clipping."""
    value_coef: NotNegative = 0.5
    """Weight of half the squared error of the critic."""
    entropy_coef: NotNegative = 0.01
    """Weight of the policy's entropy."""
    scale_returns: bool = False
    """Let the critic count in units of the running size of returns (and value_clip too); the export folds this into
    the value head. For returns much larger than 1."""
    normalise_observations: bool = False
    """Train on observations with running mean 0 and deviation 1; the export folds this into the first layers."""
    log_std_min: float = math.log(STD_RANGE[0])
    """Lower bound of the log standard deviation (nats); the engine's own."""
    log_std_max: float = math.log(STD_RANGE[1])
    """Upper bound of the log standard deviation (nats); the engine's own."""

    weight_cap: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.0
    """Largest weight pi_proximal / pi_behaviour of a row (Hilton et al. 2021)."""
    min_effective_sample_size: Fraction = 0.1
    """Rows of a source version whose effective sample size is below this share of its rows are left out."""
    max_behaviour_kl: Positive | None = 1.0
    """Nats. Rows of a source version further than this from the policy at the start are left out."""

    hidden: tuple[Count, ...] = Field(default=(128, 128), min_length=1, max_length=16)
    """Widths of hidden layers of a fresh network; a policy that is trained further keeps its own."""
    mean: Mean = "tanh"
    """What the mean of a fresh network goes through; identity is for environments other than the racing engine."""
    initial_std: Annotated[float, Field(ge=STD_RANGE[0], le=STD_RANGE[1])] = 0.5
    """Standard deviation of a fresh policy."""
    clone_epochs: Count = 10
    """Passes over the window when a start is cloned from recorded actions, because no author is known, and when a
    critic is fitted to another reward."""
    clone_updates: Count = 400
    """Minibatches of cloning or fitting at the least: a small window is passed over more often."""
    clone_learning_rate: Positive = 1e-3
    """Adam's step size while cloning or fitting."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.log_std_min < self.log_std_max:
            raise ValueError(f"log_std_min {self.log_std_min} is not below log_std_max {self.log_std_max}")
        low, high = (math.log(bound) for bound in STD_RANGE)
        if self.log_std_min < low - 1e-6 or self.log_std_max > high + 1e-6:
            raise ValueError(f"log_std bounds leave the engine's range [{low:.4f}, {high:.4f}]: it would not load them")
        if self.lr_schedule == "adaptive" and self.target_kl is None:
            raise ValueError("lr_schedule adaptive needs target_kl, e.g. 0.01")
        if self.compile and self.processes > 1:
            raise ValueError("compile takes one process: a sum over several is not compiled")
        return self


def engine() -> TrainConfig:
    """The racing engine's own PPO."""
    return TrainConfig()


def plugin_script() -> TrainConfig:
    """The settings of the trainer script that ships with the racing plugin."""
    return TrainConfig(learning_rate=1e-4, epochs=10, entropy_coef=0.05, value_clip=None)


def cleanrl_continuous() -> TrainConfig:
    """CleanRL's ppo_continuous_action: 10 epochs of 32 minibatches out of 2048 rows.

    CleanRL lets the learning rate fall to zero over a whole run. That is for the caller, update by update; within an
    update it is constant.
    """
    return TrainConfig(
        epochs=10,
        batch_size=64,
        learning_rate=3e-4,
        entropy_coef=0.0,
        normalise_observations=True,
        scale_returns=True,
        hidden=(64, 64),
        mean="identity",
        initial_std=1.0,
    )


def pendulum() -> TrainConfig:
    """Pendulum-v1: 4 agents, rollouts of 2048 rows; the learning rate falls as in `cleanrl_continuous`.

    What a torque does shows within ten steps, so the horizon is short; the task is small enough for larger steps.
    """
    return cleanrl_continuous().model_copy(update={"learning_rate": 1e-3, "gamma": 0.9})


def racing() -> TrainConfig:
    """For drivers that learn from nothing: 16 cars, rollouts of 2048 rows.

    The engine's noise makes a fifth of the policy's deviation of it, so that begins at the most the engine allows; the
    horizon is five seconds; an update ends when the policy has moved enough.
    """
    return TrainConfig(
        epochs=8,
        batch_size=256,
        learning_rate=5e-4,
        target_kl=0.02,
        gamma=0.98,
        entropy_coef=0.0,
        normalise_observations=True,
        scale_returns=True,
        initial_std=2.0,
    )


NAMED: dict[str, Callable[[], TrainConfig]] = {
    "engine": engine,
    "plugin_script": plugin_script,
    "cleanrl_continuous": cleanrl_continuous,
    "pendulum": pendulum,
    "racing": racing,
}
"""Runs by name."""
