"""Days that pass in a lake: everything in it becomes older, in the catalog and on the disk."""

import datetime
import os

import sqlalchemy as sa

from warehouse import tables as t
from warehouse.lake import Lake


def as_if_passed(lake: Lake, days: float) -> None:
    """Make every time of the catalog, and of every file and folder, earlier by so many days."""
    with lake.catalog.begin() as connection:
        for table in t.metadata.tables.values():
            times = [column for column in table.columns if isinstance(column.type, sa.DateTime)]
            keys = list(table.primary_key.columns)
            for row in connection.execute(sa.select(*keys, *times)).all() if times else ():
                where = [key == row._mapping[key] for key in keys]
                earlier = {
                    column: row._mapping[column] - datetime.timedelta(days=days)
                    for column in times
                    if row._mapping[column] is not None
                }
                if earlier:
                    connection.execute(table.update().where(*where).values({c.name: v for c, v in earlier.items()}))
    for path in lake.paths.home.rglob("*"):
        at = path.stat().st_mtime - days * 86400
        os.utime(path, (at, at))
