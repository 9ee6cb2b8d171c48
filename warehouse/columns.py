"""Typed rows to columns.

Arrives: the decoded rows of one file. Leaves: their `Space`, an array per column (a frame is made once for many files:
`warehouse/judge.py`), and the rows whose shape is not the file's. Legend: N rows, O observations, U actions.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray
from pydantic import ValidationError

from schemas.errors import RolloutRejected
from schemas.rollout import Experience, RolloutFile, RolloutRows
from schemas.space import MAX_FEATURES, MAX_NAME, Space, makes_column

MAX_TERMS = 64
_NAMES_SHOWN = 8
_T = TypeVar("_T")

Arrays = dict[str, NDArray[Any]]
"""(N,) by column, each agent's rows together; an unknown number is NaN, which no JSON number is."""


@dataclass(frozen=True)
class LostRow:
    """A row that does not go into the lake."""

    row_index: int
    agent_index: int  # -1: unknown, and then it cuts the segment of every car
    reason: str
    raw: bytes


@dataclass(frozen=True)
class Typed:
    """The rows of one file that have the right types, and the others."""

    head: RolloutFile | RolloutRows
    rows: Sequence[Experience]
    indices: Sequence[int]  # their places in the file
    lost: list[LostRow]
    raw_row: Callable[[int], bytes]  # the text of the row at a place


@dataclass(frozen=True)
class Columns:
    """The rows of one file as columns."""

    space: Space
    terms: tuple[str, ...]
    arrays: Arrays
    lost: list[LostRow]


def reject_if_mostly_lost(lost: Sequence[LostRow], total: int) -> None:
    """Raise RolloutRejected when more than half of the rows are unusable."""
    if 2 * len(lost) > total:
        first = min(lost, key=lambda row: row.row_index)
        raise RolloutRejected(f"{len(lost)} of {total} rows are unusable, more than half; the first: {first.reason}")


def columns(typed: Typed) -> Columns:
    """Columns of the rows whose state and action have the file's shape.

    The file's names say the shape; without them the most frequent width and keys do.

    Raises:
        RolloutRejected: a name cannot be a column, or more than half of the rows have another shape.
    """
    head, rows = typed.head, typed.rows
    widths = Counter(map(len, [row.state for row in rows]))
    keys = Counter(map(frozenset, [row.action for row in rows]))
    width = len(head.observation_names) if head.observation_names else _usual(widths)
    names = tuple(head.action_names) if head.action_names else _first_spelling(rows, _usual(keys))
    if width > MAX_FEATURES or len(names) > MAX_FEATURES:
        raise RolloutRejected(
            f"a row has {width} observations and {len(names)} actions, wanted at most {MAX_FEATURES} of each"
        )
    try:
        space = Space.of(width, names, head.observation_names)
    except ValidationError as error:
        raise RolloutRejected(error.errors()[0]["msg"]) from error
    lost = []
    row_index = np.asarray(typed.indices, np.int32)
    if widths.keys() != {width} or keys.keys() != {frozenset(names)}:
        kept, wanted = [], frozenset(names)
        for place, row in enumerate(rows):
            if reason := _shape_error(row, width, wanted):
                index = typed.indices[place]
                lost.append(LostRow(index, row.agent_index, f"experiences[{index}].{reason}", typed.raw_row(index)))
            else:
                kept.append(place)
        rows, row_index = [rows[place] for place in kept], row_index[kept]
    reject_if_mostly_lost([*typed.lost, *lost], len(typed.rows) + len(typed.lost))
    terms, arrays = _arrays(rows, row_index, space)
    return Columns(space, terms, arrays, lost)


def _usual(shapes: "Counter[_T]") -> _T:
    """The most frequent one; of equals the first."""
    return shapes.most_common(1)[0][0]


def _first_spelling(rows: Sequence[Experience], names: frozenset[str]) -> tuple[str, ...]:
    """The names in the order of the first experience that has these."""
    return next(tuple(row.action) for row in rows if row.action.keys() == names)


def _shape_error(row: Experience, width: int, names: frozenset[str]) -> str | None:
    if len(row.state) != width:
        return f"state has {len(row.state)} numbers, the file's others have {width}"
    if row.action.keys() != names:
        return f"action has the keys {_listed(row.action)}, the file's others have {_listed(names)}"
    return None


def _listed(names: Collection[str]) -> str:
    """Names in order; of many only the first, since a reason is kept for every lost row."""
    shown = [name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}..." for name in nsmallest(_NAMES_SHOWN, names)]
    return f"{shown}" if len(names) <= _NAMES_SHOWN else f"{shown} and {len(names) - _NAMES_SHOWN} more"


def _arrays(rows: Sequence[Experience], row_index: NDArray[np.int32], space: Space) -> tuple[tuple[str, ...], Arrays]:
    """The rows, each agent's together; the transposition from rows to columns runs in C."""
    order = np.argsort(np.array([row.agent_index for row in rows], np.int32), kind="stable")
    by_field = zip(*map(astuple, [rows[place] for place in order.tolist()]), strict=True)
    states, actions, reward, done, log_prob, value, agent, advantage, return_, truncated, next_value, given = by_field
    state = np.fromiter(chain.from_iterable(states), np.float64, len(rows) * len(space.observations))
    by_feature = _float32(state).reshape(len(rows), -1).T.copy()
    cut = np.array(truncated, np.bool_)
    terms = _term_names(given)
    return terms, {
        "row_index": row_index[order],
        "agent_index": np.array(agent, np.int32),
        **dict(zip(space.observation_columns, by_feature, strict=True)),
        **{
            column: _numbers([action[feature.name] for action in actions])
            for column, feature in zip(space.action_columns, space.actions, strict=True)
        },
        "reward": _numbers(reward),
        "terminated": np.array(done, np.bool_) & ~cut,
        "truncated": cut,
        "log_prob": _numbers(log_prob),
        "value": _numbers(value),
        "next_value": _numbers(_known(next_value)),
        "engine_advantage": _numbers(_known(advantage)),
        "engine_return": _numbers(_known(return_)),
        **{f"term_{name}": _numbers([(row or {}).get(name) for row in given]) for name in terms},
    }


def _term_names(reward_terms: Sequence[dict[str, float] | None]) -> tuple[str, ...]:
    names = sorted({name for terms in reward_terms if terms for name in terms})
    if len(names) > MAX_TERMS:
        raise RolloutRejected(f"reward_terms has {len(names)} names, wanted at most {MAX_TERMS}")
    folded = Counter(name.casefold() for name in names)
    for name in names:
        if not makes_column(name) or folded[name.casefold()] > 1:
            raise RolloutRejected(f"reward_terms: the name {name[:MAX_NAME]!r} cannot be a column of its own")
    return tuple(names)


def _numbers(values: Sequence[float | None]) -> NDArray[np.float32]:
    return _float32(np.array(values, np.float64))  # None becomes NaN


def _known(values: Sequence[float | str | None]) -> Sequence[float | None]:
    """None where the file has a bare nan or inf word, which is read as an empty string."""
    if str not in set(map(type, values)):
        return values  # type: ignore[return-value]
    return [None if isinstance(value, str) else value for value in values]


def _float32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Cut doubles as the engine does; what leaves the range becomes infinite and is judged as such later."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
