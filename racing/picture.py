"""A picture of a driven line: the track from above, the line coloured by speed.

Arrives: a driver, a track's seed. Leaves: an image file, written whole or not at all.
"""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from racing.driver import Driver
from racing.errors import DriveRejected
from racing.trace import Trace
from racing.track import Track

FORMATS = (".png", ".svg", ".pdf")
KMH = 3.6
"""km/h in a m/s."""
_ROAD, _INK = "#353b45", "#22262e"


def picture(driver: Driver, track_seed: int, path: Path | str, lidar: int = 0) -> str:
    """Drive a lap from a standing start and draw it; returns the title, which says how it went.

    Raises DriveRejected where the driver does not fit the car, or the file is of another kind or cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise DriveRejected(f"{target}: a picture of kind {target.suffix!r}, wanted one of {', '.join(FORMATS)}")
    track, trace = Track.draw(track_seed), Trace.drive(driver, track_seed, lidar)
    who = "policy without a version" if driver.version is None else f"version {driver.version}"
    title = f"{who} on track {track_seed}: {_outcome(track, trace)}"
    image = BytesIO()
    _figure(track, trace, title).savefig(image, format=target.suffix[1:].lower(), dpi=160)
    temporary = target.with_name(f"{target.name}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(image.getvalue())
        temporary.replace(target)
    except OSError as error:
        raise DriveRejected(f"{target}: cannot be written ({error.strerror}). Choose another file") from error
    finally:
        temporary.unlink(missing_ok=True)
    return title


def _outcome(track: Track, trace: Trace) -> str:
    if trace.finished:
        return f"a lap of {track.length:.0f} m in {trace.seconds:.1f} s, {_mean(trace):.0f} km/h"
    ended = "crashed" if trace.crashed else "got stuck" if trace.stuck else "ran out of time"
    return f"{ended} after {trace.progress:.0%} of a lap, {trace.seconds:.1f} s"


def _mean(trace: Trace) -> float:
    return float(trace.speed.mean() * KMH)


def _figure(track: Track, trace: Trace, title: str) -> Any:  # noqa: ANN401
    """A matplotlib Figure of its own; no state is shared with others that draw."""
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.ticker import MaxNLocator

    walls = [np.concatenate([wall, wall[:1]]) for wall in (track.left_wall, track.right_wall)]
    inner, outer = sorted(walls, key=lambda wall: float(np.ptp(wall[:, 0]) * np.ptp(wall[:, 1])))
    span = np.ptp(outer, axis=0)
    figure = Figure(
        figsize=(9, float(np.clip(9 * span[1] / span[0], 4.5, 10))),
        layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.15),
    )
    axes = figure.add_subplot(aspect="equal")
    axes.set_axis_off()
    axes.invert_yaxis()  # y points to the right of x, as in the engine
    axes.fill(*outer.T, color=_ROAD)
    axes.fill(*inner.T, color="white")
    for wall in walls:
        axes.plot(*wall.T, color=_INK, linewidth=1.5)
    points = np.column_stack([trace.x, trace.y])
    pieces = np.stack([points[:-1], points[1:]], 1)
    line = LineCollection(list(pieces), cmap="autumn", linewidths=2.8, capstyle="round")
    kmh = trace.speed[1:] * KMH
    line.set_array(kmh)
    line.set_clim(float(np.percentile(kmh, 8)), float(kmh.max()))  # the start would take half of the colours
    axes.add_collection(line)
    whole = MaxNLocator(6, integer=True)
    bar = figure.colorbar(line, ax=axes, shrink=0.6, aspect=28, pad=0.02, extend="min", label="km/h", ticks=whole)
    bar.outline.set_visible(False)
    _start(axes, track)
    if trace.crashed or trace.stuck:
        axes.plot(*points[-1], marker="X", markersize=15, color="white", markeredgecolor=_INK, zorder=3)
    _scale(axes, outer)
    axes.set_title(title, fontsize=12, fontweight="bold", color=_INK, pad=12)
    return figure


def _start(axes: Any, track: Track) -> None:  # noqa: ANN401
    """A line across the road where the lap begins, and where it leads."""
    left, right = track.left_wall[0], track.right_wall[0]
    axes.plot(*np.array([left, right]).T, color="white", linewidth=2.5)
    ahead = 12 * np.array([track.tangent_x[0], track.tangent_y[0]])
    outside = right + 0.35 * (right - left)
    axes.annotate(
        "", xy=outside + ahead, xytext=outside, arrowprops={"arrowstyle": "-|>", "color": _INK, "linewidth": 1.6}
    )


def _scale(axes: Any, outer: Any, metres: int = 50) -> None:  # noqa: ANN401
    """How long fifty metres are, under the lower left corner."""
    x, y = outer[:, 0].min(), outer[:, 1].max() + 8
    axes.plot([x, x + metres], [y, y], color=_INK, linewidth=2)
    axes.annotate(
        f"{metres} m", (x + metres / 2, y), (0, -5), textcoords="offset points", ha="center", va="top", fontsize=9
    )
