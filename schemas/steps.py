"""The columns of experiences in the lake, and what makes a row good.

Arrives: a `Space` and the names of reward terms. Leaves: polars types, the rules of each column, and a pandera schema
made of them whose failures name the row and the reason. All numbers of a step are float32, as the engine computes them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from schemas.space import Feature, Space

KEY_COLUMNS = {"rollout_id": pl.String, "row_index": pl.Int32, "agent_index": pl.Int32, "step": pl.Int32}
"""Which file, which entry of its list, which car, and the car's how-many-eth row there (lost rows counted)."""
OPTIONAL_NUMBERS = ("next_value", "engine_advantage", "engine_return")
GAP_COLUMNS = {"gap_before": pl.Boolean, "gap_after": pl.Boolean}
"""Whether a row of the same car was lost right before or after this one, within its file."""


@dataclass(frozen=True)
class Rule:
    """What the values of a column must be."""

    name: str
    error: str
    """What is said of a value that is not: "it <error>"."""
    holds: Callable[[pl.Expr], pl.Expr]

    def as_check(self) -> pa.Check:
        """For pandera."""

        def check(data: PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(self.holds(pl.col(data.key)))

        return pa.Check(check, name=self.name, error=self.error, ignore_na=True)


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
    optional, rules = optional_columns(terms), _rules(space, terms)
    columns = {
        name: pa.Column(dtype, [rule.as_check() for rule in rules[name]], nullable=name in optional)
        for name, dtype in step_columns(space, terms).items()
    }
    return pa.DataFrameSchema(columns, strict=True, ordered=True)


def all_good(frame: pl.DataFrame, space: Space, terms: Sequence[str] = ()) -> bool:
    """Whether `steps_schema` would accept the frame: the same rules in one pass, which does not say what is wrong."""
    if list(frame.schema.items()) != [(name, dtype()) for name, dtype in step_columns(space, terms).items()]:
        return False
    optional = optional_columns(terms)
    held = [rule.holds(pl.col(name)).all() for name, rules in _rules(space, terms).items() for rule in rules]
    held += [pl.col(name).null_count() == 0 for name in frame.columns if name not in optional]
    return bool(frame.select(pl.all_horizontal(held)).item())


def optional_columns(terms: Sequence[str]) -> set[str]:
    """Those that may lack a number."""
    return {*OPTIONAL_NUMBERS, *(f"term_{name}" for name in terms)}


def _rules(space: Space, terms: Sequence[str]) -> dict[str, list[Rule]]:
    limits = dict(zip(space.action_columns, space.actions, strict=True))
    found = {}
    for name, dtype in step_columns(space, terms).items():
        rules = [_FINITE] if dtype is pl.Float32 else []
        if name in limits and limits[name].low is not None:
            rules.append(_inside(limits[name]))
        if name == "log_prob" and math.isfinite(space.log_prob_max):
            rules.append(_at_most(space.log_prob_max))
        found[name] = rules
    return found


_FINITE = Rule("finite", "is not finite in float32", lambda column: column.is_finite())


def _inside(feature: Feature) -> Rule:
    error = f"is outside [{feature.low:g}, {feature.high:g}]"
    return Rule("range", error, lambda column: column.is_between(feature.low, feature.high))


def _at_most(limit: float) -> Rule:
    error = f"is above {limit:.2f}, the largest log density a policy can give"
    return Rule("possible", error, lambda column: column <= limit)
