"""One episode as linked charts: what the car saw and did along the steps, and where it was; one hover for all.

Arrives: the answer of `episode-steps`, and a line where one is known. Leaves: an Altair chart.
"""

from typing import Any

import altair as alt
import numpy as np
import polars as pl
import pyarrow as pa

from flows.driven_line import DrivenLine
from pitwall.analysis.charts import ACCENT, Chart, styled

WIDTH, MAP = 560, 380
"""Pixels."""
HOVER = alt.ParameterPredicate(param="hover", empty=False)
Panels = dict[str, list[tuple[str, str]]]
"""Kind and name of the lines of each panel."""
MOST_LINES = 33
"""Lines of one panel: of 600 points each, they stay below the 20,000 rows that marimo takes for one chart."""
DIGITS = 5
"""Significant ones of a number in a chart; a page has 8 MB at most."""


def panels(found: pa.Table) -> Panels:
    """What can be shown, from top to bottom: speed, actions, rays, reward and its terms, value, other observations."""
    groups: Panels = {name: [] for name in ("speed", "actions", "rays", "reward", "value", "other observations")}
    for kind, name in _lines(found).rows():
        folded = name.casefold()
        if kind == "observation":
            rays = folded.startswith(("ray", "lidar"))
            panel = "rays" if rays else "speed" if "speed" in folded or "velocity" in folded else "other observations"
        else:
            panel = {"action": "actions", "reward term": "reward"}.get(kind, name)
        groups.get(panel, []).append((kind, name))  # log_prob has none
    return {name: lines for name, lines in groups.items() if lines}


def explorer(found: pa.Table, chosen: Panels, line: DrivenLine | None) -> Chart:
    """The chosen panels over the step, beside the line; all follow the pointer."""
    frame = pl.DataFrame(pl.from_arrow(found))
    last = list(chosen)[-1]
    drawn = [_panel(frame, title, lines[:MOST_LINES], title == last) for title, lines in chosen.items()]
    over_steps = alt.vconcat(*drawn, spacing=8).resolve_scale(color="independent", x="shared")
    if line is None:
        return styled(_hovered(over_steps, over_steps.vconcat))
    both = alt.hconcat(over_steps, _map(line, frame), spacing=24).resolve_scale(color="independent")
    return styled(_hovered(both, [*both.hconcat[0].vconcat, both.hconcat[1]]))


def _hovered(chart: Chart, views: list[Any]) -> Chart:
    """One selection for all views: the step nearest to the pointer, found on the first layer of each.

    Altair would join one selection per view into this, and warn.
    """
    nearest = alt.PointSelectionConfig(type="point", fields=["step"], nearest=True, on="pointermove")
    found = [view.layer[0].name for view in views]  # as numbered by the concatenation
    chart.params = [alt.TopLevelSelectionParameter(name=HOVER.param, select=nearest, views=found)]
    return chart


def _lines(found: pa.Table) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(found)).select("kind", "name").unique(maintain_order=True)


def _panel(frame: pl.DataFrame, title: str, lines: list[tuple[str, str]], is_last: bool) -> Chart:
    wanted = pl.DataFrame(lines, schema=["kind", "name"], orient="row")
    part = frame.join(wanted, on=["kind", "name"], maintain_order="left").with_columns(
        pl.when(pl.col("name") == "reward", pl.col("kind") == "figure")
        .then(pl.lit("reward, the sum"))
        .otherwise("name")
        .alias("name")
    )
    names = part["name"].unique(maintain_order=True).to_list()
    wide = part.pivot("name", index="step", values="mean", aggregate_function="first").sort("step")
    fields = {name: f"c{at}" for at, name in enumerate(names)}
    stretched = part["steps"].max() != 1
    base = alt.Chart(_short(part.select("step", "name", "mean", *(("low", "high") if stretched else ())))).encode(
        x=alt.X("step:Q", title="step" if is_last else None, scale=alt.Scale(nice=False, zero=False)),
        color=alt.Color("name:N", title=None, sort=names, legend=alt.Legend(orient="right", symbolLimit=MOST_LINES)),
    )
    mean = base.mark_line(strokeWidth=1.6).encode(y=alt.Y("mean:Q", title=title, scale=alt.Scale(zero=False)))
    layers = [mean]
    if stretched:
        layers.insert(0, base.mark_area(opacity=0.2).encode(y="low:Q", y2="high:Q"))
    pointed = (
        alt.Chart(_short(wide.rename(fields)), name="pointed")
        .mark_rule(color="#444", size=1.5)
        .encode(
            x="step:Q",
            opacity=alt.condition(HOVER, alt.value(0.8), alt.value(0)),
            tooltip=[
                "step:Q",
                *(alt.Tooltip(f"{field}:Q", title=name, format=".4~g") for name, field in fields.items()),
            ],
        )
    )
    return alt.layer(pointed, *layers).properties(width=WIDTH, height=90 if len(names) < 4 else 120)


def _map(line: DrivenLine, frame: pl.DataFrame) -> Chart:
    """The track from above with the line on it, y downwards as in the engine; one scale for x and y."""
    starts = frame["step"].unique().sort().to_numpy()
    steps = starts[np.searchsorted(starts, np.arange(len(line.x)), "right") - 1]
    everything = [np.column_stack([line.x, line.y]), *(line.walls or ())]
    points = np.concatenate(everything)
    middle, half = (points.max(0) + points.min(0)) / 2, 0.53 * np.ptp(points, 0).max() or 1.0
    x = alt.X("x:Q", title=None, axis=None, scale=alt.Scale(domain=[middle[0] - half, middle[0] + half], nice=False))
    y = alt.Y("y:Q", title=None, axis=None, scale=alt.Scale(domain=[middle[1] + half, middle[1] - half], nice=False))
    shown = pl.DataFrame({"x": line.x, "y": line.y, "step": steps, "order": range(len(line.x))})
    base = alt.Chart(_short(shown)).encode(x=x, y=y)
    found = base.mark_point(opacity=0).properties(name="pointed_map")  # what the pointer finds
    layers: list[alt.Chart] = [found]
    for wall in line.walls or ():
        edge = pl.DataFrame({"x": wall[:, 0], "y": wall[:, 1], "order": range(len(wall))})
        layers.append(
            alt.Chart(_short(edge)).mark_line(color="#30363f", strokeWidth=1.5).encode(x=x, y=y, order="order:Q")
        )
    if line.speed_kmh is None:
        layers.append(base.mark_line(color=ACCENT, strokeWidth=2.5).encode(order="order:Q"))
    else:
        pieces = pl.DataFrame(
            {
                "piece": np.repeat(np.arange(len(line.x) - 1), 2),
                "x": np.column_stack([line.x[:-1], line.x[1:]]).ravel(),
                "y": np.column_stack([line.y[:-1], line.y[1:]]).ravel(),
                "kmh": np.repeat(line.speed_kmh[1:], 2),
            }
        )
        speed = alt.Color("kmh:Q", title="km/h", scale=alt.Scale(scheme="plasma"), legend=alt.Legend(orient="bottom"))
        layers.append(
            alt.Chart(_short(pieces))
            .mark_line(strokeWidth=3.5, strokeCap="round")
            .encode(x=x, y=y, detail="piece:N", color=speed)
        )
    start = base.transform_filter("datum.order == 0").mark_point(
        shape="triangle-up", size=90, color="#111", filled=True
    )
    car = base.mark_circle(size=140, color=ACCENT, stroke="white", strokeWidth=2).encode(
        opacity=alt.condition(HOVER, alt.value(1), alt.value(0)), tooltip=["step:Q"]
    )
    return alt.layer(*layers, start, car).properties(width=MAP, height=MAP)


def _short(frame: pl.DataFrame) -> pl.DataFrame:
    """Numbers as long as a chart can show them."""
    floats = [name for name, kind in frame.schema.items() if kind.is_float()]
    return frame.with_columns(pl.col(floats).cast(pl.Float64).round_sig_figs(DIGITS))
