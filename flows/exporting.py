"""Versions for use outside the lake, in the formats of others.

Arrives: a version, a format, a place. Leaves: files that compute what the version computes. Those that were published
were proven then and are held against their hashes now; TorchScript is made on demand, and proven before it is written.
"""

from pathlib import Path
from typing import Literal, get_args

import numpy as np

from schemas.errors import SettingsRejected
from schemas.manifest import ONNX, WEIGHTS
from warehouse import model_export
from warehouse.lake import Lake
from warehouse.outside_file import put_all_outside
from warehouse.registry import read_file, read_manifest

Format = Literal["engine", "onnx", "safetensors", "torchscript", "all"]
TORCHSCRIPT = "policy.torchscript.pt"
"""What it is called in a folder."""


def export(lake: Lake, version: int | str, file_format: Format, to: Path, *, force: bool = False) -> list[Path]:
    """Copy one file (to a file, or into a folder that exists) or all published ones (into a folder).

    Raises:
        NotRegistered: no such version, or it lacks that file.
        LakeDamaged: a stored file is not what was published; nothing is written.
        ParityBroken: the export computes something else; nothing is written.
        SettingsRejected: there is no such format, or another file is in the way, and `force` is not given.
        StorageBusy: the place cannot be written.
    """
    if file_format not in get_args(Format):
        raise SettingsRejected(f"format is {file_format!r}; there are {', '.join(get_args(Format))}")
    if file_format != "torchscript":
        return model_export.export(lake, version, file_format, to, force=force)
    target = to / TORCHSCRIPT if to.is_dir() else to
    put_all_outside({target: _torchscript(lake, version)}, force=force)
    return [target]


def _torchscript(lake: Lake, version: int | str) -> bytes:
    from ppo import parity, torchscript
    from ppo.policy import Policy

    manifest = read_manifest(lake, version)
    weights = read_file(lake, manifest.version, WEIGHTS)
    policy = Policy.from_safetensors(weights)
    if manifest.golden is None:
        golden = parity.golden_from_seed(policy.observations)
    else:
        golden = np.array(manifest.golden.observations, np.float32)
    module = torchscript.torchscript(policy, manifest.space)
    parity.check_module(module, weights, read_file(lake, manifest.version, ONNX), golden)
    about = {"version": manifest.version, "parent": manifest.parent}
    return torchscript.torchscript_bytes(module, policy, manifest.space, about)
