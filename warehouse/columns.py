"""Typed rows to columns.

Arrives: the decoded rows of one file. Leaves: their `Space`, one polars frame of float32 columns, and the rows whose
shape is not the file's. Legend: N rows, O observations, U actions.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import ValidationError

from schemas.errors import RolloutRejected
from schemas.rollout import Experience, RolloutFile, RolloutRows
from schemas.space import Space

MAX_TERMS = 64
_T = TypeVar("_T")


@dataclass(frozen=True)
class LostRow:
    """A row that does not go into the lake."""

    row_index: int
    agent_index: int  # -1: unknown, and then it cuts the segment of every car
    reason: str
    raw: bytes


@dataclass(frozen=True)
class Columns:
    """The rows of one file as columns."""

    space: Space
    terms: tuple[str, ...]
    frame: pl.DataFrame  # (N, ...)
    lost: list[LostRow]


def columns(
    head: RolloutFile | RolloutRows,
    rows: Sequence[Experience],
    indices: Sequence[int],
    raw_row: Callable[[int], bytes],
) -> Columns:
    """Columns of the rows whose state and action have the file's shape; `indices` are their places in the file.

    The file's names say the shape; without them the most frequent width and keys do.

    Raises:
        RolloutRejected: a name cannot be a column.
    """
    width = len(head.observation_names) if head.observation_names else _usual(len(row.state) for row in rows)
    names = tuple(head.action_names) if head.action_names else _usual(tuple(row.action) for row in rows)
    try:
        space = Space.of(width, names, head.observation_names)
    except ValidationError as error:
        raise RolloutRejected(error.errors()[0]["msg"]) from error
    good, lost = [], []
    for place, row in enumerate(rows):
        if len(row.state) == width and tuple(row.action) == names:
            good.append(place)
        elif reason := _shape_error(row, width, names):
            index = indices[place]
            lost.append(LostRow(index, row.agent_index, f"experiences[{index}].{reason}", raw_row(index)))
        else:  # the same keys in another order
            good.append(place)
    if lost:
        rows = [rows[place] for place in good]
    row_index = np.asarray(indices, np.int32)[good]
    terms = _term_names(rows)
    return Columns(space, terms, _frame(rows, row_index, space, terms), lost)


def _usual(shapes: Iterable[_T]) -> _T:
    """The most frequent one; of equals the first."""
    return Counter(shapes).most_common(1)[0][0]


def _shape_error(row: Experience, width: int, names: tuple[str, ...]) -> str | None:
    if len(row.state) != width:
        return f"state has {len(row.state)} numbers, the file's others have {width}"
    if row.action.keys() != set(names):
        return f"action has the keys {sorted(row.action)}, the file's others have {sorted(names)}"
    return None


def _term_names(rows: Sequence[Experience]) -> tuple[str, ...]:
    names = sorted({name for row in rows if row.reward_terms for name in row.reward_terms})
    if len(names) > MAX_TERMS:
        raise RolloutRejected(f"reward_terms has {len(names)} names, wanted at most {MAX_TERMS}")
    folded = Counter(name.casefold() for name in names)
    for name in names:
        if not name or len(name) > 128 or not name.isprintable() or folded[name.casefold()] > 1:
            raise RolloutRejected(f"reward_terms: the name {name!r} cannot be a column of its own")
    return tuple(names)


def _frame(
    rows: Sequence[Experience], row_index: NDArray[np.int32], space: Space, terms: tuple[str, ...]
) -> pl.DataFrame:
    count, width = len(rows), len(space.observations)
    states = np.fromiter(chain.from_iterable(row.state for row in rows), np.float64, count * width)
    by_column = _float32(states).reshape(count, width).T.copy()
    data: dict[str, pl.Series] = {
        "row_index": pl.Series(row_index),
        "agent_index": pl.Series(np.fromiter((row.agent_index for row in rows), np.int32, count)),
    }
    for column, values in zip(space.observation_columns, by_column, strict=True):
        data[column] = pl.Series(values)
    for column, feature in zip(space.action_columns, space.actions, strict=True):
        data[column] = _numbers(row.action[feature.name] for row in rows)
    done = np.fromiter((row.done for row in rows), np.bool_, count)
    truncated = np.fromiter((row.truncated for row in rows), np.bool_, count)
    data["reward"] = _numbers(row.reward for row in rows)
    data["terminated"] = pl.Series(done & ~truncated)
    data["truncated"] = pl.Series(truncated)
    data["log_prob"] = _numbers(row.log_prob for row in rows)
    data["value"] = _numbers(row.value for row in rows)
    data["next_value"] = _optional([row.next_value for row in rows])
    data["engine_advantage"] = _optional([row.advantage for row in rows])
    data["engine_return"] = _optional([row.return_ for row in rows])
    for name in terms:
        data[f"term_{name}"] = _optional([(row.reward_terms or {}).get(name) for row in rows])
    return pl.DataFrame(data)


def _numbers(values: Iterable[float]) -> pl.Series:
    return pl.Series(_float32(np.fromiter(values, np.float64)))


def _optional(values: list[float | str | None]) -> pl.Series:
    """Unknown where the file has nothing, null or a bare nan or inf word (read as an empty string)."""
    unknown = [value is None or value == "" for value in values]
    if not any(unknown):
        return _numbers(values)  # type: ignore[arg-type]
    numbers = _float32(np.array([0.0 if gone else value for value, gone in zip(values, unknown, strict=True)]))
    return pl.Series(numbers).set(pl.Series(unknown), None)


def _float32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Cut doubles as the engine does; what leaves the range becomes infinite and is judged as such later."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
