"""A catalog's contents into another catalog, of whichever database.

Arrives: two catalogs of this release's revision. Leaves: in the second every row of the first, as of one moment.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.errors import SettingsRejected
from warehouse.catalog import Catalog
from warehouse.tables import metadata

_AT_ONCE = 1000


def copy_catalog(source: Catalog, target: Catalog) -> None:
    """Copy every row in one transaction of each; who writes to the source meanwhile is not held up.

    Raises:
        SettingsRejected: the target is not empty.
    """
    with source.read() as before, target.begin() as connection:
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
    for table in metadata.sorted_tables:
        if connection.scalar(sa.select(sa.exists(sa.select(sa.literal(1)).select_from(table)))):
            raise SettingsRejected(
                f"the catalog {target.engine.url!r} is not empty: {table.name} has rows. "
                "Restore into a new home: pitwall --home FOLDER restore SOURCE"
            )


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
