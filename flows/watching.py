"""Train whenever enough new rollouts have come, until someone says stop.

Arrives: a lake whose settings name the engine's folders, and what is to be done with what comes. Leaves: versions in
the engine's folder. Nothing is held in memory that the catalog does not know: stopped anywhere, the next call goes on.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from flows.catching_up import CaughtUp, catch_up, new_rollouts, refuted_lines, report_if_asked
from flows.reporter import Reporter
from flows.summary import version_line
from schemas.errors import ParityBroken, SettingsRejected, TrainingStopped, Transient, WindowEmpty
from schemas.training import TrainConfig
from warehouse.arrivals import Moment, arrivals
from warehouse.lake import Lake

_SOON, _LATE = 2.0, 60.0
"""Seconds until what failed for a passing reason is tried again; twice as many each time, up to the second."""


def watch(
    lake: Lake,
    exports: Path,
    config: TrainConfig,
    report: Reporter,
    *,
    every: int = 1,
    poll: float | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Catch up with what lies in `exports`, then with what comes; returns when `stop` is set.

    Each time that `every` new rollouts are there, one version is trained on them. The folder may vanish for a while,
    files may be held, a training may fail: it is said, once, and the watch goes on. With `poll` the folder is looked
    at every so many seconds, for drives that tell of no changes.

    Raises:
        SettingsRejected: another watch is at work in this home, or a setting is unusable.
        LakeDamaged, ...: what neither time nor new rollouts mend, as `flows.catching_up.catch_up`.
    """
    with _alone(lake):
        watcher = _Watch(lake, exports, config, report, every)
        for moment in arrivals(exports, poll=poll, stop=stop):
            watcher.at(moment)


@dataclass
class _Watch:
    """What was said, and what is to be tried again."""

    lake: Lake
    exports: Path
    config: TrainConfig
    report: Reporter
    every: int
    is_missing: bool = False
    was_there: bool = False
    again_at: float | None = None
    pause: float = _SOON
    failed: tuple[str, ...] = ()
    """Rollouts on which training failed; only with others beside them is it tried again."""
    new: int = -1
    left: set[str] = field(default_factory=set)
    refuted: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    """Files whose rejection, or that are ignored."""

    def at(self, moment: Moment) -> None:
        if moment is Moment.MISSING:
            if not self.is_missing:
                self.report.say(self.missing())
            self.is_missing = True
            return
        if self.is_missing:
            self.report.say(f"{self.exports} is there")
        self.is_missing, self.was_there = False, True
        if moment is Moment.NO_EVENTS:
            self.report.say(moment.value)
        if moment is Moment.CHANGED or (self.again_at is not None and time.monotonic() >= self.again_at):
            self.catch_up()

    def missing(self) -> str:
        if self.was_there:
            return f"{self.exports} is not there; waiting until it is"
        nearest = next((folder for folder in self.exports.absolute().parents if folder.is_dir()), "none")
        return (
            f"{self.exports} is not there (its nearest folder that is: {nearest}). "
            "Check the path; waiting until it is there"
        )

    def catch_up(self) -> None:
        is_done = False
        try:
            done = catch_up(
                self.lake, self.exports, self.config, self.report, every=self.every, skip=self.failed, told=self.told
            )
            self.tell(done)
            is_done = not done.came.left and (done.trained is None or done.trained.engine_file is not None)
        except Transient as error:
            self.report.say(f"{error}. It is tried again")
        except (TrainingStopped, ParityBroken, WindowEmpty) as error:
            self.failed = new_rollouts(self.lake, self.every)
            self.report.say(f"no version was made: {error}. It is tried again with the next rollout")
            is_done = True
        except SettingsRejected:
            if self.exports.is_dir():
                raise
        self.again_at = None if is_done else time.monotonic() + self.pause
        self.pause = _SOON if is_done else min(2 * self.pause, _LATE)

    def tell(self, done: CaughtUp) -> None:
        for path in done.came.left.keys() - self.left:
            self.report.say(f"{Path(path).name}: {done.came.left[path]}; looking again")
        self.left = set(done.came.left)
        for line in refuted_lines({name: how for name, how in done.refuted.items() if name not in self.refuted}):
            self.report.say(line)
        self.refuted |= done.refuted.keys()
        if done.trained is None:
            if len(done.new) != self.new and (not done.new or done.new != self.failed):
                self.report.say(
                    f"{len(done.new)} of {self.every} new {'rollout is' if self.every == 1 else 'rollouts are'} there"
                )
            self.new = len(done.new)
            return
        self.new = -1
        self.report.say(version_line(done.trained))
        for note in done.trained.notes:
            self.report.say(f"note: {note}")
        if done.trained.engine_file is not None:
            self.report.say(f"the engine finds it in {done.trained.engine_file}")
        report_if_asked(self.lake, done.trained, self.report)


@contextmanager
def _alone(lake: Lake) -> Iterator[None]:
    """One watch at a time in a home; the system lets go of the lock when a process dies, however it does."""
    try:
        with FileLock(lake.paths.lock("watch"), timeout=0):
            yield
    except Timeout:
        raise SettingsRejected(
            f"another watch is at work in {lake.settings.home}. Let it work, or give this project a home of its own: "
            "pitwall --home FOLDER watch ..."
        ) from None
