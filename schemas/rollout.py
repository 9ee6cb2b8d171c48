"""The rollout file of the engine, as types.

Arrives: UTF-8 JSON. Leaves: `RolloutFile` (every row good) or `RolloutRows` (rows still as text, to be judged one by
one). Decoding is strict: a number is a number, a missing field is an error with its path. Unknown fields are ignored.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Index = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Name = Annotated[str, Meta(max_length=512, pattern="^[^\0]*$")]
"""Text that the catalog keeps; PostgreSQL's has no character 0."""
NotFinite = Literal[""]
"""What the reader puts in place of a bare `nan` or `inf` word (which is not JSON), at the same length."""


class Experience(Struct, gc=False):
    """One step of one car: the observation before the action, the action applied, and what came of it."""

    state: list[float]
    action: dict[str, float]
    reward: float
    done: bool
    log_prob: float
    value: float
    agent_index: Index
    advantage: float | NotFinite | None = None
    return_: float | NotFinite | None = field(name="return", default=None)
    truncated: bool = False
    next_value: float | None = None
    reward_terms: dict[str, float] | None = None


class _Head(Struct, kw_only=True):
    num_experiences: Int64 | None = None
    timestamp: str | None = None
    run_id: Name | None = None
    rollout_index: Int32 | None = None
    policy_version: Int32 | None = None
    environment: Name | None = None
    seed: Int64 | None = None
    observation_names: list[str] | None = None
    action_names: list[str] | None = None
    reward_names: list[str] | None = None


class RolloutFile(_Head, kw_only=True):
    """A file whose rows all have the right types."""

    experiences: list[Experience]


class RolloutRows(_Head, kw_only=True):
    """The same file with each row kept as text."""

    experiences: list[msgspec.Raw]


class AgentOf(Struct):
    """The one field that says whose segment a broken row cuts."""

    agent_index: Index


decode_file = msgspec.json.Decoder(RolloutFile).decode
decode_rows = msgspec.json.Decoder(RolloutRows).decode
decode_row = msgspec.json.Decoder(Experience).decode
decode_agent = msgspec.json.Decoder(AgentOf).decode
