"""The lake: a home folder and its catalog, opened together.

Arrives: settings. Leaves: a `Lake`, which every other module of this room takes as its first argument.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from schemas.errors import SettingsRejected
from schemas.settings import Settings
from warehouse.catalog import Catalog
from warehouse.marks import refuse_marked
from warehouse.paths import CATALOG, Paths


@dataclass(frozen=True)
class Lake:
    """One lake."""

    settings: Settings
    paths: Paths
    catalog: Catalog

    @classmethod
    def open(cls, settings: Settings, *, restoring: bool = False) -> "Lake":
        """Open (and on first use create) the lake of these settings; `restoring` also one that is half restored.

        Raises:
            SettingsRejected: the home cannot be made, is a backup or half restored, or the catalog's URL is unusable.
            CatalogBusy: the catalog is locked or out of reach.
        """
        home = settings.home.absolute()
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsRejected(
                f"home {home} cannot be made ({error.strerror}). Give another: --home FOLDER"
            ) from error
        refuse_marked(home, restoring=restoring)
        url = settings.catalog or sa.URL.create("sqlite", database=str(home / CATALOG))
        return cls(settings, Paths(home), Catalog.open(url))
