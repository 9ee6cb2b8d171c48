"""What lies in a folder of the engine.

Arrives: files or folders. Leaves: the rollout files in them, and what is passed over with why.
Nothing is opened here.
"""

import datetime
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from schemas.errors import SettingsRejected

_ROLLOUT = re.compile(r"rollout_.*\.json(\.gz)?$", re.IGNORECASE)
_NAMED = re.compile(r"rollout_(\d{1,9})_(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)", re.IGNORECASE)

_DEEPEST = 100
"""Folders within folders; pathlib itself gives up at some hundred."""


class Landed(NamedTuple):
    """One rollout file on the engine's side. A folder has tens of thousands, so what a name tells is read on demand."""

    source: str  # absolute folder, posix
    label: str  # what a run inferred in that folder is called
    name: str

    @property
    def posix(self) -> str:
        """The path as the catalog keeps it."""
        return f"{self.source.rstrip('/')}/{self.name}"

    @property
    def path(self) -> Path:
        """The path on this system."""
        return Path(self.source, self.name)

    @property
    def shown(self) -> str:
        """`path` as text."""
        return self.posix.replace("/", os.sep)

    @property
    def rollout_index(self) -> int | None:
        """From the name; the engine counts in each session from 0."""
        match = _NAMED.match(self.name)
        return int(match[1]) if match else None

    @property
    def written_at(self) -> datetime.datetime | None:
        """The engine's local time, from the name."""
        if match := _NAMED.match(self.name):
            year, month, day, hour, minute, second = map(int, match.groups()[1:])
            with suppress(ValueError):  # no time that there is: the file's own timestamp will say
                return datetime.datetime(year, month, day, hour, minute, second)
        return None


@dataclass(frozen=True)
class Landing:
    """What was found."""

    files: list[Landed]  # in no order that means something: see `engine_order`
    ignored: dict[str, str]  # path -> why
    left: dict[str, str]  # path -> why it is out of reach now


def look(places: Iterable[Path]) -> Landing:
    """Find the rollout files in folders (and their sub-folders); a file that is named outright counts as one.

    Raises:
        SettingsRejected: a place does not exist.
    """
    files: dict[str, Landed] = {}
    landing = Landing([], {}, {})
    for place in places:
        root = place.resolve()  # one folder is one source, however it is spelled
        if not root.is_file() and not root.is_dir():
            raise SettingsRejected(
                f"{place}: no such folder. Give the engine's export folder, e.g. Saved/Training/Exports"
            )
        named = root.is_file()
        base = root.parent if named else root
        folders = [(base, [root.name])] if named else _walk(root, landing.left)
        for folder, names in folders:
            source, label = folder.as_posix(), _label(folder, base)
            for name in names:
                if name.lower().endswith(".tmp"):
                    landing.ignored[_shown(folder / name)] = "still being written"
                elif not (named or _ROLLOUT.match(name)):
                    landing.ignored[_shown(folder / name)] = "not a rollout (rollout_*.json, rollout_*.json.gz)"
                elif _is_unicode(source) and _is_unicode(name):
                    landed = Landed(source, label, name)
                    files.setdefault(landed.posix, landed)
                else:
                    landing.ignored[_shown(folder / name)] = (
                        "its path is not Unicode text, which the catalog needs; rename it"
                    )
    landing.files.extend(files.values())
    return landing


def engine_order(landed: Landed) -> tuple[str, datetime.datetime, int, int, str]:
    """Sorts files as the engine wrote them, folder by folder."""
    index = -1 if landed.rollout_index is None else landed.rollout_index
    name_length = len(landed.name)  # the shorter name first: a copy's is longer
    return landed.source, landed.written_at or datetime.datetime.min, index, name_length, landed.name


def _walk(folder: Path, left: dict[str, str]) -> Iterator[tuple[Path, list[str]]]:
    """A folder and the folders in it, each with the names of its files."""
    stack = [(folder, 0)]
    while stack:
        folder, depth = stack.pop()
        if depth > _DEEPEST:
            left[_shown(folder)] = f"lies more than {_DEEPEST} folders deep; give this folder itself"
            continue
        names = []
        try:
            with os.scandir(folder) as listing:
                for entry in listing:
                    if entry.is_dir(follow_symlinks=False):
                        stack.append((folder / entry.name, depth + 1))
                    elif entry.is_file(follow_symlinks=False) or (folder / entry.name).is_file():  # a link may lead
                        names.append(entry.name)  # to a file, or nowhere
        except OSError as error:
            left[_shown(folder)] = f"cannot be read ({error.strerror or error})"
            continue
        yield folder, sorted(names)


def _is_unicode(text: str) -> bool:
    """Linux allows any bytes in a name; Python keeps those that are no UTF-8 as lone surrogates."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _shown(path: Path) -> str:
    """The path as text; bytes in it that are no Unicode are spelled out."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _label(folder: Path, root: Path) -> str:
    """What a run inferred in `folder` is called."""
    relative = folder.relative_to(root).as_posix()
    return (root.name if relative == "." else relative) or "root"
