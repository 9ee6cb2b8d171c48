"""An update as bytes: what goes to a process that trains, and what comes back.

Arrives: the arguments of `ppo.learner.train`, or what it returns. Leaves: contents of files by name, and the same
again. Tensors as safetensors, addresses as Arrow, the rest as JSON: nothing that runs when it is read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import load, save
from torch import Tensor

from ppo.batch import Batch
from ppo.learner import Trained
from ppo.policy import Policy
from ppo.sources import Source
from schemas.training import TrainConfig

_POLICY, _BATCH, _ADDRESSES = "policy.safetensors", "batch.safetensors", "addresses.arrow"
_OPTIMIZER, _COLLECTOR = "optimizer.safetensors", "collector_"
_CONFIG, _COUNTS, _METRICS = "config.json", "counts.json", "metrics.json"
_SOURCES, _ROWS = "sources.json", "sources.safetensors"


@dataclass(frozen=True)
class Parcel:
    """The arguments of an update."""

    policy: Policy
    batch: Batch
    config: TrainConfig
    optimizer_state: bytes | None
    collectors: Mapping[int, Policy]

    def files(self) -> dict[str, bytes]:
        """Contents by name."""
        batch = self.batch
        # Copies: two names of one tensor would be refused.
        tensors = {name: tensor.to("cpu", copy=True).contiguous() for name, tensor in _tensors(batch).items()}
        tensors["places"] = torch.from_numpy(batch.places.astype(np.int64))
        contents = {
            _POLICY: self.policy.to_safetensors(),
            _BATCH: save(tensors),
            _ADDRESSES: _to_arrow(batch.addresses),
            _COUNTS: json.dumps([batch.counts, batch.reasons.tolist(), batch.reward.device.type]).encode(),
            _CONFIG: self.config.model_dump_json().encode(),
        }
        contents |= {f"{_COLLECTOR}{version}": each.to_safetensors() for version, each in self.collectors.items()}
        return contents if self.optimizer_state is None else contents | {_OPTIMIZER: self.optimizer_state}

    @classmethod
    def unpacked(cls, contents: Mapping[str, bytes]) -> "Parcel":
        """What was packed, its batch on a device of the same kind."""
        tensors = load(contents[_BATCH])
        counts, reasons, device = json.loads(contents[_COUNTS])
        places = tensors.pop("places").numpy()
        batch = Batch(
            **{name: tensor.to(device) for name, tensor in tensors.items()},
            counts=counts,
            addresses=pa.ipc.open_stream(contents[_ADDRESSES]).read_all(),
            places=places,
            reasons=np.array(reasons, np.str_),
        )
        collectors = {
            int(name.removeprefix(_COLLECTOR)): Policy.from_safetensors(raw)
            for name, raw in contents.items()
            if name.startswith(_COLLECTOR)
        }
        config = TrainConfig.model_validate_json(contents[_CONFIG])
        policy = Policy.from_safetensors(contents[_POLICY])
        return cls(policy, batch, config, contents.get(_OPTIMIZER), collectors)


def trained_files(trained: Trained) -> dict[str, bytes]:
    """What an update leaves, by name."""
    plain = [[each.version, each.effective_sample_size, each.kl, each.reason] for each in trained.sources]
    return {
        _POLICY: trained.policy.to_safetensors(),
        _OPTIMIZER: trained.optimizer_state,
        _METRICS: json.dumps(trained.metrics).encode(),
        _SOURCES: json.dumps(plain).encode(),
        _ROWS: save({str(at): each.rows.to("cpu", copy=True) for at, each in enumerate(trained.sources)}),
    }


def trained_from(contents: Mapping[str, bytes], device: torch.device) -> Trained:
    """What `trained_files` packed."""
    rows = load(contents[_ROWS])
    sources = [
        Source(version, rows[str(at)].to(device), share, kl, reason)
        for at, (version, share, kl, reason) in enumerate(json.loads(contents[_SOURCES]))
    ]
    metrics = json.loads(contents[_METRICS])
    return Trained(Policy.from_safetensors(contents[_POLICY]), bytes(contents[_OPTIMIZER]), metrics, tuple(sources))


def _tensors(batch: Batch) -> dict[str, Tensor]:
    values = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def _to_arrow(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
