"""The catalog against itself: the database's own checks, and windows that have lost rows.

Arrives: a lake. Leaves: a `Damage` for whatever does not fit together.
"""

from collections.abc import Iterator

import sqlalchemy as sa

from warehouse import tables as t
from warehouse.lake import Lake
from warehouse.verification import Damage

_RESTORE = "Restore the catalog from a backup of the lake"


def damaged_catalog(lake: Lake) -> Iterator[Damage]:
    """SQLite's pages and foreign keys; PostgreSQL holds both by itself."""
    if lake.catalog.engine.dialect.name != "sqlite":
        return
    with lake.catalog.read() as connection:
        pages = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(5)")]
        keys = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if pages != ["ok"]:
        yield Damage(kind="catalog", place="catalog", found=f"SQLite says: {'; '.join(pages)}", next_step=_RESTORE)
    for table, parent in sorted({(str(row[0]), str(row[2])) for row in keys}):
        rows = sum((row[0], row[2]) == (table, parent) for row in keys)
        found = f"{rows} of its rows refer to rows of {parent} that are gone"
        yield Damage(kind="catalog", place=f"table {table}", found=found, next_step=_RESTORE)


def damaged_windows(lake: Lake) -> Iterator[Damage]:
    """Windows whose manifest no longer holds the rows that were selected."""
    w, wr = t.windows.c, t.window_rollouts.c
    there = (
        sa.select(wr.window_id, sa.func.sum(wr.rows).label("rows"))
        .join_from(t.window_rollouts, t.partitions, wr.partition_id == t.partitions.c.partition_id)
        .group_by(wr.window_id)
        .subquery()
    )
    found = sa.func.coalesce(there.c.rows, 0)
    query = (
        sa.select(w.window_id, w.rows, found)
        .join_from(t.windows, there, there.c.window_id == w.window_id, isouter=True)
        .where(found != w.rows)
        .order_by(w.created_at)
    )
    with lake.catalog.read() as connection:
        short = connection.execute(query).all()
        for window_id, wanted, rows in short:
            versions = connection.scalars(
                sa.select(t.models.c.version).where(t.models.c.window_id == window_id).order_by(t.models.c.version)
            ).all()
            yield Damage(
                kind="window",
                place=window_id,
                found=f"its manifest names {rows:,} rows in known partitions, wanted {wanted:,}",
                next_step=_RESTORE,
                windows=(window_id,),
                versions=tuple(versions),
            )
