"""What one of two processes does in test_group.py, under torchrun: every case, its outcome as files of its rank."""

import dataclasses
import json
import os
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from ppo.batch import Batch
from ppo.group import ALONE, joined
from ppo.learner import train
from ppo.policy import Policy
from schemas.errors import TrainingStopped
from schemas.training import TrainConfig
from tests.ppo.tables import SPACE, collect, table

ROWS = 1001  # every minibatch and every share is uneven
FINE = TrainConfig(
    epochs=3, batch_size=64, lr_schedule="adaptive", target_kl=0.01, recompute_advantages=True, scale_returns=True
)
CASES = {
    "plain, float64": (torch.float64, TrainConfig(epochs=3, batch_size=64)),
    "every switch, float64": (torch.float64, FINE.model_copy(update={"advantage_normalisation": "batch"})),
    "one step, float32": (torch.float32, TrainConfig(epochs=1, batch_size=ROWS)),
    "an epoch, float32": (torch.float32, TrainConfig(epochs=1, batch_size=64)),
    "the same again": (torch.float32, TrainConfig(epochs=1, batch_size=64)),
}
POISONED = 500
"""Row without a finite advantage, in the case that must stop."""


def made(dtype):
    """A policy, and rows that it collected."""
    policy = Policy.fresh(15, 3, (32, 32), seed=2)
    batch = Batch.from_arrow(table([collect(policy, 0.2, ROWS + 1)], noise_scale=0.2), SPACE)
    tensors = {
        field.name: value.to(dtype)
        for field in dataclasses.fields(batch)
        if isinstance(value := getattr(batch, field.name), torch.Tensor) and value.is_floating_point()
    }
    return dataclasses.replace(policy, flat=policy.flat.to(dtype)), dataclasses.replace(batch, **tensors)


def outcome(name, group=ALONE):
    """Weights and figures of a case."""
    dtype, config = CASES[name]
    trained = train(*made(dtype), config, group=group)
    return trained.policy.flat, trained.metrics


def stopped(group=ALONE):
    """What a training says of a row that is not finite."""
    policy, batch = made(torch.float32)
    value = batch.value.clone()
    value[POISONED] = torch.inf
    try:
        train(policy, dataclasses.replace(batch, value=value), TrainConfig(epochs=1, batch_size=64), group=group)
    except TrainingStopped as error:
        return str(error)


def unlike(group):
    """What processes say that hold other weights."""
    try:
        group.check_alike(weights=torch.full((3,), float(group.rank)))
    except TrainingStopped as error:
        return str(error)


def too_many(group):
    """What they say of minibatches of one row."""
    try:
        train(*made(torch.float32), TrainConfig(epochs=1, batch_size=1), group=group)
    except TrainingStopped as error:
        return str(error)


if __name__ == "__main__":
    folder, rank, size = Path(sys.argv[1]), int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    with joined(rank, size, torch.device("cpu")) as group:
        figures = {}
        weights = {}
        for name in CASES:
            weights[name], figures[name] = outcome(name, group)
        said = {"stopped": stopped(group), "unlike": unlike(group), "too many": too_many(group)}
    save_file(weights, folder / f"{rank}.safetensors")
    (folder / f"{rank}.json").write_text(json.dumps({"figures": figures, "said": said}))
