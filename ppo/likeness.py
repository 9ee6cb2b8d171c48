"""Whether two files of tensors hold the same bits.

Arrives: two safetensors documents. Leaves: what sets them apart, tensor by tensor.
"""

from safetensors.torch import load


def differences(one: bytes, other: bytes) -> dict[str, float]:
    """Largest |one - other| of each tensor whose bits differ; NaN where shapes differ or one of them is missing."""
    a, b = load(one), load(other)
    found = {}
    for name in sorted(a.keys() | b.keys()):
        if name not in a or name not in b or a[name].shape != b[name].shape or a[name].dtype != b[name].dtype:
            found[name] = float("nan")
        elif a[name].numpy().tobytes() != b[name].numpy().tobytes():
            found[name] = float((a[name].double() - b[name].double()).abs().max())
    return found
