"""Whether a home holds a lake, asked before one is opened.

Arrives: settings. Leaves: nothing; an error says what is missing.
"""

from schemas.errors import LakeDamaged, SettingsRejected
from schemas.settings import Settings
from warehouse.paths import Paths


def check_home(settings: Settings) -> None:
    """Whether there is a lake to look at: opening one that is not there would make it.

    Raises:
        SettingsRejected: there is no lake in this home.
        LakeDamaged: there are a lake's files, but the catalog that named them is gone.
    """
    home = settings.home.absolute()
    if settings.catalog or (home / "catalog.sqlite").is_file():
        return
    paths = Paths(home)
    if not any(folder.is_dir() for folder in (paths.experiences, paths.models, paths.rejects)):
        raise SettingsRejected(f"home {home} holds no lake. Give the one that does: --home FOLDER")
    raise LakeDamaged(
        f"{home / 'catalog.sqlite'}: is gone, though a lake's files lie beside it. Restore it from a backup of the "
        "lake, or name the catalog that knows them: --catalog URL. Nothing else before: it would begin a new one"
    )
