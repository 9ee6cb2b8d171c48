"""A lake as the release with catalog revision 0001 left it: made by that release, and shipped as an archive.

Four rollouts of 32 rows that version 1 drove, one of them with a rejected row; a rejected file; version 2, which was
trained on the newest three and is champion.
"""

import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from warehouse import tables
from warehouse.catalog import Catalog, _engine

ARCHIVE = Path(__file__).parents[1] / "data" / "lake_0001.tar.gz"
Contents = Mapping[str, list[dict[str, Any]]]


def unpack_home(home: Path) -> None:
    """The home of that lake, its SQLite catalog within."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(home, filter="data")


def old_lake(home: Path, url: str) -> Contents:
    """The lake, with its catalog at `url`; returns what every table holds."""
    unpack_home(home)
    shipped = sa.create_engine(f"sqlite:///{(home / 'catalog.sqlite').as_posix()}")
    held = contents(shipped)
    shipped.dispose()
    if not url.startswith("sqlite"):
        catalog = catalog_at(url, "0001")
        _fill(catalog, held)
        catalog.engine.dispose()
        (home / "catalog.sqlite").unlink()
    return held


def contents(engine: sa.Engine) -> Contents:
    """Every row of every table but Alembic's, in the order of the keys."""
    metadata = sa.MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        return {
            table.name: [
                dict(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in metadata.sorted_tables
            if table.name != "alembic_version"
        }


def catalog_at(url: str, revision: str) -> Catalog:
    """An empty catalog as a release of that revision left it."""
    catalog = Catalog(_engine(sa.make_url(url)))
    config = Config()
    config.set_main_option("script_location", str(Path(tables.__file__).parent / "migrations"))
    with catalog.begin() as connection:
        if catalog.engine.dialect.name == "postgresql":  # the fixture's database has every table already
            connection.execute(sa.text("drop schema public cascade"))
            connection.execute(sa.text("create schema public"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return catalog


def _fill(catalog: Catalog, held: Contents) -> None:
    metadata = sa.MetaData()
    metadata.reflect(catalog.engine)
    with catalog.begin() as connection:
        for table in metadata.sorted_tables:
            if held.get(table.name):
                connection.execute(table.insert(), held[table.name])
        for table, key in (("rejects", "reject_id"), ("alias_moves", "move_id")):
            sequence = f"select setval(pg_get_serial_sequence('{table}', '{key}'), (select max({key}) from {table}))"
            connection.execute(sa.text(sequence))
