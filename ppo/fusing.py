"""A step whose small operators are fused by torch.compile.

Arrives and leaves what `ppo.step` says, of fewer and larger operators that round otherwise in their last digits.
Compiling takes a quarter of a minute for each size of minibatch, of which a window has two at most, and less where a
disk cache has it already. It is for long updates on a GPU, where a step costs what its number of kernels costs
(docs/performance.md).
"""

import torch
from torch import Tensor

from ppo.group import ALONE, Group
from ppo.minibatch import Minibatch
from ppo.policy import Policy
from ppo.step import Step, Told
from schemas.errors import TrainingStopped
from schemas.training import TrainConfig

MOST = 256
"""Sizes and configurations that one process compiles; torch's own limit is 8, and a worker lives long."""


class Fused(Step):
    """Compiled whole, anew for each size of minibatch; `act` raises TrainingStopped where no compiler works."""

    def __init__(
        self,
        policy: Policy,
        flat: Tensor,
        config: TrainConfig,
        group: Group = ALONE,
        *,
        mass: bool,
        backend: str = "inductor",
    ) -> None:
        super().__init__(policy, flat, config, group, mass=mass)
        self._compiled = torch.compile(Step.act, fullgraph=True, dynamic=False, backend=backend)

    def act(self, rows: Minibatch, of: int) -> Told:
        """As `Step.act`."""
        from torch._dynamo import config  # takes seconds, so imported where used
        from torch._dynamo.exc import TorchDynamoException

        self.reserve(len(rows.value))  # what is compiled allocates no buffers, so it is compiled once
        try:
            with config.patch(recompile_limit=MOST):
                return self._compiled(self, rows, of)
        except TorchDynamoException as error:
            why, _, _ = str(error).partition("\n")
            raise TrainingStopped(
                f"compile: {why:.300}. The policy is unchanged. Install a C++ compiler, on a GPU Triton too; or "
                "train without compile"
            ) from error
