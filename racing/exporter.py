"""Rollout files as the engine writes them: its names, its spelling, its line on the console.

Arrives: experiences. Leaves: `rollout_<index>_<YYYYMMDD_HHMMSS>.json`, never seen half written.
"""

import codecs
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from racing.errors import DriveRejected
from racing.experiences import Experiences
from racing.spelling import Root, spell


@dataclass(frozen=True)
class Exported:
    """One file."""

    path: Path
    index: int
    steps: int
    """Experiences in the file."""
    dropped: int
    """Experiences with NaN or infinity, which the engine leaves out."""


Fault = Callable[[Experiences, Callable[[Experiences], Exported]], Exported]
"""Something that goes wrong around the writing of one file: see faults.py."""


class Exporter:
    """Writes the rollouts of one session; their index starts at 0."""

    def __init__(
        self,
        folder: Path | str,
        action_names: Sequence[str],
        *,
        session: Root | None = None,
        eol: str = os.linesep,
        say: Callable[[str], None] = print,
        now: Callable[[], datetime] = datetime.now,
        fault: Fault | None = None,
    ) -> None:
        """`session` are fields of every file's root; `say` gets the console's lines; `now` is local time."""
        self.folder, self.action_names, self.session = Path(folder), list(action_names), dict(session or {})
        self.eol, self.say, self.now, self.fault = eol, say, now, fault
        self.index = 0

    def export(self, experiences: Experiences, policy_version: int | None = None) -> Exported:
        """Write one rollout; raises DriveRejected where none of its rows is finite."""
        write = partial(self._write, policy_version=policy_version)
        exported = self.fault(experiences, write) if self.fault else write(experiences)
        self.index = exported.index + 1
        if exported.dropped:
            self.say(f"PyTorchExporter: Dropped {exported.dropped} experiences with NaN/Inf")
        self.say(f"PyTorchExporter: Exported {exported.steps} experiences to {exported.path.name}")
        return exported

    def _write(self, experiences: Experiences, policy_version: int | None) -> Exported:
        finite = experiences.finite()
        kept = experiences if finite.all() else experiences.where(finite)
        if not len(kept):
            raise DriveRejected(
                f"{self.folder}: none of {len(experiences)} experiences is finite, wanted some to export. "
                "Look at the environment's observations and rewards"
            )
        index, moment, path, file = self._open()
        root: Root = {"num_experiences": len(kept), "timestamp": f"{moment:%Y.%m.%d-%H.%M.%S}", "rollout_index": index}
        version = {} if policy_version is None else {"policy_version": policy_version}
        temporary = Path(file.name)
        try:
            with file:
                text = spell(kept, self.action_names, {**root, **version, **self.session}, self.eol)
                file.write(text if text.isascii() else codecs.BOM_UTF16_LE + text.decode().encode("utf-16-le"))
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return Exported(path, index, len(kept), len(experiences) - len(kept))

    def _open(self) -> tuple[int, datetime, Path, BinaryIO]:
        """A file of the next free name, under its temporary name; two sessions may write in the same second."""
        self.folder.mkdir(parents=True, exist_ok=True)
        index, moment = self.index, self.now()
        while True:
            path = self.folder / f"rollout_{index}_{moment:%Y%m%d_%H%M%S}.json"
            temporary = path.with_name(f"{path.name}.tmp")
            try:
                file = temporary.open("xb")
            except FileExistsError:
                index += 1
                continue
            if not path.exists():
                return index, moment, path, file
            file.close()
            temporary.unlink()
            index += 1
