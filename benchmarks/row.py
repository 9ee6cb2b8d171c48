"""One line of the benchmark's table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A figure of ours beside a peer's. `ratio`: how many times better ours is; `goal`: the least it should be."""

    stage: str
    what: str
    ours: float
    peer_name: str
    peer: float | None
    unit: str
    ratio: float | None
    goal: float | None
