"""What a report is made of.

Arrives: answers of questions (warehouse/sql/ says what their columns mean) and facts of the registry. Leaves: nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from schemas.manifest import ModelManifest


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """All of it. A part whose name is a key of `missing` could not be gathered, and its value says why."""

    manifest: ModelManifest
    aliases: tuple[str, ...]
    window: str
    """What the window asked for, in words; empty without one."""
    training_data: pa.Table
    """Answer of `ask training-data`."""
    account: tuple[tuple[str, int, str], ...]
    """Step, rows and a remark, from the files to the gradient."""
    health: pa.Table
    """Answer of `ask health` on the version's window."""
    episodes: pa.Table
    """Answer of `ask episodes-before-after`."""
    episode_means: pa.Table
    """side, figure (return, length, or difference of returns), mean, low, high: 95 % bootstrap intervals."""
    action_use: pa.Table
    action_bins: pa.Table
    reward_use: pa.Table
    calibration: pa.Table
    """critic (before, after), predicted, returned, low, high, rows: a bin of the critic's answers; return units."""
    bootstrapped: float
    """Share of the rows of `calibration` whose return ends, with more than half of its weight, in a critic's answer."""
    versions: pa.Table
    """Answer of `ask family`."""
    evaluations: pa.Table
    """Answer of `ask evaluations-beside`."""
    comparison: pa.Table
    """Answer of `ask compare-versions` with the version as a and its parent as b."""
    settings_changed: Mapping[str, tuple[Any, Any]]
    """Setting to (the parent's, the version's)."""
    figures_changed: Mapping[str, tuple[float | None, float | None]]
    """Figure of the update to (the parent's, the version's)."""
    rollouts_shared: int
    """Rollouts that both windows hold."""
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """Its number."""
        return self.manifest.version

    @property
    def parent(self) -> int | None:
        """Version that it went on from."""
        return self.manifest.parent

    @property
    def trained(self) -> bool:
        """Whether a training made it."""
        return self.manifest.window is not None

    def rows(self, name: str, **conditions: object) -> list[dict[str, Any]]:
        """Rows of one of the tables where columns have these values."""
        table: pa.Table = getattr(self, name)
        return [row for row in table.to_pylist() if all(row[key] == value for key, value in conditions.items())]
