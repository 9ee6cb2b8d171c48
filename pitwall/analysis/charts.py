"""Answers of the questions as charts.

Arrives: Arrow tables of the questions in warehouse/sql/. Leaves: Altair charts, drawn by the Vega that marimo brings
along, so nothing is fetched. Names from files are values of the data, never fields or markup.
"""

import altair as alt
import polars as pl
import pyarrow as pa

Chart = alt.Chart | alt.LayerChart | alt.FacetChart | alt.VConcatChart | alt.HConcatChart
INK, BAND, ACCENT = "#1f3a5f", "#8fb3d9", "#d1495b"
SIDES = ("#1f77b4", "#e07b39")
"""Colours of a and b wherever two are compared."""
VERDICTS = {"stable": "#7a9e7e", "a shift (0.1 or more)": "#e0a339", "a large shift (0.25 or more)": "#d1495b"}
WIDTH = 900
"""Pixels of a chart that stands alone."""


def returns(found: pa.Table) -> Chart:
    """Answer of `returns`: what most episodes returned, the mean, and how long they were; linked along the rollouts."""
    base = alt.Chart(_frame(found)).encode(
        x=alt.X("rollout_first:Q", title="rollout, in the order of writing", scale=alt.Scale(nice=False)),
        tooltip=[
            alt.Tooltip("rollout_first:Q", title="first rollout"),
            alt.Tooltip("rollout_last:Q", title="last rollout"),
            alt.Tooltip("began_at:N", title="written"),
            alt.Tooltip("versions:N", title="version"),
            alt.Tooltip("episodes:Q"),
            alt.Tooltip("return_mean:Q", format=".4~g", title="mean return"),
            alt.Tooltip("return_low:Q", format=".4~g", title="a tenth below"),
            alt.Tooltip("return_high:Q", format=".4~g", title="a tenth above"),
            alt.Tooltip("length_mean:Q", format=".4~g", title="mean length"),
            alt.Tooltip("terminated_share:Q", format=".0%", title="terminated"),
        ],
    )
    band = base.mark_area(opacity=0.35, color=BAND).encode(
        y=alt.Y("return_low:Q", title="return of whole episodes"), y2="return_high:Q"
    )
    mean = base.mark_line(color=INK, point=alt.OverlayMarkDef(size=28, color=INK)).encode(y="return_mean:Q")
    length = base.mark_line(color=ACCENT, point=alt.OverlayMarkDef(size=28, color=ACCENT)).encode(
        y=alt.Y("length_mean:Q", title="mean length (steps)")
    )
    share = base.mark_line(color=INK, point=alt.OverlayMarkDef(size=28, color=INK)).encode(
        y=alt.Y("terminated_share:Q", title="terminated", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    )
    return styled(
        alt.vconcat(
            alt.layer(band, mean).properties(width=WIDTH, height=260),
            length.properties(width=WIDTH, height=110),
            share.properties(width=WIDTH, height=80),
        ).resolve_scale(x="shared")
    )


def reward_terms(found: pa.Table) -> Chart:
    """Answer of `reward-terms`: the mean of each term per step, and their sum, over the rollouts."""
    frame = _frame(found)
    line = (
        alt.Chart(frame)
        .mark_line(point=alt.OverlayMarkDef(size=24))
        .encode(
            x=alt.X("rollout_first:Q", title="rollout, in the order of writing", scale=alt.Scale(nice=False)),
            y=alt.Y("mean:Q", title="mean per step"),
            color=alt.Color("term:N", title=None, sort=_order(frame, "term"), legend=alt.Legend(orient="top")),
            strokeDash=alt.condition("datum.term == 'reward'", alt.value([6, 3]), alt.value([1, 0])),
            tooltip=[
                "term:N",
                alt.Tooltip("rollout_first:Q", title="first rollout"),
                alt.Tooltip("rollout_last:Q", title="last rollout"),
                alt.Tooltip("began_at:N", title="written"),
                alt.Tooltip("mean:Q", format=".4~g"),
                alt.Tooltip("low:Q", format=".4~g", title="smallest"),
                alt.Tooltip("high:Q", format=".4~g", title="largest"),
                alt.Tooltip("rows:Q", title="steps"),
            ],
        )
        .properties(width=WIDTH, height=320)
    )
    return styled(line)


def distributions(found: pa.Table, by: str, amount: str, a: int) -> Chart:
    """Answers of `episode-distribution` and `action-distribution`: a panel for each value of `by`, a before b."""
    frame = _frame(found).with_columns(pl.col("version").cast(pl.String).alias("version"))
    others = [name for name in _order(frame, "version") if name != str(a)]
    panels = [
        alt.Chart(part)
        .mark_bar(opacity=0.55)
        .encode(
            x=alt.X("bin_low:Q", title=part[by][0], bin="binned"),
            x2="bin_high:Q",
            y=alt.Y("share:Q", title="share", axis=alt.Axis(format="%"), stack=None),
            color=alt.Color(
                "version:N",
                scale=alt.Scale(domain=[str(a), *others], range=list(SIDES)),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[
                "version:N",
                alt.Tooltip("bin_low:Q", format=".4~g", title="from"),
                alt.Tooltip("bin_high:Q", format=".4~g", title="to"),
                alt.Tooltip("share:Q", format=".1%"),
                alt.Tooltip(f"{amount}:Q"),
            ],
        )
        .properties(width=(WIDTH - 80) // 3, height=170)
        for part in frame.partition_by(by, maintain_order=True)
    ]
    rows = [alt.hconcat(*panels[at : at + 3]) for at in range(0, len(panels), 3)]
    return styled(alt.vconcat(*rows))


def differences(found: pa.Table) -> Chart:
    """Answer of `compare-versions`: each figure's difference with its interval, on a scale of its own."""
    frame = _frame(found)
    panels = []
    for part in frame.partition_by("figure", maintain_order=True):
        ends = [value for name in ("low", "high", "difference") for value in part[name].drop_nulls().to_list()]
        reach = 1.15 * max(abs(value) for value in ends) or 1.0
        x = alt.X("difference:Q", title=None, scale=alt.Scale(domain=[-reach, reach], nice=False))
        base = alt.Chart(part).encode(
            y=alt.Y("figure:N", title=None, axis=alt.Axis(labelLimit=120, minExtent=80)),
            tooltip=[
                "figure:N",
                alt.Tooltip("drives:Q"),
                alt.Tooltip("mean_a:Q", format=".4~g", title="mean of a"),
                alt.Tooltip("mean_b:Q", format=".4~g", title="mean of b"),
                alt.Tooltip("difference:Q", format=".4~g"),
                alt.Tooltip("low:Q", format=".4~g", title="low (95 %)"),
                alt.Tooltip("high:Q", format=".4~g", title="high (95 %)"),
            ],
        )
        zero = alt.Chart(pl.DataFrame({"at": [0.0]})).mark_rule(color="#999").encode(x="at:Q")
        interval = base.mark_rule(color=INK, size=2).encode(x=alt.X("low:Q", title=None), x2="high:Q")
        mean = base.mark_point(filled=True, size=70, color=ACCENT).encode(x=x)
        panels.append(alt.layer(zero, interval, mean).properties(width=WIDTH - 200, height=26))
    return styled(alt.vconcat(*panels, spacing=4))


def shift(found: pa.Table, most: int = 40) -> Chart:
    """Answer of `observation-shift`: the worst `most` by stability index, and how far their means are apart."""
    small, large = list(VERDICTS)[1:]
    verdict = pl.when(pl.col("psi") >= 0.25).then(pl.lit(large)).when(pl.col("psi") >= 0.1).then(pl.lit(small))
    frame = _frame(found).head(most).with_columns(verdict.otherwise(pl.lit("stable")).alias("verdict"))
    worst_first = frame["observation"].to_list()
    y = alt.Y("observation:N", title=None, sort=worst_first, axis=alt.Axis(labelLimit=220))
    colour = alt.Color(
        "verdict:N",
        title="psi",
        scale=alt.Scale(domain=list(VERDICTS), range=list(VERDICTS.values())),
        legend=alt.Legend(orient="top"),
    )
    tooltip = [
        alt.Tooltip("observation:N"),
        *(alt.Tooltip(f"{name}:Q", format=".4~g") for name in ("psi", "smd", "mean_a", "mean_b", "std_a", "std_b")),
        alt.Tooltip("rows_a:Q"),
        alt.Tooltip("rows_b:Q"),
    ]
    base = alt.Chart(frame).encode(y=y, color=colour, tooltip=tooltip)
    height = alt.Step(17)
    psi = base.mark_bar().encode(x=alt.X("psi:Q", title="population stability index"))
    bounds = alt.Chart(pl.DataFrame({"at": [0.1, 0.25]})).mark_rule(strokeDash=[4, 3], color="#777").encode(x="at:Q")
    smd = base.mark_bar().encode(
        x=alt.X("smd:Q", title="standardised mean difference"), y=alt.Y("observation:N", sort=worst_first, axis=None)
    )
    left = alt.layer(psi, bounds).properties(width=440, height=height)
    return styled(alt.hconcat(left, smd.properties(width=300, height=height)))


def styled(chart: Chart) -> Chart:
    """One look for all of them."""
    font = "Lato, 'Helvetica Neue', Arial, sans-serif"
    axis = alt.AxisConfig(
        labelColor="#555", titleColor="#333", titleFontWeight="normal", gridColor="#eee", labelFont=font, titleFont=font
    )
    legend = alt.LegendConfig(labelFont=font, titleFont=font, labelLimit=260)
    view = alt.ViewConfig(stroke="#ddd")
    dressed: Chart = chart.configure(axis=axis, legend=legend, view=view)
    return dressed


def _frame(found: pa.Table) -> pl.DataFrame:
    """A table for a chart: times as text, since a browser would move them into its own zone."""
    frame = pl.DataFrame(pl.from_arrow(found))
    if {"version_min", "version_max"} <= set(frame.columns):
        low, high = pl.col("version_min").cast(pl.String), pl.col("version_max").cast(pl.String)
        versions = pl.when(low == high).then(low).otherwise(pl.concat_str(low, pl.lit(" to "), high))
        frame = frame.with_columns(versions.fill_null("unknown").alias("versions"))
    times = [name for name, kind in frame.schema.items() if kind.is_temporal()]
    return frame.with_columns(pl.col(name).dt.to_string("%Y-%m-%d %H:%M:%S") for name in times)


def _order(frame: pl.DataFrame, name: str) -> list[str]:
    return frame[name].unique(maintain_order=True).to_list()
