"""What must stay as it is, because someone may ask for it again bit for bit.

Arrives: a transaction and a moment. Leaves: partitions and rollouts that are pinned. Pinned is what the window of a
living version names, and what a window names that was selected after that moment: a training may be at work on it.
"""

import datetime
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from warehouse import tables as t


def pinned_partitions(connection: Connection, since: datetime.datetime, *, released: bool = False) -> set[str]:
    """Partitions whose files these windows name; `released`: only those whose rows lie nowhere else."""
    wr, r = t.window_rollouts.c, t.rollouts.c
    query = sa.select(wr.partition_id).where(wr.window_id.in_(_windows(since))).distinct()
    if released:
        query = query.join_from(t.window_rollouts, t.rollouts)
        query = query.where(sa.or_(r.dropped_at.is_not(None), r.partition_id == wr.partition_id))
    return set(connection.scalars(query))


def pinned_rollouts(connection: Connection, since: datetime.datetime, without: Collection[int] = ()) -> set[str]:
    """Members of these windows, and the rollouts right after them, whose first rows bootstrap the members' last.

    Right after them as the ledger says today, or as it said when a living version was trained. Versions `without` count
    as dropped.
    """
    wr = t.window_rollouts.c
    member, after = t.rollouts.alias("member"), t.rollouts.alias("after")
    members = sa.select(wr.rollout_id).where(wr.window_id.in_(_windows(since, without)))
    follows = sa.and_(after.c.run_id == member.c.run_id, after.c.position == member.c.position + 1)
    followers = sa.select(after.c.rollout_id).join_from(member, after, follows).where(member.c.rollout_id.in_(members))
    m, used = t.models.c, t.training_rows.c
    trained = sa.select(used.rollout_id).join_from(t.training_rows, t.models)
    trained = trained.where(m.dropped_at.is_(None), m.version.not_in(without)).distinct()
    return {rollout for query in (members, followers, trained) for rollout in connection.scalars(query)}


def _windows(since: datetime.datetime, without: Collection[int] = ()) -> sa.Select[tuple[str]]:
    m, w = t.models.c, t.windows.c
    living = sa.select(m.window_id).where(m.window_id.is_not(None), m.dropped_at.is_(None), m.version.not_in(without))
    recent = sa.func.coalesce(w.used_at, w.created_at) >= since
    return sa.select(w.window_id).where(sa.or_(w.window_id.in_(living), recent))
