"""Where an update runs, how arrays get there, and on how many threads.

Arrives: a `TrainConfig`. Leaves: a torch device that is there, tensors on it, and a number of threads that pays.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import NDArray

from schemas.errors import SettingsRejected
from schemas.training import TrainConfig

BUSY_BATCH = 1024
"""Rows in a minibatch from which on a second thread, or a GPU, pays."""


def device_for(config: TrainConfig) -> torch.device:
    """The device that `config` names; auto takes a GPU only where minibatches are large enough to keep it busy.

    Raises SettingsRejected where this machine, or this build of torch, has no such device, or not one for each process.
    """
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present.get(config.device, True):
        raise SettingsRejected(
            f"device is {config.device!r}, which this machine, or torch {torch.__version__}, does not have. "
            "Take auto or cpu, or install a build of torch for it"
        )
    busy = config.batch_size >= BUSY_BATCH
    auto = next((name for name in ("cuda", "mps") if busy and present[name]), "cpu")
    device = torch.device(auto if config.device == "auto" else config.device)
    room = {"cuda": torch.cuda.device_count(), "mps": 1}.get(device.type, config.processes)
    if config.processes > room:
        raise SettingsRejected(
            f"processes is {config.processes}, and each needs a device of its own: this machine has {room} of "
            f"{device.type}. Take at most so many, or the device cpu"
        )
    return device


def tensor_on(device: torch.device | str, array: NDArray[Any]) -> torch.Tensor:
    """The array as a tensor there: on a CPU both are one memory, to a GPU it goes from pinned memory and nobody waits.

    (Torch keeps the pinned copy until it has arrived.)
    """
    tensor = torch.from_numpy(array)
    pinned = tensor.pin_memory() if torch.device(device).type == "cuda" else tensor
    return pinned.to(device, non_blocking=pinned.is_pinned())


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads for torch, then as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_thread_if_small(batch_size: int) -> Iterator[None]:
    """Two threads are slower than one on small minibatches."""
    with threads(1 if batch_size < BUSY_BATCH else torch.get_num_threads()):
        yield


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Same inputs, same bits. On a CPU every operator of an update has that by nature; a GPU has to be told."""
    if device.type != "cuda":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else products may be summed in another order
    memory: Any = torch.utils.deterministic
    before, filled = torch.get_deterministic_debug_mode(), memory.fill_uninitialized_memory
    torch.set_deterministic_debug_mode("warn")  # as use_deterministic_algorithms, without seconds of imports
    memory.fill_uninitialized_memory = False  # buffers are written before they are read
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)
        memory.fill_uninitialized_memory = filled
