"""Whether a home and its catalog hold a lake, asked before one is opened.

Arrives: settings. Leaves: nothing; an error says what is missing and how one begins.
"""

from schemas.errors import LakeDamaged, NotRegistered
from schemas.secret import redacted
from schemas.settings import Settings
from warehouse.glance import catalog_file, glance
from warehouse.marks import refuse_marked
from warehouse.paths import CATALOG, Paths

_IS_MADE = """
select count(*) from information_schema.tables
where table_name = 'alembic_version' and table_schema = any (current_schemas(false))
"""


def check_home(settings: Settings) -> None:
    """Whether there is a lake to look at: opening one that is not there would make it. Makes nothing.

    Raises:
        NotRegistered: there is no lake in this home, or none in this catalog.
        LakeDamaged: there are a lake's files, but the catalog that named them is gone.
        SettingsRejected: the home is a backup or half restored, or the catalog's URL is unusable.
        CatalogBusy: the catalog's server is out of reach.
    """
    home = settings.home.absolute()
    refuse_marked(home, restoring=False)
    if home.is_dir() and _has_catalog(settings):
        return
    if not home.is_dir() or settings.catalog:
        where = f" in the catalog {redacted(settings.catalog)}" if settings.catalog and home.is_dir() else ""
        raise NotRegistered(_told(f"home {home} holds no lake{where}"))
    paths = Paths(home)
    if not any(folder.is_dir() for folder in (paths.experiences, paths.models, paths.rejects)):
        raise NotRegistered(_told(f"home {home} holds no lake"))
    raise LakeDamaged(
        f"{home / CATALOG}: is gone, though a lake's files lie beside it. Restore it from a backup of the "
        "lake, or name the catalog that knows them: --catalog URL. Nothing else before: it would begin a new one"
    )


def _has_catalog(settings: Settings) -> bool:
    file = catalog_file(settings)
    if file is not None:
        return file.is_file()
    with glance(settings) as ask:
        return ask(_IS_MADE) == [(1,)]


def _told(found: str) -> str:
    return (
        f"{found}. Give the one that does: --home FOLDER. Or begin one: pitwall lap, or with your own rollouts "
        "pitwall ingest FOLDER"
    )
