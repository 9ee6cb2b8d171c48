"""The judgement over rows: which values are possible.

Arrives: readings of several files with one space. Leaves: one frame of good rows as the lake stores them; the others
are moved to `lost` of their reading, with column, value and reason. The rules are schemas/steps.py's, run by pandera.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from pandera.errors import SchemaErrors

from schemas.errors import RolloutRejected
from schemas.steps import GAP_COLUMNS, all_good, optional_columns, step_columns, steps_schema
from warehouse.columns import LostRow, reject_if_mostly_lost
from warehouse.reader import Reading
from warehouse.sequence import UNKNOWN, sequence


@dataclass(frozen=True)
class Judgement:
    """What came of some files."""

    frame: pl.DataFrame  # files in the order given, each sorted by agent and step
    terms: tuple[str, ...]
    rejected: dict[str, str]  # content_id -> why the whole file is out


def judge(readings: Sequence[Reading]) -> Judgement:
    """Judge the rows of files that share one space; row losses are added to each reading's `lost`."""
    space = readings[0].space
    terms = tuple(sorted({name for reading in readings for name in reading.terms}))
    frame = _frame(readings, step_columns(space, terms), optional_columns(terms))
    kept = np.ones(len(frame), bool)
    if not all_good(frame, space, terms):  # pandera looks at column after column: ask it only for the reasons
        try:
            steps_schema(space, terms).validate(frame, lazy=True)
        except SchemaErrors as errors:
            kept[_lose(errors.failure_cases, readings, np.cumsum([0, *(reading.rows for reading in readings)]))] = False
    rejected: dict[str, str] = {}
    start = 0
    positions = []
    for reading in readings:
        stop = start + reading.rows
        try:
            reject_if_mostly_lost(reading.lost, reading.rows_in_file)
            positions.append(_positions(reading, kept[start:stop]))
        except RolloutRejected as error:
            rejected[reading.content_id] = str(error)
            kept[start:stop] = False
        start = stop
    frame = frame.filter(pl.Series(kept)) if not kept.all() else frame
    if positions:
        step, gap_before, gap_after = (np.concatenate(arrays) for arrays in zip(*positions, strict=True))
        frame = frame.with_columns(
            step=pl.Series(step), gap_before=pl.Series(gap_before), gap_after=pl.Series(gap_after)
        )
    return Judgement(frame, terms, rejected)


def _frame(readings: Sequence[Reading], columns: Iterable[str], optional: Collection[str]) -> pl.DataFrame:
    """The rows of all readings in these columns; steps and gaps are still blank."""
    rows = [reading.rows for reading in readings]
    place = np.repeat(np.arange(len(readings), dtype=np.uint32), rows)
    blank: dict[str, pl.Series | np.ndarray] = {
        "rollout_id": pl.Series([reading.content_id for reading in readings]).gather(place),
        "step": np.zeros(len(place), np.int32),
        **dict.fromkeys(GAP_COLUMNS, np.zeros(len(place), np.bool_)),
    }
    unknown = [np.full(count, np.nan, np.float32) for count in rows]

    def column(name: str) -> pl.Series:
        if name in blank:
            return pl.Series(name, blank[name])
        parts = [reading.arrays.get(name, none) for reading, none in zip(readings, unknown, strict=True)]
        return pl.Series(name, np.concatenate(parts), nan_to_null=name in optional)

    return pl.DataFrame([column(name) for name in columns])


def _lose(cases: pl.DataFrame, readings: Sequence[Reading], starts: np.ndarray) -> list[int]:
    """Enter each failing row once, with its first reason, into its reading; returns the rows' places in the frame."""
    strays = cases.filter(pl.col("index").is_null())
    if len(strays):
        raise AssertionError(f"a frame of steps is not what schemas/steps.py says: {strays.rows()[:3]}")
    # "not_nullable" repeats "is not finite" for NaN: keep the plainer word
    first = cases.with_columns(twice=pl.col("check") == "not_nullable").sort("index", "twice", maintain_order=True)
    places = []
    for place, column, value, check in (
        first.unique("index", keep="first", maintain_order=True)
        .select("index", "column", "failure_case", "check")
        .rows()
    ):
        which = int(np.searchsorted(starts, place, side="right")) - 1
        reading = readings[which]
        at = place - int(starts[which])
        index, agent_index = int(reading.arrays["row_index"][at]), int(reading.arrays["agent_index"][at])
        reason = f"experiences[{index}].{_field(column)} is {value}: it {check}"
        reading.lost.append(LostRow(index, agent_index, reason, reading.raw_row(index)))
        places.append(place)
    for reading in readings:
        reading.lost.sort(key=lambda lost: lost.row_index)
    return places


def _field(column: str) -> str:
    for prefix, path in (("obs_", "state."), ("action_", "action."), ("term_", "reward_terms."), ("engine_", "")):
        if column.startswith(prefix):
            return path + column.removeprefix(prefix)
    return column


def _positions(reading: Reading, kept: np.ndarray) -> tuple[np.ndarray, ...]:
    rows, agent = reading.arrays["row_index"], np.full(reading.rows_in_file, UNKNOWN, np.int32)
    agent[rows] = reading.arrays["agent_index"]
    lost = np.zeros(reading.rows_in_file, bool)
    for row in reading.lost:
        lost[row.row_index] = True
        agent[row.row_index] = row.agent_index
    return tuple(column[rows[kept]] for column in sequence(agent, lost))
