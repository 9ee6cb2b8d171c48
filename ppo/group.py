"""The processes that share one update: each takes the gradient of its share of every minibatch.

Arrives: torchrun's variables in the environment. Leaves: a `Group`; alone it is a world of one, which does nothing.
torch.nn.parallel.DistributedDataParallel hangs its sums on autograd's hooks of a Module, and an update has neither: its
gradient is made by hand in one flat tensor (`ppo.gradient`). So the sum is one all-reduce of that tensor, the same
algorithm without the wrapper. An all-reduce gives every rank the same bits, and so does Adam after it; `check_alike`
proves it at the end.
Legend: B rows of a minibatch, W processes.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as process_group
from torch import Tensor

from schemas.errors import SettingsRejected, TrainingStopped


@dataclass(frozen=True)
class Group:
    """Which of how many processes this one is."""

    rank: int = 0
    size: int = 1
    """W."""

    def shares(self, column: Tensor, sizes: Sequence[int]) -> Sequence[Tensor]:
        """(N, ...) in the order of an epoch -> this process's rows of each of its minibatches, of these sizes."""
        return column.tensor_split(self._cuts(sizes))[self.rank :: self.size]

    def mean(self, figures: Tensor, rows: int, of: int) -> None:
        """Means over this process's `rows` become, in place, those over all `of` rows of a minibatch."""
        if self.size > 1:
            process_group.all_reduce(figures.mul_(rows / of))

    def whole(self, shares: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
        """This process's shares (b,) of each minibatch -> the whole column (N,) of all processes, on each of them."""
        if self.size == 1:
            return torch.cat(list(shares))
        column = shares[0].new_zeros(sum(sizes))
        for place, share in zip(self.shares(column, sizes), shares, strict=True):
            place.copy_(share)
        process_group.all_reduce(column)  # 0 on all processes but one: nothing is rounded
        return column

    def check_alike(self, **tensors: Tensor) -> None:
        """Raises TrainingStopped, on all processes, unless all of them hold the same bits."""
        if self.size == 1:
            return
        for name, tensor in tensors.items():
            told = hashlib.sha256(tensor.cpu().numpy().tobytes()).digest()
            mine = torch.frombuffer(bytearray(told), dtype=torch.uint8).to(tensor.device)
            every = [torch.empty_like(mine) for _ in range(self.size)]
            process_group.all_gather(every, mine)
            other = [rank for rank, one in enumerate(every) if not torch.equal(one, every[0])]
            if other:
                raise TrainingStopped(
                    f"{name}: processes {', '.join(map(str, other))} of {self.size} ended with other bits than process "
                    "0, wanted the same on all. The policy is unchanged. Train with one process, and tell us of it"
                )

    def _cuts(self, sizes: Sequence[int]) -> list[int]:
        """Where each share begins but the first: shares of all processes, minibatch by minibatch."""
        cuts, begin = [], 0
        for size in sizes:
            cuts += [begin + rank * size // self.size for rank in range(self.size)]
            begin += size
        return cuts[1:]


ALONE = Group()


@contextmanager
def joined(rank: int, size: int, device: torch.device) -> Iterator[Group]:
    """The group that torchrun's variables name: by nccl between GPUs, by gloo between CPUs.

    Raises SettingsRejected where torch cannot connect processes.
    """
    if not process_group.is_available():
        raise SettingsRejected(f"processes is {size}: torch {torch.__version__} was built without torch.distributed")
    nccl = device.type == "cuda" and process_group.is_nccl_available()
    process_group.init_process_group("nccl" if nccl else "gloo", rank=rank, world_size=size)
    yield Group(rank, size)
    process_group.destroy_process_group()  # not after an error: nccl may wait for the others, and they for this one
