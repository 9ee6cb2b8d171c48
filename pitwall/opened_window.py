"""A window that was selected, in Python: its manifest, and its rows as polars or Arrow.

Arrives: a lake and a manifest. Leaves: rows in the order of training: by run, agent, rollout, step.
"""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from pitwall.window_file import End, Format, write
from schemas.window import Window, WindowManifest
from warehouse.lake import Lake

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa


class SelectedWindow:
    """Whole rollouts, named for good; `len()` counts experiences."""

    def __init__(self, lake: Lake, manifest: WindowManifest) -> None:
        self.lake = lake
        self.manifest = manifest
        """What was asked for, and which rows of which partitions it found."""

    def __len__(self) -> int:
        return self.manifest.rows

    @property
    def id(self) -> str:
        """Hash over the rows and their places, and over a reward of its own."""
        return self.manifest.window_id

    @property
    def rollouts(self) -> tuple[str, ...]:
        """Ids of its rollouts."""
        return tuple(member.rollout_id for member in self.manifest.rollouts)

    def arrow(self) -> "pa.Table":
        """Its rows as Arrow, checked against their hashes.

        The columns are those of the view `experiences`, less the engine's own advantages; under a named reward
        `reward` is that one, null where a row cannot be scored.

        Raises:
            LakeDamaged: a partition is gone, or is not the file that was selected.
            RewardRejected: the window's reward gives no finite number for a row.
        """
        from warehouse.window_rows import rows_inside

        return rows_inside(self.lake, self.manifest)

    def rows(self) -> "pl.DataFrame":
        """The same as a polars frame; raises what `arrow` raises."""
        import polars as pl

        return pl.DataFrame(self.arrow())

    def export(self, to: Path | str, *, format: Format = "parquet", end: End = "nan", force: bool = False) -> str:
        """Write the rows for other tools, as `pitwall window --export`; returns what was written, in words.

        Args:
            to: A file; of Minari a new folder NAME-vN.
            format: parquet (all rows) or minari (whole episodes).
            end: Minari's observation after the last action, which no engine writes: nan, or the last one again.
            force: Replace another file.

        Raises:
            SettingsRejected: something is in the way, or Minari is not installed.
            WindowEmpty: no whole episode lies in the window (Minari).
            StorageBusy: the place cannot be written.
        """
        return write(self.lake, self.manifest, format, Path(to), end=end, force=force)

    def again(self) -> Window:
        """A request for these very rollouts."""
        return Window(
            rollouts=self.rollouts,
            space=self.manifest.space.space_id,
            refuted=True,
            reward=self.manifest.request.reward,
        )

    def __repr__(self) -> str:
        return f"SelectedWindow({self.id[:12]}: {len(self.rollouts)} rollouts, {len(self):,} experiences)"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(each.run_id)}</td><td>{each.rollout_id[:12]}</td><td>{each.rows:,}</td></tr>"
            for each in self.manifest.rollouts[:20]
        )
        more = len(self.rollouts) - 20
        return f"<p>{escape(repr(self))}</p><table><tr><th>run</th><th>rollout</th><th>rows</th></tr>{rows}</table>" + (
            f"<p>and {more:,} more</p>" if more > 0 else ""
        )
