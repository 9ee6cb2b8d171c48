"""The command line, and the same in Python: `pitwall.open()`.

Arrives: words typed by a person or a scheduler, or calls from a notebook. Leaves: tables, progress, and an exit code:
0 done, 1 failed, 2 wrong usage, 3 done but something was rejected; in Python, typed objects and errors. Each command
imports what it needs when it runs.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from pitwall.opened import Pitwall


def open(
    home: "str | os.PathLike[str] | None" = None,
    *,
    catalog: str | None = None,
    create: bool = False,
    **settings: object,
) -> "Pitwall":
    """Open a lake and its registry; a home that holds none is refused, as by every command that asks a lake.

    Args:
        home: Folder of lake and models (PITWALL_HOME, else ./pitwall-data).
        catalog: URL of the catalog (PITWALL_CATALOG, else SQLite in the home).
        create: Make the lake where there is none.
        settings: Any other setting by its name, see `pitwall settings`; they win over variables and pitwall.toml.

    Raises:
        NotRegistered: there is no lake, and `create` is not given.
        SettingsRejected: a setting is unusable, or the home cannot be made.
        CatalogBusy: the catalog is locked or out of reach.
    """
    from pathlib import Path

    from pitwall.opened import Pitwall
    from schemas.settings import Settings
    from warehouse.home_check import check_home
    from warehouse.lake import Lake

    chosen = Settings.load(home=None if home is None else Path(home), catalog=catalog, **settings)
    if not create:
        check_home(chosen)
    return Pitwall(Lake.open(chosen))
