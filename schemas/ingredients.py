"""What a training used besides its configuration, written down because tomorrow it may be other.

Who drove, with how much noise, which rollout follows which: the catalog learns more with every ingest and every
version. Arrives: what a training found. Leaves: `Ingredients` in the manifest, `Facts` in a file beside it.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Machine(_Frozen):
    """What the bits of a sum depend on."""

    system: str
    """Operating system and architecture, e.g. `Linux x86_64`."""
    cpu: str
    """Model of the processor."""
    instructions: str
    """Vector instructions that torch uses, e.g. `AVX512`."""
    threads: int
    """Threads that torch had."""
    device: str
    """Where the tensors lay, e.g. `cpu` or `cuda NVIDIA H100`."""


class Ingredients(_Frozen):
    """Of one training."""

    tensors: dict[str, Sha256]
    """Hash of each tensor of the batch, by name."""
    policies: dict[int, Sha256]
    """Hash of the weights of the parent and of each version that collected, as they were read."""
    optimizer: Sha256 | None
    """Hash of the parent's optimizer state, where there was one."""
    machine: Machine
    learner: Sha256 | None = None
    """Hash of the learner's own source: another order of a sum gives other bits. Earlier releases did not say."""


class RolloutFacts(_Frozen):
    """What was known of one rollout; where its rows lie is left to the catalog."""

    rollout_id: str
    run_id: str
    position: int
    rollout_index: int | None
    policy_version: int | None
    claimed_version: int | None
    verdict: str | None
    noise: tuple[tuple[int, int, float], ...]
    """(agent_index, first_step, noise_scale)."""
    in_window: bool
    """False: it follows a rollout of the window, and its first rows may serve as bootstrap."""
    rows_sha256: Sha256


class Facts(_Frozen):
    """Of the rollouts of a window, and of those right after it."""

    rollouts: tuple[RolloutFacts, ...]
