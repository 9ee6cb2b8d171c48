"""Who collected which rollout, written down.

Arrives: verdicts on rollouts, found by comparing their values with the registered policies. Leaves: them in the
catalog, and the rollouts that still wait for a verdict.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from schemas.space import Space
from warehouse import tables as t
from warehouse.catalog import now
from warehouse.lake import Lake


@dataclass(frozen=True)
class Verdict:
    """What became known of one rollout."""

    rollout_id: str
    version: int | None
    verdict: str
    message: str
    value_error: float | None
    log_prob_error: float | None
    noise: Sequence[tuple[int, int, float]]
    """(agent_index, first_step, noise_scale): the factor from that step of that car on."""


class Waiting(NamedTuple):
    """A rollout without an author."""

    space_id: str
    run_id: str
    rollout_id: str
    claimed_version: int | None
    is_judged: bool
    """Whether a verdict is there, and more versions since."""


def newest_version(lake: Lake) -> int:
    """The newest version that may have collected; 0 while none is registered."""
    with lake.catalog.read() as connection:
        return connection.scalar(sa.select(sa.func.max(t.models.c.version))) or 0


def claimable(lake: Lake) -> range:
    """Numbers that mean a version where a rollout claims one; none where the setting `claims` is to ignore them."""
    return range(1, 1 if lake.settings.claims == "ignore" else newest_version(lake) + 1)


def pending(lake: Lake, newest_version: int) -> list[Waiting]:
    """Rollouts without an author which not every version was tried on, in the order of their runs.

    Where the setting `claims` is to ignore them, those of a refuted claim wait again, and nothing is claimed.
    """
    ignored = lake.settings.claims == "ignore"
    r, a = t.rollouts.c, t.attributions.c
    query = (
        sa.select(
            r.space_id,
            r.run_id,
            r.rollout_id,
            (sa.cast(sa.null(), sa.Integer) if ignored else r.claimed_version).label("claimed_version"),
            a.rollout_id.is_not(None).label("is_judged"),
        )
        .join_from(t.rollouts, t.attributions, isouter=True)
        .where(
            r.superseded_by.is_(None),
            r.dropped_at.is_(None),
            sa.or_(
                a.rollout_id.is_(None),
                sa.and_(a.version.is_(None), a.tried_through < newest_version),
                sa.and_(sa.literal(ignored), a.verdict == "claim_refuted"),
            ),
        )
        .order_by(r.space_id, r.run_id, r.position)
    )
    with lake.catalog.read() as connection:
        return [Waiting(**row) for row in connection.execute(query).mappings()]


def store(lake: Lake, verdicts: Sequence[Verdict], newest_version: int) -> None:
    """Write the verdicts; a known author is never overwritten by an unknown one."""
    moment = now()
    rows = [
        {
            "rollout_id": verdict.rollout_id,
            "version": verdict.version,
            "verdict": verdict.verdict,
            "message": verdict.message,
            "value_error": verdict.value_error,
            "log_prob_error": verdict.log_prob_error,
            "noise": [list(segment) for segment in verdict.noise],
            "tried_through": newest_version,
            "attributed_at": moment,
        }
        for verdict in verdicts
    ]
    with lake.catalog.begin() as connection:
        ours = t.attributions.c.rollout_id.in_([row["rollout_id"] for row in rows])
        known = set(
            connection.scalars(
                sa.select(t.attributions.c.rollout_id).where(ours, t.attributions.c.version.is_not(None))
            )
        )
        lake.catalog.upsert(connection, t.attributions, [row for row in rows if row["rollout_id"] not in known])


def refuted(lake: Lake, rollout_ids: Sequence[str]) -> dict[str, str]:
    """Those whose claim was refuted, with the verdict in words; not where a file of the same name came in since."""
    r, a, later = t.rollouts.c, t.attributions.c, t.rollouts.alias("later")
    mended = sa.exists().where(
        later.c.source == r.source, later.c.file_name == r.file_name, later.c.ingested_at > r.ingested_at
    )
    query = (
        sa.select(a.rollout_id, a.message)
        .join_from(t.rollouts, t.attributions)
        .where(a.verdict == "claim_refuted", a.rollout_id.in_(rollout_ids), ~mended)
    )
    with lake.catalog.read() as connection:
        return {
            rollout_id: message.removeprefix(f"{rollout_id}: ") for rollout_id, message in connection.execute(query)
        }


def messages(lake: Lake, rollout_ids: Sequence[str]) -> list[str]:
    """What was found out about some rollouts, in words."""
    a = t.attributions.c
    with lake.catalog.read() as connection:
        return list(connection.scalars(sa.select(a.message).where(a.rollout_id.in_(rollout_ids))))


def space_of(lake: Lake, rollout_id: str) -> Space:
    """The space in which a rollout was driven."""
    query = sa.select(t.spaces.c.definition).join(t.rollouts).where(t.rollouts.c.rollout_id == rollout_id)
    with lake.catalog.read() as connection:
        return Space.model_validate(connection.scalars(query).one())
