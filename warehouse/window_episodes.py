"""The whole episodes of a window, and what is left over.

Arrives: a window's manifest. Leaves: its rows in order, where each whole episode begins and how long it is, and counts
of what belongs to none. Whether an episode is whole is said by the view `episodes`, by nothing else.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from schemas.window import WindowManifest
from warehouse.lake import Lake
from warehouse.query import run
from warehouse.window_rows import rows_inside

_WHOLE = """
select first_rollout_id, first_row_index, last_rollout_id, last_row_index, length
from episodes
where whole and run_id in (select unnest($runs))
"""


@dataclass(frozen=True)
class WindowEpisodes:
    """E whole episodes among the N rows of a window, in the order of the rows: by run, agent, rollout, step."""

    rows: pl.DataFrame
    """(N, ...) the columns of `rows_inside`."""
    begin: NDArray[np.int64]
    """(E,) row at which each begins."""
    length: NDArray[np.int64]
    """(E,) its rows, the last of which ended it."""
    cut: int
    """Episodes whose beginning or end the window does not hold, or in which a row is missing."""
    cut_rows: int
    """Their rows."""
    unscored: int
    """Whole episodes with a row that the window's reward cannot score."""
    unscored_rows: int


def whole_episodes(lake: Lake, manifest: WindowManifest) -> WindowEpisodes:
    """Find them; raises what `window_rows` raises."""
    rows = pl.DataFrame(rows_inside(lake, manifest)).with_row_index("place")
    runs = sorted({member.run_id for member in manifest.rollouts})
    known = pl.DataFrame(run(lake, _WHOLE, {"runs": runs}))
    address = ["rollout_id", "row_index"]
    first = known.join(rows, left_on=["first_rollout_id", "first_row_index"], right_on=address, how="inner")
    last = rows.select(pl.col("place").alias("last_place"), *address)
    both = first.join(last, left_on=["last_rollout_id", "last_row_index"], right_on=address, how="inner")
    held = both.filter(pl.col("last_place") == pl.col("place").cast(pl.Int64) + pl.col("length") - 1).sort("place")
    begin, length = held["place"].to_numpy().astype(np.int64), held["length"].to_numpy().astype(np.int64)
    rows = rows.drop("place")
    scored = np.concatenate([[0], np.cumsum(rows["reward"].is_not_null().to_numpy())])
    good = scored[begin + length] - scored[begin] == length
    of_whole = np.zeros(len(rows) + 1, np.int64)
    np.add.at(of_whole, begin, 1)
    np.add.at(of_whole, begin + length, -1)
    cut = np.cumsum(of_whole)[:-1] == 0
    return WindowEpisodes(
        rows=rows,
        begin=begin[good],
        length=length[good],
        cut=int((cut & _pieces(rows, cut)).sum()),
        cut_rows=int(cut.sum()),
        unscored=int((~good).sum()),
        unscored_rows=int(length[~good].sum()),
    )


def _pieces(rows: pl.DataFrame, cut: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) where a piece of an episode begins: after an end, a lost row, another car, or a row of a whole episode."""
    new = rows.select(
        (pl.struct("run_id", "agent_index") != pl.struct("run_id", "agent_index").shift())
        | (pl.col("rollout_position") - pl.col("rollout_position").shift() > 1)
        | pl.col("terminated").shift()
        | pl.col("truncated").shift()
        | pl.col("gap_after").shift()
        | pl.col("gap_before")
    ).to_series()
    begins: NDArray[np.bool_] = new.fill_null(True).to_numpy() | np.append(True, ~cut[:-1])
    return begins
