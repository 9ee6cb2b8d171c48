"""What lies in a folder of the engine.

Arrives: files or folders. Leaves: the rollout files in them, in the engine's order, and what is passed over with why.
Nothing is opened here.
"""

import datetime
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import SettingsRejected

_ROLLOUT = re.compile(r"rollout_.*\.json(\.gz)?$", re.IGNORECASE)
_NAMED = re.compile(r"rollout_(\d{1,9})_(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)", re.IGNORECASE)

_DEEPEST = 100
"""Folders within folders; pathlib itself gives up at some hundred."""


@dataclass(frozen=True)
class Landed:
    """One rollout file on the engine's side."""

    path: Path
    source: str  # absolute folder, posix
    label: str  # what a run inferred in that folder is called
    rollout_index: int | None
    written_at: datetime.datetime | None  # the engine's local time, from the name


@dataclass(frozen=True)
class Landing:
    """What was found."""

    files: list[Landed]
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
        labels: dict[Path, str] = {}
        for path in [root] if named else _walk(root, landing.left):
            shown, name = _shown(path), path.name
            if name.lower().endswith(".tmp"):
                landing.ignored[shown] = "still being written"
            elif not (named or _ROLLOUT.match(name)):
                landing.ignored[shown] = "not a rollout (rollout_*.json, rollout_*.json.gz)"
            elif shown != str(path):
                landing.ignored[shown] = "its path is not Unicode text, which the catalog needs; rename it"
            elif shown not in files:
                folder = path.parent
                label = labels.get(folder) or labels.setdefault(folder, _label(folder, base))
                files[shown] = _landed(path, folder.as_posix(), label)
    landing.files.extend(sorted(files.values(), key=_engine_order))
    return landing


def _walk(folder: Path, left: dict[str, str]) -> Iterator[Path]:
    """Files of a folder and of the folders in it."""
    stack = [(folder, 0)]
    while stack:
        folder, depth = stack.pop()
        if depth > _DEEPEST:
            left[_shown(folder)] = f"lies more than {_DEEPEST} folders deep; give this folder itself"
            continue
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            left[_shown(folder)] = f"cannot be read ({error.strerror or error})"
            continue
        for entry in entries:
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                stack.append((path, depth + 1))
            elif entry.is_file(follow_symlinks=False) or path.is_file():  # a link may lead to a file, or nowhere
                yield path


def _shown(path: Path) -> str:
    """The path as text; bytes in it that are no Unicode (Linux allows any) are spelled out."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _landed(path: Path, source: str, label: str) -> Landed:
    index, written_at = None, None
    if match := _NAMED.match(path.name):
        index, year, month, day, hour, minute, second = map(int, match.groups())
        with suppress(ValueError):  # no time that there is: the file's own timestamp will say
            written_at = datetime.datetime(year, month, day, hour, minute, second)
    return Landed(path, source, label, index, written_at)


def _label(folder: Path, root: Path) -> str:
    """What a run inferred in `folder` is called."""
    relative = folder.relative_to(root).as_posix()
    return (root.name if relative == "." else relative) or "root"


def _engine_order(landed: Landed) -> tuple[str, datetime.datetime, int, int, str]:
    index = -1 if landed.rollout_index is None else landed.rollout_index
    name = landed.path.name  # the shorter name first: a copy's is longer
    return landed.source, landed.written_at or datetime.datetime.min, index, len(name), name
