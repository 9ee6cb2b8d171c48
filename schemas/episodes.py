"""The `episodes` view, as a checked table: one row per drive of one agent, across the rollouts of a run."""

import pandera.polars as pa
import polars as pl

ENDINGS = ("terminated", "truncated", "cut", "open")
"""How an episode can end; `cut` and `open` are not ends of the drive, so no value of 0 follows them."""


class Episodes(pa.DataFrameModel):
    """A collected polars frame of the view's columns; warehouse/sql/views/episodes.sql says what each means."""

    episode_id: pl.String = pa.Field(unique=True)
    run_id: pl.String
    agent_index: pl.Int32 = pa.Field(ge=0)
    number: pl.Int32 = pa.Field(ge=0)
    return_: pl.Float64 = pa.Field(alias="return")
    length: pl.Int32 = pa.Field(ge=1)
    ended: pl.String = pa.Field(isin=ENDINGS)
    whole: pl.Boolean
    policy_version: pl.Int32 = pa.Field(nullable=True, ge=1)
    policy_version_min: pl.Int32 = pa.Field(nullable=True, ge=1)
    policy_version_max: pl.Int32 = pa.Field(nullable=True, ge=1)
    noise_scale: pl.Float64 = pa.Field(nullable=True, ge=0)
    rollouts: pl.Int32 = pa.Field(ge=1)
    first_rollout_id: pl.String
    first_row_index: pl.Int32 = pa.Field(ge=0)
    last_rollout_id: pl.String
    last_row_index: pl.Int32 = pa.Field(ge=0)
    written_at: pl.Datetime = pa.Field(nullable=True)

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True
