"""What a CUDA graph does, on any device: operators are written down with the tensors they met, and done again.

Nothing else is: a number that Python computed anew for each step would stay that of the recording, as on a GPU.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Tape(TorchDispatchMode):
    """Operators in order; raises RuntimeError, as CUDA does, where a number is read from the device."""

    def __init__(self):
        super().__init__()
        self.operators = []

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        if operator is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        answer = operator(*args, **(kwargs or {}))
        self.operators.append((operator, args, kwargs or {}, answer))
        return answer

    def play(self):
        with torch.no_grad():
            for operator, args, kwargs, answer in self.operators:
                again = operator(*args, **kwargs)
                for place, found in zip(tree_leaves(answer), tree_leaves(again), strict=True):
                    if place is not found:
                        place.copy_(found)


def tape(work):
    """A `Recorder`."""
    recorded = Tape()
    with recorded:
        told = work()
    return recorded.play, told
