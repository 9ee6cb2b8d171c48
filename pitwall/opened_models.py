"""The registry in Python: the commands of `pitwall models`.

Arrives: a lake. Leaves: `Model`s, moves of aliases, differences, copies of files.
"""

import warnings
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from pitwall.telling import Telling
from warehouse.aliases import CHAMPION, LATEST, Move
from warehouse.lake import Lake
from warehouse.model import Model

if TYPE_CHECKING:
    from flows.exporting import Format
    from warehouse.model_diff import ModelDiff


class Models:
    """All versions. A version is a number (7, "v7") or an alias ("champion", "latest"); `models[7]` is `get(7)`."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def list(self) -> list[Model]:
        """All versions, newest first."""
        from warehouse.registry import versions

        return versions(self.lake)[::-1]

    def get(self, version: int | str = LATEST) -> Model:
        """One version; raises NotRegistered, with what there is."""
        from warehouse.registry import get

        return get(self.lake, version)

    def diff(self, a: int | str, b: int | str = LATEST) -> "ModelDiff":
        """What sets two versions apart: settings, figures, rollouts; raises NotRegistered."""
        from warehouse.model_diff import diff

        return diff(self.lake, a, b)

    def promote(self, version: int | str, alias: str = CHAMPION, reason: str = "") -> Move:
        """Point an alias at a version.

        Raises:
            NotRegistered: no such version.
            SettingsRejected: the name cannot be an alias, or is `latest`.
        """
        from warehouse.aliases import promote

        return self._moved(promote(self.lake, alias, version, reason))

    def rollback(self, alias: str = CHAMPION) -> Move:
        """Undo the last move of an alias; raises NotRegistered where there is none."""
        from warehouse.aliases import rollback

        return self._moved(rollback(self.lake, alias), back=True)

    def export(
        self, version: int | str, to: Path | str, *, format: "Format" = "engine", force: bool = False
    ) -> Sequence[Path]:
        """Copy files of a version out, checked on their way, as `pitwall models export`; returns where they lie.

        Raises:
            NotRegistered: no such version, or it lacks that file.
            SettingsRejected: there is no such format, or another file is in the way, and `force` is not given.
            LakeDamaged, ParityBroken: a stored file is not what was published, or an export computes something else.
            StorageBusy: the place cannot be written.
        """
        from flows.exporting import export

        return export(self.lake, version, format, Path(to), force=force)

    def _moved(self, move: Move, *, back: bool = False) -> Move:
        from flows.moves import tell_move

        tell_move(self.lake, move, _Warning(), back=back)
        return move

    def __getitem__(self, version: int | str) -> Model:
        return self.get(version)

    def __iter__(self) -> Iterator[Model]:
        return iter(self.list())

    def __len__(self) -> int:
        return len(self.list())

    def __repr__(self) -> str:
        lines = [f"{each.version}  {each.start}  {', '.join(each.aliases)}".rstrip() for each in self.list()]
        return "\n".join(lines) or "The registry is empty."

    def _repr_html_(self) -> str:
        names = ("version", "aliases", "start", "parent", "made (UTC)")
        head = "".join(f"<th>{name}</th>" for name in names)
        rows = ""
        for model in self.list():
            parent = "" if model.parent is None else model.parent
            told = (
                model.version,
                ", ".join(model.aliases),
                model.start,
                parent,
                f"{model.created_at:%Y-%m-%d %H:%M:%S}",
            )
            rows += f"<tr>{''.join(f'<td>{escape(str(value))}</td>' for value in told)}</tr>"
        return f"<table><tr>{head}</tr>{rows}</table>"


class _Warning(Telling):
    """What went wrong on the way to other tools, as Python's warnings at the line of the caller."""

    def say(self, message: str) -> None:
        warnings.warn(message, stacklevel=6)

    warn = say
