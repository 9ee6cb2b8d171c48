"""One figure of ours beside one peer's; `benchmarks.table` makes lines of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A figure of ours beside a peer's. `ratio`: how many times better ours is; `goal`: the least it should be.

    Rows of one `stage`, `what` and `unit` are one line of the table, with as many peers.
    """

    stage: str
    what: str
    ours: float
    peer_name: str
    """`goal`: the figure itself is wanted, and stands in `peer`; empty: nobody is beside it."""
    peer: float | None
    """None: it is not installed."""
    unit: str
    ratio: float | None
    goal: float | None
    floor: float | None = None
    """In `unit`: what no program gets past on this machine, measured in the same run; for a rate it is a ceiling."""
    floor_name: str = ""
    """What was measured for it."""

    @property
    def missed(self) -> bool:
        """Whether a goal is set and not met; a ratio that is not a number does not meet it."""
        return self.goal is not None and not (self.ratio is not None and self.ratio >= self.goal)
