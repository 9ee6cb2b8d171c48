"""One drive that judges a policy, from its start to its first end."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Drive:
    """What became of it. What only racing knows is None elsewhere."""

    number: int
    """Its place in the evaluation: the same drive in every evaluation with the same settings."""
    return_: float
    """Undiscounted sum of rewards."""
    length: int
    """Steps."""
    track: int | None = None
    """Seed."""
    finished: bool | None = None
    """Drove a whole lap."""
    crashed: bool | None = None
    progress: float | None = None
    """Laps."""
    speed: float | None = None
    """Mean, m/s."""
