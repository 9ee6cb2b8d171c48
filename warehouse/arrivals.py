"""When something came into a folder: by events of the file system, or by looking again and again.

Arrives: the engine's export folder, which may vanish for a while. Leaves: a moment to act on, one after the other,
never in the midst of a burst of files. What came is for `ingest` to find out; nothing is opened here.
"""

import threading
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from watchfiles import watch

from schemas.errors import SettingsRejected
from warehouse.landing import look
from warehouse.source_file import stat

BURST_MS, CALM_MS = 2000, 300
"""A burst of events is taken together until none came for so long, at most for so long."""
TICK = 1.0
"""Seconds at most between two moments, except while a burst lasts."""
LOOKS = 30
"""Ticks without an event after which the folder is looked at all the same: events get lost, on network drives most."""


class Moment(Enum):
    """What is to be said of the folder now."""

    CHANGED = "its rollout files are others than before, or of another size or time"
    QUIET = "nothing happened"
    MISSING = "the folder is not there"
    NO_EVENTS = "this file system tells of no events; from now on the folder is looked at every second"


def arrivals(folder: Path, *, poll: float | None = None, stop: threading.Event | None = None) -> Iterator[Moment]:
    """Moments until `stop` is set; the first that is not MISSING is CHANGED, for what lies there already.

    With `poll` the folder is looked at every so many seconds; without it events tell.
    """
    stop = stop or threading.Event()
    seen: dict[str, tuple[int, int] | None] | None = None
    while not stop.is_set():
        was, calm = _identity(folder), LOOKS
        try:
            for has_event in _wakes(folder, poll, stop) if was is not None else ():
                calm = 0 if has_event else calm + 1
                if calm == 0 or calm >= LOOKS or poll is not None:
                    now, calm = _files(folder), 0
                    moment, seen = Moment.QUIET if now == seen else Moment.CHANGED, now
                    yield moment
                else:
                    yield Moment.QUIET
                if _identity(folder) != was:
                    break  # gone, or another folder of this name: its events would not reach us
        except (FileNotFoundError, SettingsRejected):
            pass  # gone since we looked
        except OSError:  # no more watches to be had, or a drive that has none
            poll = TICK
            yield Moment.NO_EVENTS
        if not stop.is_set() and _identity(folder) is None:
            seen = None
            yield Moment.MISSING
            stop.wait(TICK)


def _wakes(folder: Path, poll: float | None, stop: threading.Event) -> Iterator[bool]:
    """At every tick: whether an event came. Events are listened to before the first, so none falls between."""
    if poll is None:
        milliseconds = int(TICK * 1000)
        for changes in watch(
            folder,
            watch_filter=None,
            debounce=BURST_MS,
            step=CALM_MS,
            rust_timeout=milliseconds,
            yield_on_timeout=True,
            stop_event=stop,
            ignore_permission_denied=True,
        ):
            yield bool(changes)
    else:
        pause = min(poll, TICK)
        while not stop.wait(pause):
            yield False
            pause = poll


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _files(folder: Path) -> dict[str, tuple[int, int] | None]:
    """Size and time of each rollout file."""
    return {str(landed.path): stat(landed.path) for landed in look([folder]).files}
