"""A step whose small operators are fused by torch.compile.

Arrives and leaves what `ppo.step` says, of fewer and larger operators that round otherwise in their last digits.
Compiling takes half a minute for each size of minibatch, less where a disk cache has it already. It is for long updates
on a GPU, where a step costs what its number of kernels costs (docs/performance.md).
"""

from typing import Any

import torch

from ppo.minibatch import Minibatch
from ppo.step import Step, Told
from schemas.errors import TrainingStopped


class Fused(Step):
    """Compiled whole, anew for each size of minibatch; `act` raises TrainingStopped where no compiler works."""

    def __init__(self, *args: Any, backend: str = "inductor", **named: Any) -> None:  # noqa: ANN401 - as Step's
        super().__init__(*args, **named)
        self._compiled = torch.compile(Step.act, fullgraph=True, dynamic=False, backend=backend)

    def act(self, rows: Minibatch, of: int) -> Told:
        """As `Step.act`."""
        from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException  # seconds: imported where used

        self.reserve(len(rows.value))  # what is compiled allocates no buffers, so it is compiled once
        try:
            return self._compiled(self, rows, of)
        except FailOnRecompileLimitHit:  # a long-lived process has met many sizes and configurations
            torch.compiler.reset()
            return self._compiled(self, rows, of)
        except TorchDynamoException as error:
            why, _, _ = str(error).partition("\n")
            raise TrainingStopped(
                f"compile: {why:.300}. The policy is unchanged. Install a C++ compiler, on a "
                "GPU Triton too; or train without compile"
            ) from error
