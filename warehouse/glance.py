"""A glance at the catalog that changes nothing: no table is made or upgraded, and no lock is held.

Arrives: settings. Leaves: rows of a statement that both databases know. SQLite is read by Python's own module, in
milliseconds: completion in a shell asks so.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from schemas.errors import CatalogBusy, LakeDamaged, SettingsRejected
from schemas.secret import redacted
from schemas.settings import Settings
from warehouse.paths import CATALOG

Ask = Callable[[str], list[tuple[Any, ...]]]
_PATIENCE = 2
"""Seconds."""


@contextmanager
def glance(settings: Settings) -> Iterator[Ask]:
    """A function that answers reading statements.

    Raises:
        SettingsRejected: there is no catalog, or its URL is unusable.
        CatalogBusy: it is out of reach.
        LakeDamaged: the file is no database, or lacks a table.
    """
    file = catalog_file(settings)
    if file is None:
        with _over_the_network(settings.catalog) as ask:
            yield ask
        return
    if not file.is_file():
        raise SettingsRejected(f"{file}: there is no catalog yet; the first command that works on a lake makes it")
    log = file.with_name(f"{file.name}-wal")
    at_rest = not log.is_file() or not log.stat().st_size  # nobody writes: then not even a lock file is made
    try:
        with closing(sqlite3.connect(_uri(file, at_rest), uri=True, timeout=_PATIENCE)) as connection:
            yield lambda statement: connection.execute(statement).fetchall()
    except sqlite3.OperationalError as error:
        if "no such" in str(error):
            raise LakeDamaged(f"{file}: {error}; this is no catalog of Pitwall's, or one of another release") from error
        raise CatalogBusy(f"{file}: cannot be read ({error}). Who may read it, and who writes it?") from error
    except sqlite3.DatabaseError as error:
        raise LakeDamaged(f"{file}: is damaged ({error}). Restore it from a backup: pitwall restore") from error


def catalog_file(settings: Settings) -> Path | None:
    """The catalog's file; None where it is a server's database."""
    if not settings.catalog:
        return settings.home.absolute() / CATALOG
    scheme, _, rest = settings.catalog.partition(":///")
    return Path(rest.split("?")[0]).absolute() if scheme.startswith("sqlite") and rest else None


def _uri(file: Path, at_rest: bool) -> str:
    return f"{file.as_uri()}?mode=ro{'&immutable=1' if at_rest else ''}"


@contextmanager
def _over_the_network(url: str) -> Iterator[Ask]:
    import sqlalchemy as sa
    from sqlalchemy.exc import ArgumentError, DBAPIError, ProgrammingError

    try:
        engine = sa.create_engine(url, connect_args={"connect_timeout": _PATIENCE})
    except (ArgumentError, ImportError, ValueError, TypeError):  # what they say may repeat the password
        raise SettingsRejected(
            f"catalog URL {redacted(url)!r} cannot be used; wanted sqlite:///FILE or "
            "postgresql+psycopg://USER@HOST/DATABASE (pip install 'pitwall[postgres]')"
        ) from None
    try:
        with engine.connect() as connection:
            yield lambda statement: [tuple(row) for row in connection.execute(sa.text(statement))]
    except ProgrammingError as error:
        raise LakeDamaged(f"catalog {redacted(url)}: {redacted(str(error.orig))}. Is it Pitwall's?") from None
    except DBAPIError as error:
        raise CatalogBusy(f"catalog {redacted(url)}: is out of reach ({redacted(str(error.orig))})") from None
    finally:
        engine.dispose()
