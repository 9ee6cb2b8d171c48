"""The columns of experiences in the lake, and what makes a row good.

Arrives: a `Space` and the names of reward terms. Leaves: polars types, and a pandera schema whose failures name the
row and the reason. All numbers of a step are float32, as the engine computes them.
"""

import math
from collections.abc import Sequence

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from schemas.space import Feature, Space

KEY_COLUMNS = {"rollout_id": pl.String, "row_index": pl.Int32, "agent_index": pl.Int32, "step": pl.Int32}
"""Which file, which entry of its list, which car, and the car's how-many-eth row there (lost rows counted)."""
OPTIONAL_NUMBERS = ("next_value", "engine_advantage", "engine_return")
GAP_COLUMNS = {"gap_before": pl.Boolean, "gap_after": pl.Boolean}
"""Whether a row of the same car was lost right before or after this one, within its file."""


def step_columns(space: Space, terms: Sequence[str] = ()) -> dict[str, type[pl.DataType]]:
    """Every column of a partition, in order, with its polars type."""
    return {
        **KEY_COLUMNS,
        **dict.fromkeys([*space.observation_columns, *space.action_columns], pl.Float32),
        "reward": pl.Float32,
        "terminated": pl.Boolean,
        "truncated": pl.Boolean,
        "log_prob": pl.Float32,
        "value": pl.Float32,
        **dict.fromkeys(OPTIONAL_NUMBERS, pl.Float32),
        **GAP_COLUMNS,
        **{f"term_{name}": pl.Float32 for name in terms},
    }


def steps_schema(space: Space, terms: Sequence[str] = ()) -> pa.DataFrameSchema:
    """The contract of a frame of steps; validate collected frames with `lazy=True` to get every failing row."""
    limits = {column: feature for column, feature in zip(space.action_columns, space.actions, strict=True)}
    optional = {*OPTIONAL_NUMBERS, *(f"term_{name}" for name in terms)}
    columns = {}
    for name, dtype in step_columns(space, terms).items():
        checks = [_FINITE] if dtype is pl.Float32 else []
        if name in limits and limits[name].low is not None:
            checks.append(_inside(limits[name]))
        if name == "log_prob" and math.isfinite(space.log_prob_max):
            checks.append(_at_most(space.log_prob_max))
        columns[name] = pa.Column(dtype, checks, nullable=name in optional)
    return pa.DataFrameSchema(columns, strict=True, ordered=True)


def _finite(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key).is_finite())


_FINITE = pa.Check(_finite, name="finite", error="is not finite in float32", ignore_na=True)


def _inside(feature: Feature) -> pa.Check:
    def check(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key).is_between(feature.low, feature.high))

    return pa.Check(check, name="range", error=f"is outside [{feature.low:g}, {feature.high:g}]")


def _at_most(limit: float) -> pa.Check:
    def check(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key) <= limit)

    return pa.Check(check, name="possible", error=f"is above {limit:.2f}, the largest log density a policy can give")
