"""What came of one rollout: figures of it, for the person who watches."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Collected:
    """One rollout. Shares and speeds are racing's; elsewhere, or where no episode ended, they are None."""

    path: Path
    rollout_index: int
    steps: int
    """Experiences in the file."""
    dropped: int
    """Experiences with NaN or infinity, which are not in the file."""
    episodes: int
    """Episodes that ended in this rollout."""
    returns: list[float]
    """Their undiscounted sums of rewards, from their beginning."""
    lengths: list[int]
    """Their steps, from their beginning."""
    finished: float | None
    """Share of them that finished a lap."""
    crashed: float | None
    """Share of them that ended in a crash."""
    mean_speed: float | None
    """Over all steps, m/s."""
    reward_terms: dict[str, float]
    """Mean of each term over all steps."""
    seconds: float
    """Spent driving and writing."""

    def words(self) -> str:
        """One line about it."""
        told = [f"{self.steps:,} steps", f"{self.episodes} episode{'s' * (self.episodes != 1)}"]
        if self.returns:
            told.append(f"mean return {sum(self.returns) / len(self.returns):.4g}")
        if self.finished is not None:
            told.append(f"{self.finished:.0%} laps")
        if self.mean_speed is not None:
            told.append(f"{self.mean_speed * 3.6:.0f} km/h")
        return f"{', '.join(told)}, {self.seconds:.1f} s"
