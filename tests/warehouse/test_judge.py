"""The judgement of rows: one look over all of them says the same as pandera, which says why."""

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaErrors

from schemas.space import ENGINE_ACTIONS, Space
from schemas.steps import all_good, step_columns, steps_schema

SPACES = [Space.of(15, list(ENGINE_ACTIONS)), Space.of(2, ["left", "right"])]
VALUES = [None, math.nan, math.inf, -math.inf, -1.001, -1.0, 0.0, 0.5, 1.0, 1.001, 11.0, 12.5]
COLUMNS = ["obs_00", "obs_ray_left", "action_steer", "action_brake", "action_left", "reward", "log_prob", "value",
           "next_value", "engine_return", "term_speed", "terminated", "step", "gap_after"]  # fmt: skip


def good(space: Space, rows: int) -> pl.DataFrame:
    values = {pl.String: "a", pl.Int32: 1, pl.Float32: 0.5, pl.Boolean: False}
    columns = step_columns(space, ["speed"])
    return pl.DataFrame({name: [values[dtype]] * rows for name, dtype in columns.items()}, columns)


@settings(max_examples=60)
@given(
    space=st.sampled_from(SPACES),
    rows=st.integers(0, 3),
    spoilt=st.lists(st.tuples(st.sampled_from(COLUMNS), st.integers(0, 2), st.sampled_from(VALUES)), max_size=2),
)
def test_one_look_accepts_exactly_what_pandera_accepts(space: Space, rows: int, spoilt: list[tuple]) -> None:
    frame = good(space, rows)
    for name, row, value in spoilt:
        if name in frame.columns and row < rows and (value is None or frame.schema[name] == pl.Float32):
            frame[row, name] = value
    try:
        steps_schema(space, ["speed"]).validate(frame, lazy=True)
    except SchemaErrors:
        assert not all_good(frame, space, ["speed"])
    else:
        assert all_good(frame, space, ["speed"])


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.drop("gap_before"),
        lambda frame: frame.with_columns(more=1),
        lambda frame: frame.select(reversed(frame.columns)),
        lambda frame: frame.with_columns(pl.col("reward").cast(pl.Float64)),
    ],
)
def test_one_look_accepts_no_other_columns(change) -> None:
    assert all_good(good(SPACES[0], 2), SPACES[0], ["speed"])
    assert not all_good(change(good(SPACES[0], 2)), SPACES[0], ["speed"])
