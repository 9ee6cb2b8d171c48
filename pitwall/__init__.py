"""The command line, and the same in Python: `pitwall.open()`.

Arrives: words typed by a person or a scheduler, or calls from a notebook. Leaves: tables, progress, and an exit code:
0 done, 1 failed, 2 wrong usage, 3 done but something was rejected; in Python, typed objects and errors. Each command
imports what it needs when it runs.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from pitwall.opened import Pitwall


def open(home: "str | os.PathLike[str] | None" = None, *, catalog: str | None = None, **settings: object) -> "Pitwall":
    """Open a lake and its registry, as every command does; on first use they are created.

    Args:
        home: Folder of lake and models (PITWALL_HOME, else ./pitwall-data).
        catalog: URL of the catalog (PITWALL_CATALOG, else SQLite in the home).
        settings: Any other setting by its name, see `pitwall settings`; they win over variables and pitwall.toml.

    Raises:
        SettingsRejected: a setting is unusable, or the home cannot be made.
        CatalogBusy: the catalog is locked or out of reach.
    """
    from pathlib import Path

    from pitwall.opened import Pitwall
    from schemas.settings import Settings
    from warehouse.lake import Lake

    place = None if home is None else Path(home)
    return Pitwall(Lake.open(Settings.load(home=place, catalog=catalog, **settings)))
