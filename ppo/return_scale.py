"""The unit that the critic counts in: a running size of returns, and how it leaves the network again.

Arrives: value targets of a window, and what the critic said there. Leaves: a unit, and a value head for it. Inside an
update, values, returns and advantages are counted in units, so that rewards of any size train alike; outside they are
as the engine sees them. The function is kept when the unit moves (van Hasselt et al. 2016, "Learning values across many
orders of magnitude", eq. 8 and 9). Legend: N rows.

Unlike PopArt this is a scale without a shift: a fresh critic says about 0, and with targets of root mean square 1 that
is near them; a shift that keeps the function would put it mean / deviation away, hundreds of clipped steps where
returns are all alike. For the same reason the scale is the size of returns, not their deviation, which may vanish; and
what the critic said counts as well, for one that is far too loud for small returns would be as far away.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

MEMORY = 20.0
"""What was seen before weighs at most this many windows of the newest size: returns grow as a policy improves."""
SMALLEST = 2.0**-20
"""Returns that are all but zero are counted in this unit."""


@dataclass(frozen=True)
class ReturnScale:
    """The mean square of values over `count` of them, both () float64 on the CPU."""

    square: Tensor
    count: Tensor

    @classmethod
    def identity(cls) -> "ReturnScale":
        """Changes nothing, and weighs nothing against the first rows seen."""
        return cls(torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64))

    @property
    def unit(self) -> float:
        """The power of two nearest to the root mean square: multiplying by it rounds no float32."""
        return float(self.square.sqrt().clamp(min=SMALLEST).log2().round().exp2())

    def seen(self, *values: Tensor) -> "ReturnScale":
        """The scale after these values, each (N,), too; the loss stops at those that are not finite, not the scale."""
        rows = torch.cat(values).detach().cpu().double()
        rows = rows[rows.isfinite()]
        if not len(rows):
            return self
        before = self.count.clamp(max=MEMORY * len(rows))
        total = before + len(rows)
        return ReturnScale((self.square * before + rows.square().sum()) / total, total)

    def moments(self) -> dict[str, Tensor]:
        """Tensors by name, for a file."""
        return {"square": self.square, "count": self.count}
