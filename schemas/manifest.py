"""The manifest of a version: everything one needs to trust, load or make it again.

Arrives: what training or an import knows (a `Draft`), and what the registry adds (number, window, files).
Leaves: a frozen `ModelManifest`, kept as `manifest.json` beside the files that it names.
Legend: N golden rows, O observations, U actions.
"""

import datetime
import json
import math
from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat, JsonValue, field_validator

from schemas.ingredients import Ingredients, Sha256
from schemas.reward import Reward
from schemas.space import Space

MANIFEST = "manifest.json"
CARD = "CARD.md"
ENGINE = "policy.engine.json"
ONNX = "policy.onnx"
WEIGHTS = "policy.safetensors"
OPTIMIZER = "optimizer.safetensors"
FACTS = "facts.json"

Vectors = tuple[tuple[FiniteFloat, ...], ...]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class FileEntry(_Frozen):
    """One file of a version."""

    sha256: Sha256
    bytes: int


class WindowEntry(_Frozen):
    """The window that a version was trained on."""

    id: str
    sql: str
    rows: int
    rows_sha256: str
    reward: Reward | None = None
    """What it learned to earn, in full; none: the recorded reward."""


class Golden(_Frozen):
    """Inputs and what the policy answers to them, so that any loader can check itself."""

    observations: Vectors
    """(N, O), as the engine sees them."""
    means: Vectors
    """(N, U), as the policy gives them: after tanh, where it has one."""
    values: tuple[FiniteFloat, ...]
    """(N,), the critic's answers."""


class Draft(_Frozen):
    """What is known of a policy before it has a number."""

    start: Literal["warm", "clone", "imported", "fresh"]
    """From the parent's weights; from a clone of recorded actions; a file that came from outside; or random weights."""
    space: Space
    fingerprint: Sha256
    """Over the float32 weights as the engine sees them: the policy's identity."""
    parent: int | None = None
    window_id: str | None = None
    config: dict[str, JsonValue] = {}
    metrics: dict[str, float] = {}
    """Single figures of the update, e.g. {"kl": 0.012}."""
    curves: dict[str, tuple[float, ...]] = {}
    """One figure per epoch, from epoch 1."""
    seeds: dict[str, int] = {}
    libraries: dict[str, str] = {}
    ingredients: Ingredients | None = None
    golden: Golden | None = None
    notes: tuple[str, ...] = ()
    """What a person should know, e.g. "started by a clone of unknown behaviour"."""

    @field_validator("config")
    @classmethod
    def _json_only(cls, config: dict[str, JsonValue]) -> dict[str, JsonValue]:
        json.dumps(config, allow_nan=False)  # raises ValueError: NaN is no JSON
        return config

    def not_finite(self) -> Iterator[tuple[str, float]]:
        """The figures that are NaN or infinite, by name; those of curves with their epoch."""
        yield from ((name, value) for name, value in self.metrics.items() if not math.isfinite(value))
        for name, curve in self.curves.items():
            yield from ((f"{name}[epoch {at}]", value) for at, value in enumerate(curve, 1) if not math.isfinite(value))


class ModelManifest(_Frozen):
    """The whole of what is known of a version."""

    version: int
    """Its number; versions count from 1 without a hole."""
    parent: int | None
    """The version from whose weights it went on."""
    created_at: datetime.datetime
    """UTC."""
    start: Literal["warm", "clone", "imported", "fresh"]
    """From the parent's weights; from a clone of recorded actions; a file from outside; or random weights."""
    window: WindowEntry | None
    """What it was trained on; none: imported."""
    config: dict[str, JsonValue]
    """How it was trained, every field."""
    seeds: dict[str, int]
    """Seeds by use."""
    libraries: dict[str, str]
    """Versions of what computed it."""
    ingredients: Ingredients | None = None
    """What the training used; versions of earlier releases did not say."""
    space: Space
    """Observations and actions in the order of the network, with their ranges."""
    metrics: dict[str, FiniteFloat]
    """Single figures of the update."""
    curves: dict[str, tuple[FiniteFloat, ...]]
    """One figure per epoch, from epoch 1."""
    golden: Golden | None
    """Inputs and answers, by which any loader can check itself."""
    fingerprint: Sha256
    """Over the float32 weights as the engine sees them: the policy's identity."""
    notes: tuple[str, ...]
    """What a person should know."""
    files: dict[str, FileEntry]
    """Every file of the version but this one."""
