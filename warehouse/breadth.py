"""How many columns a lake has, and how many more it takes.

Arrives: the catalog, readings of files. Leaves: an admission, or RolloutRejected. Every name of an observation, action
or reward term is a column of every query, and every set of them (a layout) a branch of it: a query over everything
costs columns times layouts, before it reads a row. Folders of files that each bring names of their own would make both
grow without end.
"""

import sqlalchemy as sa

from schemas.errors import RolloutRejected
from schemas.space import Space
from warehouse import tables as t
from warehouse.lake import Lake
from warehouse.reader import Reading

LAYOUTS = 64
"""Layouts of a lake that has `max_columns` columns; one of fewer may have more of them."""
_SHOWN = 3


class Breadth:
    """Columns and layouts in use, as of one moment and with what was admitted since.

    Processes that ingest at once each admit a batch without knowing of the others': the limits are passed by that much
    at most.
    """

    def __init__(self, lake: Lake) -> None:
        self.limit = lake.settings.max_columns
        self.layouts: set[tuple[str, tuple[str, ...]]] = set()
        self.columns: set[str] = set()
        p, s = t.partitions.c, t.spaces.c
        in_use = sa.select(p.space_id, p.terms, s.definition).join_from(t.partitions, t.spaces)
        with lake.catalog.read() as connection:
            for space_id, terms, definition in connection.execute(in_use.where(p.retired_at.is_(None))):
                if (layout := (space_id, tuple(terms))) not in self.layouts:
                    self.layouts.add(layout)
                    self.columns |= _columns(Space.model_validate(definition), layout[1])

    def admit(self, reading: Reading) -> None:
        """Count this file in; raises RolloutRejected where the lake would become too broad for it."""
        layout = reading.space.space_id, reading.terms
        if layout in self.layouts:
            return
        new = _columns(reading.space, reading.terms) - self.columns
        columns, layouts = len(self.columns) + len(new), len(self.layouts) + 1
        if new and columns > self.limit:
            shown = ", ".join([*map(repr, sorted(new)[:_SHOWN]), *(["..."] if len(new) > _SHOWN else [])])
            raise RolloutRejected(
                f"it brings {len(new):,} columns that the lake does not have ({shown}), which would make "
                f"{columns:,}, wanted at most {self.limit:,}. {_NEXT}"
            )
        if columns * layouts > LAYOUTS * self.limit:
            raise RolloutRejected(
                f"its columns are set {layouts:,} of the lake, each with others of {columns:,} in all; that many sets "
                f"times columns would be {columns * layouts:,}, wanted at most {LAYOUTS * self.limit:,}. {_NEXT}"
            )
        self.layouts.add(layout)
        self.columns |= new


_NEXT = (
    "Use the same names in every file, or a home of its own; are they all wanted, raise the setting max_columns, then: "
    "pitwall ingest FOLDER --retry-rejected"
)


def _columns(space: Space, terms: tuple[str, ...]) -> set[str]:
    """As SQL tells them apart."""
    names = [*space.observation_columns, *space.action_columns, *(f"term_{term}" for term in terms)]
    return {name.casefold() for name in names}
