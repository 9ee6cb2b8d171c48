"""What goes wrong in real folders, on request: each fault spoils one file as users have met it.

Arrives: the rows of a rollout and the way to write them. Leaves: what then lies in the folder.
Source: the contract of the rollout file ("What goes wrong in real folders").
"""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from racing.experiences import Experiences
from racing.exporter import Exported, Fault

Write = Callable[[Experiences], Exported]


def nan_rows(rows: Experiences, write: Write) -> Exported:
    """Every tenth reward is NaN: the exporter drops those rows, which leaves gaps that nobody sees."""
    reward = rows.reward.copy()
    reward[::10] = np.nan
    return write(replace(rows, reward=reward))


def torn(rows: Experiences, write: Write) -> Exported:
    """The file ends in its middle, as after a full disk or half a copy."""
    return _respell(write(rows), lambda raw: raw[: len(raw) // 2])


def empty(rows: Experiences, write: Write) -> Exported:
    """The file has no bytes."""
    return _respell(write(rows), lambda raw: b"")


def duplicate(rows: Experiences, write: Write) -> Exported:
    """The same content lies there under a second name as well."""
    exported = write(rows)
    again = exported.path.name.replace(f"rollout_{exported.index}_", f"rollout_{exported.index + 1000}_")
    shutil.copyfile(exported.path, exported.path.with_name(again))
    return exported


def nan_words(rows: Experiences, write: Write) -> Exported:
    """Advantages are bare words, as two C libraries spell NaN: no JSON, and yet every other number is good."""

    def spoil(raw: bytes) -> bytes:
        return raw.replace(b'"advantage": 0', b'"advantage": nan', 3).replace(
            b'"advantage": 0', b'"advantage": -nan(ind)', 3
        )

    return _respell(write(rows), spoil)


def miscounted(rows: Experiences, write: Write) -> Exported:
    """num_experiences is one more than there are."""
    count = f'"num_experiences": {len(rows) + 1}'.encode()
    return _respell(write(rows), lambda raw: re.sub(rb'"num_experiences": \d+', count, raw))


def another_width(rows: Experiences, write: Write) -> Exported:
    """The second row's state has one number more than the file's others."""

    def spoil(raw: bytes) -> bytes:
        second = raw.index(b'"state": [ ', raw.index(b'"state"') + 1) + len(b'"state": [ ')
        return raw[:second] + b"0, " + raw[second:]

    return _respell(write(rows), spoil)


def left_as_tmp(rows: Experiences, write: Write) -> Exported:
    """The engine ended before the file got its name."""
    exported = write(rows)
    return replace(exported, path=exported.path.replace(exported.path.with_name(f"{exported.path.name}.tmp")))


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (nan_rows, torn, empty, duplicate, nan_words, miscounted, another_width, left_as_tmp)
}
"""Every fault by its name."""


def _respell(exported: Exported, change: Callable[[bytes], bytes]) -> Exported:
    path: Path = exported.path
    path.write_bytes(change(path.read_bytes()))
    return exported
