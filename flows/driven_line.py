"""Where the car of a recorded episode was: from the engine's own positions, or from driving it again.

Arrives: a lake and an episode, as a row of the question episode-list. Leaves: a `DrivenLine`, or why there is none.
Legend: T steps, V vertices of a track.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from racing.errors import RacingError
from racing.replay import Replay
from racing.track import Track
from schemas.loop import RACING
from schemas.space import ENGINE_ACTIONS, ENGINE_OBSERVATIONS
from warehouse.episode_rows import episode_rows
from warehouse.lake import Lake
from warehouse.query import run

Floats = NDArray[np.float64]
NAMES = (("x", "y"), ("pos_x", "pos_y"), ("position_x", "position_y"), ("location_x", "location_y"))
"""Names of two observations that say where the car is; case does not count."""


@dataclass(frozen=True, eq=False)
class DrivenLine:
    """A line from above; y points to the right of x, as in the engine."""

    x: Floats
    y: Floats
    """(T,)"""
    speed_kmh: Floats | None
    """(T,) None where nobody knows it."""
    walls: tuple[Floats, Floats] | None
    """(V, 2) each, closed: the left and the right one; None where no track is known."""
    source: str
    """Where it comes from, for the person who looks at it."""


@dataclass(frozen=True)
class NoLine:
    """Positions are not known."""

    reason: str
    """And how to get them."""


def driven_line(lake: Lake, episode: Mapping[str, Any]) -> DrivenLine | NoLine:
    """The line of an episode; raises QueryRejected and LakeDamaged as every question does."""
    [rollout] = run(
        lake,
        "select environment, seed, space_id from rollouts where rollout_id = $rollout",
        {"rollout": episode["first_rollout_id"]},
    ).to_pylist()
    rows = episode_rows(lake, episode)
    recorded = {name.removeprefix("obs_").casefold(): name for name in rows.column_names if name.startswith("obs_")}
    for x, y in NAMES:
        if {x, y} <= recorded.keys() and rows[recorded[x]].null_count + rows[recorded[y]].null_count == 0:
            line = _column(rows, recorded[x]), _column(rows, recorded[y])
            return DrivenLine(*line, None, None, f"The observations {x} and {y} of the rollout.")
    if rollout["environment"] != RACING or rollout["seed"] is None:
        return NoLine(
            "The rollouts of this run do not say where the car was. A producer can tell: by observations named x and y."
        )
    return _replayed(rows, int(rollout["seed"]), episode)


def _replayed(rows: pa.Table, seed: int, episode: Mapping[str, Any]) -> DrivenLine | NoLine:
    rays = [name for name in rows.column_names if name.startswith("obs_lidar_") and rows[name].null_count == 0]
    seen = [*(f"obs_{name}" for name in ENGINE_OBSERVATIONS), *sorted(rays)]
    try:
        replay = Replay.drive(
            seed,
            episode["agent_index"],
            episode["number"],
            _matrix(rows, [f"action_{name}" for name in ENGINE_ACTIONS]),
            _matrix(rows, seen),
            lidar=len(rays),
        )
    except RacingError as error:
        return NoLine(f"This drive of our own cars cannot be driven again: {error}.")
    track = Track.draw(replay.track)
    left, right = (np.concatenate([wall, wall[:1]]) for wall in (track.left_wall, track.right_wall))
    proof = "exactly what" if replay.difference == 0 else f"within {replay.difference:.1g} of what"
    return DrivenLine(
        replay.x,
        replay.y,
        replay.speed * 3.6,
        (left, right),
        f"Driven again with the recorded actions on track {replay.track}: the car sees {proof} was recorded.",
    )


def _column(rows: pa.Table, name: str) -> Floats:
    column: Floats = rows[name].to_numpy().astype(np.float64)
    return column


def _matrix(rows: pa.Table, names: list[str]) -> NDArray[np.float32]:
    """(T, columns); NaN where a row lacks one."""
    return np.column_stack([rows[name].to_numpy().astype(np.float32) for name in names])
