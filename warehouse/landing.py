"""What lies in a folder of the engine.

Arrives: files or folders. Leaves: the rollout files in them, in the engine's order, and what is passed over with why.
Nothing is opened here.
"""

import datetime
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import SettingsRejected

_ROLLOUT = re.compile(r"rollout_.*\.json(\.gz)?$", re.IGNORECASE)
_NAMED = re.compile(r"rollout_(\d{1,9})_(\d{8}_\d{6})", re.IGNORECASE)


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
    files: dict[Path, Landed] = {}
    landing = Landing([], {}, {})
    for place in places:
        root = place.resolve()  # one folder is one source, however it is spelled
        if not root.is_file() and not root.is_dir():
            raise SettingsRejected(
                f"{place}: no such folder. Give the engine's export folder, e.g. Saved/Training/Exports"
            )
        for path in [root] if root.is_file() else _walk(root, landing.left):
            if path.name.lower().endswith(".tmp"):
                landing.ignored[_shown(path)] = "still being written"
            elif not (path == root or _ROLLOUT.match(path.name)):
                landing.ignored[_shown(path)] = "not a rollout (rollout_*.json, rollout_*.json.gz)"
            elif _shown(path) != str(path):
                landing.ignored[_shown(path)] = "its path is not Unicode text, which the catalog needs; rename it"
            else:
                files.setdefault(path, _landed(path, root if root.is_dir() else root.parent))
    landing.files.extend(sorted(files.values(), key=_engine_order))
    return landing


def _walk(folder: Path, left: dict[str, str]) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        left[_shown(folder)] = f"cannot be read ({error.strerror or error})"
        return
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry, left)
        elif entry.is_file():
            yield entry


def _shown(path: Path) -> str:
    """The path as text; bytes in it that are no Unicode (Linux allows any) are spelled out."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _landed(path: Path, root: Path) -> Landed:
    relative = path.parent.relative_to(root).as_posix()
    label = root.name if relative == "." else relative
    index, written_at = None, None
    if match := _NAMED.match(path.name):
        index = int(match[1])
        try:
            written_at = datetime.datetime.strptime(match[2], "%Y%m%d_%H%M%S")
        except ValueError:
            written_at = None  # the file's own timestamp will say
    return Landed(path, path.parent.as_posix(), label or "root", index, written_at)


def _engine_order(landed: Landed) -> tuple[str, datetime.datetime, int, int, str]:
    index = -1 if landed.rollout_index is None else landed.rollout_index
    name = landed.path.name  # the shorter name first: a copy's is longer
    return landed.source, landed.written_at or datetime.datetime.min, index, len(name), name
