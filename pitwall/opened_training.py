"""What a training did, for a notebook.

Arrives: the fields of a `TrainReport`. Leaves: the same, with its version at hand and a table to look at.
"""

from html import escape

from flows.summary import train_lines
from flows.training import TrainReport


class Training(TrainReport):
    """A `TrainReport` that a notebook shows as the table of `pitwall train`."""

    @property
    def version(self) -> int | None:
        """The new version; None where there was nothing to do (`reason` says why)."""
        return None if self.published is None else self.published.version

    def __repr__(self) -> str:
        lines = train_lines(self)
        width = max(len(name) for name, _ in lines)
        return "\n".join(f"{name:{width}}  {value}" for name, value in lines)

    def _repr_html_(self) -> str:
        cells = (f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in train_lines(self))
        return f"<table>{''.join(cells)}</table>"
