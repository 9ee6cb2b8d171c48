"""A time that never runs backwards, for what is deleted by age.

Arrives: a transaction. Leaves: now, or the newest time that the catalog knows where the clock was set back behind it.
"""

import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from warehouse import tables as t
from warehouse.catalog import now

_TIMES = (
    t.partitions.c.created_at,
    t.partitions.c.retired_at,
    t.rollouts.c.ingested_at,
    t.rollouts.c.dropped_at,
    t.models.c.created_at,
    t.windows.c.created_at,
    t.windows.c.used_at,
    t.garbage.c.first_seen_at,
)


def moment(connection: Connection) -> datetime.datetime:
    """The time to write down, UTC: no earlier than any that was written down before."""
    latest = now()
    for column in _TIMES:
        known: datetime.datetime | None = connection.scalar(sa.select(sa.func.max(column)))
        latest = max(latest, known or latest)
    return latest
