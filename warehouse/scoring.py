"""Scoring rows by a named reward, in one way for training, statistics and every view.

Arrives: a `Reward` and the columns of a relation. Leaves: SQL that gives each row its reward as FLOAT, NULL where the
row lacks a column of the formula; or an Arrow table whose `reward` is the new one. A number that is not finite, or none
at all where every column is there, is an error with the row's address: no row is worth 0 because nobody knew better.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from schemas.errors import RewardRejected
from schemas.reward import Reward
from warehouse.lake import Lake
from warehouse.reward_expression import closed
from warehouse.tables import rollouts

_LARGEST = "3.4028234663852886e38"
_MARK = "pitwall reward"
_FAILED = re.compile(_MARK + r" ([0-9a-f]{64}) ([0-9]+) (\S+)")
KINDS = {
    **dict.fromkeys(("reward", "log_prob", "value", "next_value", "engine_advantage", "engine_return"), "FLOAT"),
    **dict.fromkeys(("agent_index", "step", "row_index"), "INTEGER"),
    **dict.fromkeys(("terminated", "truncated", "gap_before", "gap_after"), "BOOLEAN"),
}
"""Columns that every row has and a reward may read, with their types in DuckDB."""


def kinds(columns: Iterable[str]) -> dict[str, str]:
    """Those of `columns` that a reward may read, with their types in DuckDB."""
    features = ("obs_", "action_", "term_")
    return {name: KINDS.get(name, "FLOAT") for name in columns if name in KINDS or name.startswith(features)}


def reward_sql(reward: Reward, columns: Iterable[str]) -> str:
    """The reward of a row of a relation with these columns, rollout_id among them: FLOAT, NULL where it has none."""
    ours = _Columns(reward, columns)
    if ours.missing:
        return "NULL::FLOAT"
    raw = f"TRY(CAST({ours.expression} AS DOUBLE))"
    value = raw if reward.clamp is None else f"greatest(least({raw}, {reward.clamp!r}), -{reward.clamp!r})"
    told = f"error('{_MARK} ' || rollout_id || ' ' || row_index || ' ' || coalesce(CAST({raw} AS VARCHAR), 'NULL'))"
    good = f"isfinite({raw}) AND abs({value}) <= {_LARGEST}"
    return (
        f"CASE WHEN {ours.complete} THEN "
        f"CASE WHEN {good} THEN CAST({value} AS FLOAT) ELSE CAST({told} AS FLOAT) END END"
    )


def clamped_sql(reward: Reward, columns: Iterable[str]) -> str:
    """Whether the clamp changed a row's reward: BOOLEAN, NULL where it has none."""
    ours = _Columns(reward, columns)
    if ours.missing:
        return "NULL::BOOLEAN"
    limit = "false" if reward.clamp is None else f"abs(TRY(CAST({ours.expression} AS DOUBLE))) > {reward.clamp!r}"
    return f"CASE WHEN {ours.complete} THEN {limit} END"


def why_not_sql(reward: Reward, columns: Iterable[str]) -> str:
    """Why a row has no reward: VARCHAR, NULL where it has one."""
    ours = _Columns(reward, columns)
    terms = [f"{_name(name)} IS NULL" for name in ours.spelled.values() if name.casefold().startswith("term_")]
    reads_terms = any(name.startswith("term_") for name in reward.columns)
    cases = [f"WHEN {' AND '.join(terms) or 'true'} THEN 'no reward_terms'"] if reads_terms else []
    cases += [f"WHEN true THEN {_text(f'no {name}')}" for name in ours.missing]
    cases += [f"WHEN {_name(name)} IS NULL THEN {_text(f'no {name}')}" for name in ours.read]
    cases += [
        f"WHEN {_name(name)} IS NOT NULL THEN {_text(f'has {name}, which the formula does not name')}"
        for name in ours.foreign
    ]
    return f"CASE {' '.join(cases)} END"


def scored(lake: Lake, table: pa.Table, reward: Reward) -> pa.Table:
    """The same rows with `reward` in place of the recorded one; null where a row has none.

    Raises:
        RewardRejected: the formula gives no finite number for a row; the text names file and row.
    """
    import pyarrow.compute as pc  # a tenth of a second, which a query does not need

    spelled: dict[str, list[str]] = defaultdict(list)
    for name in table.column_names:  # the same term in another spelling is the same column in SQL
        spelled[name.casefold()].append(name)
    columns = {names[0]: pc.coalesce(*(table[name] for name in names)) for names in spelled.values()}
    source = pa.table(columns).append_column("place", pa.array(range(table.num_rows), pa.int64()))
    with duckdb.connect(":memory:", config={"autoload_known_extensions": False, "threads": 1}) as connection:
        connection.register("steps", source)
        sql = f"SELECT {reward_sql(reward, columns)} AS reward FROM steps ORDER BY place"
        try:
            rewards = connection.execute(sql).to_arrow_table()["reward"]
        except duckdb.Error as error:
            raise explained(lake, reward, error) from error
    return table.set_column(table.column_names.index("reward"), "reward", rewards.cast(pa.float32()))


def explained(lake: Lake, reward: Reward, error: duckdb.Error) -> Exception:
    """An error of a scoring statement with the row's address, where it has one; else the error itself."""
    found = _FAILED.search(str(error))
    if found is None:
        return error
    rollout_id, row, value = found.groups()
    with lake.catalog.read() as connection:
        query = sa.select(rollouts.c.file_name).where(rollouts.c.rollout_id == rollout_id)
        file = connection.scalar(query) or rollout_id
    return RewardRejected(
        f"{file}: experiences[{row}]: reward {reward.name!r} gives {value}, wanted a finite number: {reward.formula}. "
        "Say what such a row is worth, e.g. case when ... then ... else 0 end, and define it under another name. "
        f"The row: pitwall sql \"from experiences where rollout_id = '{rollout_id}' and row_index = {row}\""
    )


class _Columns:
    """The columns of a relation as a formula sees them."""

    def __init__(self, reward: Reward, columns: Iterable[str]) -> None:
        self.spelled = {name.casefold(): name for name in columns}
        self.missing = [name for name in reward.columns if name.casefold() not in self.spelled]
        self.read = [self.spelled[name.casefold()] for name in reward.columns if name.casefold() in self.spelled]
        known = {f"term_{term}".casefold() for term in reward.weights or {}}
        exact = reward.weights is not None and not reward.only
        others = (name for folded, name in self.spelled.items() if folded.startswith("term_") and folded not in known)
        self.foreign = list(others) if exact else []
        """Terms that the formula does not name, and that a row may not have."""
        self.reward = reward

    @property
    def complete(self) -> str:
        """SQL: whether a row has what the formula reads, and nothing that it should have read."""
        here = [f"{_name(name)} IS NOT NULL" for name in self.read]
        return " AND ".join(here + [f"{_name(name)} IS NULL" for name in self.foreign])

    @cached_property
    def expression(self) -> str:
        """SQL over float64."""
        if self.reward.weights is None:
            return closed(self.reward.expression, kinds(self.spelled.values())).in_float64
        return weighted_sql({self.spelled[f"term_{t}".casefold()]: w for t, w in self.reward.weights.items() if w})


def weighted_sql(weights: Mapping[str, float]) -> str:
    """Columns times factors, summed from the left in float64."""
    # The exponent makes the number a DOUBLE with all its bits, not a DECIMAL.
    return " + ".join(
        f"{weight!r}{'' if 'e' in repr(weight) else 'e0'} * CAST({_name(column)} AS DOUBLE)"
        for column, weight in weights.items()
    )


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
