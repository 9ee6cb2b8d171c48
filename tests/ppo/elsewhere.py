"""A second device, played by the CPU: its tensors do not mix with the CPU's own, and ways there and back are counted.

An operator over tensors of both raises, as on a GPU, where only numbers () of the CPU may come along. The device is
called meta, the one that every build of torch knows.
"""

import contextlib
from dataclasses import fields, replace

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

ops = torch.ops.aten


class There(torch.Tensor):
    @staticmethod
    def __new__(cls, here):
        alike = {"strides": here.stride(), "storage_offset": here.storage_offset(), "dtype": here.dtype}
        made = torch.Tensor._make_wrapper_subclass(cls, here.shape, device="meta", **alike)
        made.here = here
        return made

    @classmethod
    def __torch_dispatch__(cls, operator, types, args=(), kwargs=None):
        return _run(operator, args, kwargs or {})

    def new_tensor(self, data):
        return There(self.here.new_tensor(data))

    def tolist(self):
        return self.here.tolist()

    def __repr__(self):
        return f"There({self.here})"


class Elsewhere(TorchDispatchMode):
    """While it is entered, tensors can be made there; `crossings` counts how often one went there, or was read."""

    def __init__(self):
        super().__init__()
        self.crossings = 0

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        answer = _run(operator, args, kwargs or {})
        if operator in (ops._to_copy.default, ops.copy_.default):
            sides = {isinstance(tensor, There) for tensor in (answer, *args[:2])}
            self.crossings += len(sides) == 2
        self.crossings += operator is ops._local_scalar_dense.default
        return answer


def moved(batch):
    """The batch, all of its tensors there."""
    named = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return replace(batch, **{name: There(one) for name, one in named.items() if isinstance(one, torch.Tensor)})


def _run(operator, args, kwargs):
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    there = {id(tensor.here): tensor for tensor in tensors if isinstance(tensor, There)}
    mixed = there and any(tensor.dim() for tensor in tensors if not isinstance(tensor, There))
    if mixed and operator is not ops.copy_.default:
        raise RuntimeError(f"{operator}: expected all tensors to be on the same device")
    wanted, onto = kwargs.get("device"), bool(there)
    args, kwargs = tree_map(lambda leaf: leaf.here if isinstance(leaf, There) else leaf, (args, kwargs))
    if wanted is not None:
        onto, kwargs = torch.device(wanted).type == "meta", kwargs | {"device": "cpu"}
    elif operator is ops.copy_.default:
        onto = id(args[0]) in there

    def placed(leaf):
        with contextlib.suppress(KeyError):
            return there[id(leaf)]  # changed in place
        return There(leaf) if onto and isinstance(leaf, torch.Tensor) else leaf

    return tree_map(placed, operator(*args, **kwargs))
