"""The judgement over rows: which values are possible.

Arrives: readings of several files with one space. Leaves: one frame of good rows as the lake stores them; the others
are moved to `lost` of their reading, with column, value and reason. The rules are schemas/steps.py's, run by pandera.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from pandera.errors import SchemaErrors

from schemas.errors import RolloutRejected
from schemas.steps import all_good, step_columns, steps_schema
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
    columns = step_columns(space, terms)
    frames = [reading.frame for reading in readings]
    names = [reading.content_id for reading in readings]
    place = np.repeat(np.arange(len(readings), dtype=np.uint32), [len(part) for part in frames])
    blank = np.zeros(len(place), np.bool_)
    frame = pl.concat(frames, how="diagonal").with_columns(
        rollout_id=pl.Series(names).gather(place),
        step=pl.Series(blank).cast(pl.Int32),
        gap_before=pl.Series(blank),
        gap_after=pl.Series(blank),
    )
    frame = frame.select(*columns).rechunk()
    kept = np.ones(len(frame), bool)
    if not all_good(frame, space, terms):  # pandera looks at column after column: ask it only for the reasons
        try:
            steps_schema(space, terms).validate(frame, lazy=True)
        except SchemaErrors as errors:
            kept[_lose(errors.failure_cases, readings, np.cumsum([0, *map(len, frames)]))] = False
    rejected: dict[str, str] = {}
    start = 0
    positions = []
    for reading, part in zip(readings, frames, strict=True):
        stop = start + len(part)
        try:
            reject_if_mostly_lost(reading.lost, reading.rows_in_file)
            positions.append(_positions(reading, part, kept[start:stop]))
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
        index, agent_index = reading.frame["row_index"][at], reading.frame["agent_index"][at]
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


def _positions(reading: Reading, part: pl.DataFrame, kept: np.ndarray) -> tuple[np.ndarray, ...]:
    agent = np.full(reading.rows_in_file, UNKNOWN, np.int32)
    agent[part["row_index"].to_numpy()] = part["agent_index"].to_numpy()
    lost = np.zeros(reading.rows_in_file, bool)
    for row in reading.lost:
        lost[row.row_index] = True
        agent[row.row_index] = row.agent_index
    rows = part["row_index"].to_numpy()[kept]
    return tuple(column[rows] for column in sequence(agent, lost))
