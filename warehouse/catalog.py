"""The catalog: one SQL database that says what is true of the lake.

Arrives: a URL (SQLite file or PostgreSQL). Leaves: transactions. Opening brings the tables to this release's version.
"""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from schemas.errors import CatalogBusy, LakeDamaged, PitwallError, SettingsRejected, StorageBusy
from schemas.secret import redacted

REVISION = "0005"
"""The newest migration; a test holds it against migrations/versions."""
_MIGRATION_LOCK = 7_411_204_301


class Catalog:
    """Transactions on the catalog's database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str | sa.URL) -> "Catalog":
        """Open the catalog at `url`, creating or upgrading its tables first.

        Raises:
            SettingsRejected: the URL names no usable database, or a later release has made its tables.
            CatalogBusy: the database is locked or out of reach.
            StorageBusy: its folder cannot be written, or the disk is full.
            LakeDamaged: the file is no database any more.
        """
        try:
            parsed = make_url(url)
            engine = _engine(parsed)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError, TypeError) as error:
            raise SettingsRejected(
                f"catalog URL {redacted(str(url))!r} cannot be used ({_told(error)}); wanted sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
                " (pip install 'pitwall[postgres]')"
            ) from None  # the causes repeat parts of the URL
        catalog = cls(engine)
        try:
            with catalog.read() as connection:
                current = _revision(connection)
            if current != REVISION:
                catalog._upgrade()
        except BaseException:
            engine.dispose()
            raise
        return catalog

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One write transaction; it commits at the end of the block, or not at all."""
        with _ours(self.engine.url), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    with suppress(
                        DBAPIError
                    ):  # a full disk has rolled it back already; the first error is the one to tell
                        connection.exec_driver_sql("ROLLBACK")
                    raise
                connection.exec_driver_sql("COMMIT")
            else:
                with connection.begin():
                    yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of the catalog, without a write lock."""
        with _ours(self.engine.url), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")
                try:
                    yield connection
                finally:
                    with suppress(DBAPIError):  # where reading itself failed, that error is the one to tell
                        connection.exec_driver_sql("ROLLBACK")
            else:
                with connection.execution_options(isolation_level="REPEATABLE READ").begin():
                    yield connection

    def insert_new(self, connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> int:
        """Insert the rows whose key is not there yet; returns how many were new (same statement on both databases)."""
        if not rows:
            return 0
        statement = self._insert(table).on_conflict_do_nothing().returning(*table.primary_key.columns)
        return len(connection.execute(statement, rows).all())

    def upsert(self, connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        """Insert rows, or overwrite the ones with the same key."""
        if not rows:
            return
        statement = self._insert(table)
        keys = list(table.primary_key.columns)
        changed = {name: statement.excluded[name] for name in rows[0] if name not in {key.name for key in keys}}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)

    def lock(self, connection: Connection, name: str) -> None:
        """Hold `name` until the transaction ends (PostgreSQL; SQLite has one writer anyway)."""
        if self.engine.dialect.name == "postgresql":
            connection.execute(sa.text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})

    def _insert(self, table: sa.Table) -> Any:  # noqa: ANN401 - the two dialects' inserts share no type
        if self.engine.dialect.name == "sqlite":
            from sqlalchemy.dialects import sqlite

            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)

    def _upgrade(self) -> None:
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self.begin() as connection:
            self.lock(connection, f"migrate {_MIGRATION_LOCK}")
            current = _revision(connection)
            if current == REVISION:
                return
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise SettingsRejected(
                    f"the catalog {redacted(repr(self.engine.url))} is at revision {current}, this release knows up to "
                    f"{REVISION}: a later one made it. Update pitwall here, or use a home of its own: --home FOLDER"
                ) from error


def now() -> datetime.datetime:
    """UTC, naive, as the catalog stores times."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def _engine(url: sa.URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True)
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": 30, "isolation_level": None, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:  # noqa: ANN401 - sqlite3's connection
        for pragma in ("busy_timeout = 30000", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _told(error: Exception) -> str:
    """What a library says of the URL, unless it may repeat a part of it, which may be the password."""
    return redacted(str(error)) if isinstance(error, NoSuchModuleError | ModuleNotFoundError) else "it is no URL"


def _revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("select version_num from alembic_version")).scalar()


@contextmanager
def _ours(url: sa.URL) -> Iterator[None]:
    place = str(url.database) if url.get_backend_name() == "sqlite" else redacted(url.render_as_string())
    try:
        yield
    except DBAPIError as error:
        secret = _port_or_password(url)
        if (ours := _error(error, place, secret)) is None:
            raise
        raise ours from None if secret else error


def _port_or_password(url: sa.URL) -> str:
    """A port in a URL without a user, which is the password where a host was forgotten; else an empty text."""
    spelled = url.render_as_string(hide_password=False)
    return str(url.port) if url.username is None and url.port and redacted(spelled) != spelled else ""


def _error(error: DBAPIError, place: str, secret: str) -> PitwallError | None:
    """The driver's error in our words, and where the catalog is, without the secret; None for a mistake of ours."""
    told = f"{place}: {redacted(str(error.orig))}"
    told = told.replace(secret, "***") if secret else told
    name = str(getattr(error.orig, "sqlite_errorname", "")).removeprefix("SQLITE_")
    if name.startswith(("CORRUPT", "NOTADB")):
        return LakeDamaged(
            f"the catalog is damaged: {told}. Restore it from a backup of the lake; until then change nothing"
        )
    if name.startswith(("READONLY", "CANTOPEN", "PERM", "IOERR_ACCESS")):
        return StorageBusy(
            f"the catalog cannot be written: {told}. Nothing was changed. Give this user the right to write into "
            "the lake's home (the file, and the folder around it), then try again"
        )
    if name.startswith(("FULL", "IOERR")) or getattr(error.orig, "sqlstate", "") == "53100":
        return StorageBusy(
            f"the catalog's disk is full or fails: {told}. Nothing of this step was written. "
            "Free the disk, then try again"
        )
    if isinstance(error, OperationalError):
        return CatalogBusy(f"the catalog is locked or out of reach: {told}. Try again in a moment")
    if error.connection_invalidated:
        return CatalogBusy(f"the catalog's connection was lost: {told}. Try again in a moment")
    return None
