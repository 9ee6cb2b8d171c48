"""What rows were worth: the answer of every way to compute advantages, and where all of them stop. Legend: N rows."""

from typing import NamedTuple

from torch import Tensor

NEGLIGIBLE = 1e-8
"""A row that is weighted by less is left out, a tenth of what float32 resolves."""


class Estimate(NamedTuple):
    """Of one batch."""

    advantage: Tensor
    """(N,)"""
    returns: Tensor
    """(N,) advantage + value."""
    mean: Tensor
    """() of the advantages; NaN without rows."""
    deviation: Tensor
    """() of the advantages, over N, not N - 1; NaN without rows."""
