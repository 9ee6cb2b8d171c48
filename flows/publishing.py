"""A policy becomes a version: exported, proven equal to its exports, registered, handed to the engine.

Arrives: a policy with what is known of it. Leaves: a version in the registry, whole or not at all.
"""

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.ingredients import Facts
from schemas.manifest import ENGINE, FACTS, ONNX, OPTIMIZER, WEIGHTS, Draft, Golden
from schemas.role import RoleRows
from warehouse import registry
from warehouse.engine_folder import deliver
from warehouse.lake import Lake

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ppo.policy import Policy

_LIBRARIES = ("torch", "numpy", "pyarrow", "polars", "duckdb", "onnx", "onnxruntime", "safetensors", "pitwall")


@dataclass(frozen=True)
class Published:
    """Where a version went."""

    version: int
    folder: Path
    is_new: bool
    parity: dict[str, float]
    """Largest relative differences between the exports, per pair and output."""


def publish(
    lake: Lake,
    policy: "Policy",
    draft: dict[str, Any],
    golden: "NDArray[np.float32]",
    optimizer_state: bytes | None = None,
    facts: Facts | None = None,
    rows: Sequence[RoleRows] = (),
) -> Published:
    """Export, check parity and register; `draft` holds the fields of schemas.manifest.Draft known so far.

    Of a training: `facts` is what it knew of its rollouts, `rows` what it made of their rows.

    Raises:
        ParityBroken: the exports disagree; nothing is published.
        TrainingStopped: a metric is not finite; nothing is published.
    """
    from ppo import export, parity

    weights = policy.to_safetensors()
    outputs = parity.golden_outputs(weights, golden)
    drafted = Draft(
        **draft,
        fingerprint=policy.fingerprint,
        libraries=libraries(),
        golden=Golden(
            observations=golden.tolist(),
            means=outputs["mean"].tolist(),
            values=tuple(outputs["value"].ravel().tolist()),
        ),
    )
    onnx = export.onnx(policy, drafted.space)
    differences: dict[str, float] = {}

    def build(version: int) -> Mapping[str, bytes]:
        about = {"version": version, "parent": drafted.parent, "checksum": policy.fingerprint}
        engine = export.engine_json(policy, drafted.space, about)
        differences.update(parity.check(weights, onnx, engine, golden))
        files = {WEIGHTS: weights, ONNX: onnx, ENGINE: engine}
        if optimizer_state is not None:
            files[OPTIMIZER] = optimizer_state
        if facts is not None:
            files[FACTS] = facts.model_dump_json().encode()
        return files

    version = registry.publish(lake, drafted, build, rows)
    return Published(version.version, version.folder, version.is_new, differences)


def hand_over(lake: Lake, version: int) -> Path | None:
    """Put a version into the engine's folder, if the settings name one; calling it again changes nothing.

    The engine knows its own actions only: a version of another environment is not for it.
    """
    if not registry.get(lake, version).space.is_engine:
        return None
    return deliver(lake.settings, version, registry.read_file(lake, version, ENGINE))


def libraries() -> dict[str, str]:
    """Versions of what computes, here and now."""
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return {"python": platform.python_version(), **versions}
