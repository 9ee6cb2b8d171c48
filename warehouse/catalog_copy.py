"""A catalog's contents into another catalog, of whichever database.

Arrives: two catalogs of this release's revision. Leaves: in the second every row of the first, as of one moment.
"""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.errors import SettingsRejected
from schemas.secret import redacted
from warehouse.catalog import Catalog
from warehouse.tables import metadata

_AT_ONCE = 1000


def open_copy(path: Path) -> Catalog:
    """The catalog in a SQLite file, made where there is none; an older one is upgraded."""
    return Catalog.open(sa.URL.create("sqlite", database=str(path)))


def remove_copy(path: Path) -> None:
    """Delete a SQLite file and what lies beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def copy_catalog(source: Catalog, target: Catalog) -> None:
    """Copy every row in one transaction of each; who writes to the source meanwhile is not held up.

    Raises:
        SettingsRejected: the target is not empty.
    """
    with source.read() as before, target.begin() as connection:
        for name in ("models", "ledger"):  # who ingests or publishes there now comes before us, or after
            target.lock(connection, name)
        refuse_filled(connection, target)
        for table in metadata.sorted_tables:  # those that others refer to come first
            rows = before.execution_options(yield_per=_AT_ONCE).execute(
                sa.select(table).order_by(*table.primary_key.columns)
            )
            for some in rows.mappings().partitions(_AT_ONCE):
                connection.execute(table.insert(), [dict(row) for row in some])
        if target.engine.dialect.name == "postgresql":
            _count_on(connection)


def refuse_filled(connection: Connection, target: Catalog) -> None:
    """Raise SettingsRejected where the catalog holds anything."""
    if (table := filled(connection)) is not None:
        raise SettingsRejected(
            f"the catalog {redacted(repr(target.engine.url))} is not empty: {table} has rows. "
            "Restore into a new home: pitwall --home FOLDER restore SOURCE"
        )


def filled(connection: Connection) -> str | None:
    """A table that has rows; None where the catalog is empty."""
    for table in metadata.sorted_tables:
        if connection.scalar(sa.select(sa.exists(sa.select(sa.literal(1)).select_from(table)))):
            return table.name
    return None


def holds(source: Catalog, target: Catalog) -> bool:
    """Whether every row of `source` is in `target`, by its key."""
    with source.read() as before, target.read() as connection:
        for table in metadata.sorted_tables:
            keys = sa.select(*table.primary_key.columns)
            if not set(before.execute(keys).tuples()) <= set(connection.execute(keys).tuples()):
                return False
    return True


def _count_on(connection: Connection) -> None:
    """Numbers that the database gives by itself go on after the ones that came."""
    for table in metadata.sorted_tables:
        for column in table.primary_key.columns:
            if column.autoincrement is True:
                name = {"table": table.name, "column": column.name}
                newest = connection.scalar(sa.select(sa.func.max(column)))
                if newest is not None:
                    sequence = "select setval(pg_get_serial_sequence(:table, :column), :newest)"
                    connection.execute(sa.text(sequence), name | {"newest": newest})
