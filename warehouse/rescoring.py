"""From weights or an expression to a reward, and what it makes of history.

Arrives: a lake, and what the person asked for. Leaves: a `Reward` over columns that the lake has; a `Comparison` of old
and new over every live rollout. Nothing is written.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import duckdb

from schemas.errors import QueryRejected, RewardRejected
from schemas.reward import Reward
from warehouse import query
from warehouse.lake import Lake
from warehouse.reward_expression import closed
from warehouse.scoring import clamped_sql, explained, kinds, reward_sql, weighted_sql, why_not_sql

_NEWEST = """
select list_sort(list(name)) as terms
from (
    select rollout_id, name
    from (unpivot (select rollout_id, {counts} from catalog.steps group by rollout_id) on columns('^term_') into
          name name value known)
    where known > 0
) as had
join rollouts using (rollout_id)
group by rollout_id, rollouts.ingested_at, rollouts.run_id, rollouts.position
having list_has_all(list(lower(name)), $wanted)
order by rollouts.ingested_at desc, rollouts.run_id desc, rollouts.position desc
limit 1
"""


@dataclass(frozen=True)
class LeftOut:
    """Rows that a reward cannot score, by reason."""

    reason: str
    rows: int
    rollouts: int
    first_file: str


@dataclass(frozen=True)
class Comparison:
    """The recorded reward against the new one, over the rows that have both."""

    rows: int
    rollouts: int
    old: dict[str, float]
    """mean, min, max."""
    new: dict[str, float]
    clamped: int
    """Rows whose new reward the clamp changed."""
    left_out: tuple[LeftOut, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def weighted(lake: Lake, name: str, weights: Mapping[str, float], *, only: bool, clamp: float | None) -> Reward:
    """Weights on reward terms by name; without `only` the other terms of the newest rollout with all of these count 1.

    Raises:
        QueryRejected: a term is nowhere in the lake, or no rollout has all of them.
    """
    columns = _columns(lake)
    spelled = {column.removeprefix("term_").casefold(): column for column in columns if column.startswith("term_")}
    there = ", ".join(column.removeprefix("term_") for column in spelled.values())
    if not spelled:
        raise QueryRejected(
            "no rollout has reward_terms. Score by other columns: pitwall rescore NAME --sql EXPRESSION"
        )
    if unknown := [term for term in weights if term.casefold() not in spelled]:
        raise QueryRejected(f"no rollout has the reward term {unknown[0]!r}; there are {there}")
    chosen = {spelled[term.casefold()]: weight for term, weight in weights.items()}
    if not only:
        chosen = dict.fromkeys(_terms_with(lake, [*spelled.values()], [*chosen]), 1.0) | chosen
    counted = {column: chosen[column] for column in sorted(chosen) if chosen[column]}
    if not counted:
        raise QueryRejected("every weight is 0, so every step would be worth the same. Give one term another weight")
    named = {column.removeprefix("term_"): float(chosen[column]) for column in sorted(chosen)}
    return Reward(name=name, kind="weights", expression=weighted_sql(counted), columns=tuple(counted),
                  weights=named, only=only, clamp=clamp)  # fmt: skip


def expressed(lake: Lake, name: str, expression: str, *, clamp: float | None) -> Reward:
    """A closed SQL expression over one row; raises QueryRejected where it is not one."""
    found = closed(expression, kinds(_columns(lake)))
    return Reward(name=name, kind="sql", expression=found.sql, columns=found.columns, clamp=clamp)


def compare(lake: Lake, reward: Reward) -> Comparison:
    """Score every live rollout; nothing is stored.

    Raises:
        RewardRejected: a row's number is not finite, or no row can be scored.
    """
    columns = _columns(lake)
    pieces = {
        "new": reward_sql(reward, columns),
        "clamped": clamped_sql(reward, columns),
        "why": why_not_sql(reward, columns),
    }
    scored = ", ".join(f"{sql} AS {name}" for name, sql in pieces.items())
    statement = f"""
        select why, count(*), count(distinct rollout_id), min(rollouts.file_name),
            avg(reward), min(reward), max(reward), avg(new), min(new), max(new), count(*) filter (where clamped)
        from (select rollout_id, reward, {scored} from catalog.steps)
        join rollouts using (rollout_id)
        group by why
        order by 2 desc
    """
    with query.connect(lake, statement) as connection:
        try:
            rows = connection.execute(statement).fetchall()
        except duckdb.Error as error:
            raise explained(lake, reward, error) from error
    left_out = tuple(LeftOut(why, count, rollouts, file) for why, count, rollouts, file, *_ in rows if why is not None)
    for why, count, rollouts, _, *figures, clamped in rows:
        if why is None:
            old, new = (dict(zip(("mean", "min", "max"), part, strict=True)) for part in (figures[:3], figures[3:]))
            return Comparison(count, rollouts, old, new, clamped, left_out)
    reasons = "; ".join(f"{each.reason}: {each.rollouts} rollouts" for each in left_out) or "the lake is empty"
    raise RewardRejected(
        f"reward {reward.name!r} ({reward.formula}) can score no row ({reasons}). Choose columns that rollouts "
        "have; see: pitwall sql 'describe experiences'"
    )


def _columns(lake: Lake) -> list[str]:
    with query.connect(lake, "catalog steps") as connection:
        return [row[0] for row in connection.execute("DESCRIBE catalog.steps").fetchall()]


def _terms_with(lake: Lake, columns: list[str], wanted: list[str]) -> list[str]:
    """The term columns of the newest rollout that has all the wanted ones."""
    counts = ", ".join(f"count({_name(column)}) AS {_name(column)}" for column in columns)
    found = query.run(lake, _NEWEST.format(counts=counts) + "-- catalog", {"wanted": [name.lower() for name in wanted]})
    if not found.num_rows:
        asked = ", ".join(column.removeprefix("term_") for column in wanted)
        raise QueryRejected(
            f"no rollout has all of the reward terms {asked} at once. See: pitwall sql 'from experiences'"
        )
    terms: list[str] = found["terms"][0].as_py()
    return terms


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
