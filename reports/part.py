"""The pieces of a page: parts, their panels and tables, and what stands where there is nothing to show."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Missing:
    """Why there is nothing to show, and what brings it."""

    why: str
    how: str = ""
    """A command, or empty where nothing helps."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One figure with the sentence that it proves."""

    title: str
    said: str
    """What one should see, computed from the data."""
    figure: Markup
    wide: bool = False
    """Takes the width of the page."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of texts under names; a column whose name ends with a space holds words, others figures."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    caption: str = ""
    folded: bool = False
    """Shown when asked for."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One section of the page."""

    name: str
    """Its address within the page."""
    title: str
    said: str = ""
    tone: str = ""
    """good, warn or bad where the part judges."""
    panels: Sequence[Panel] = ()
    tables: Sequence[Table] = ()
    missing: Sequence[Missing] = ()
    halves: bool = False
    """Two panels beside each other on a wide page, not three."""

    @property
    def empty(self) -> bool:
        """Whether it only says why there is nothing."""
        return not self.panels and not any(table.rows for table in self.tables)
