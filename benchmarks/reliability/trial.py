"""One lake under fire: rounds of real commands, several at once, most of them killed; now and then it heals.

Arrives: a home, inputs, a random source. Leaves: how many were killed, where, and what was found wrong.
"""

import json
import multiprocessing
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from random import Random

from benchmarks.reliability import worker
from benchmarks.reliability.account import Account
from benchmarks.reliability.bank import Bank, Input
from benchmarks.reliability.restored import Restored
from benchmarks.reliability.work import KINDS, OVERTAKEN, Scene, Work

AT_ONCE = 3
"""Processes of a round."""
HEALS_EVERY = 8
"""Rounds."""
DAYS = 8.0
"""That seem to pass after a lake has healed: more than the grace of seven, so that upkeep deletes what it joined."""
PATIENCE = 60.0
"""Seconds after which a command counts as hung."""
_SECONDS, _STEPS = 0.5, {"files": 40, "catalog": 200}
"""What a command is thought to take before one was seen to its end."""


@dataclass
class Tally:
    """What was done over all lakes."""

    kills: Counter[str] = field(default_factory=Counter)
    """By kind of work."""
    moments: Counter[str] = field(default_factory=Counter)
    """by the clock; or which step of input and output was next, or last."""
    undisturbed: Counter[str] = field(default_factory=Counter)
    heals: int = 0
    lakes: int = 0
    rows: int = 0
    """That were held against the files they came from."""
    versions: int = 0
    restored: int = 0
    """Backups that came back, each held against the backup."""
    collected: int = 0
    """Partitions that upkeep joined into others and deleted a time of grace later."""
    wrong: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each kind of work takes, as last seen."""
    steps: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass
class _Running:
    work: Work
    process: ForkServerProcess
    log: Path
    began: float
    dies_after: float | None
    fated: bool
    """Whether it is to be killed, by the clock or at a step."""
    place: Restored | None
    """Of a restore."""


class Trial:
    """One lake; `until` says after how many kills in all it is enough."""

    def __init__(
        self,
        folder: Path,
        bank: Bank,
        random: Random,
        tally: Tally,
        url: str = "",
        new_url: Callable[[], str] = lambda: "",
        drawn: Sequence[Work] = KINDS,
    ) -> None:
        """`url` of the catalog and `new_url` of an empty one for each restored lake; empty: SQLite in its home."""
        self.drawn = drawn
        self.folder, self.bank, self.random, self.tally = folder, bank, random, tally
        self.home, self.exports = folder / "home", folder / "exports"
        self.policies, self.models, self.logs = folder / "policies", folder / "Models", folder / "logs"
        for place in (self.exports, self.policies, self.models, self.logs):
            place.mkdir(parents=True)
        self.url, self.new_url = url or in_home(self.home), new_url
        self.account = Account(self.home, self.url, self.exports, self.models)
        self.source_files = random.choice(("keep", "keep", "archive", "delete"))
        self.given: dict[str, Input] = {}
        self.waiting = list(bank.inputs)
        self.numbers = iter(range(1, 1_000_000))
        self.scene = Scene(self.exports, self.policies, folder / "copy", random, self._new_policy)
        self.place = self._new_place()
        self.context = forkserver()
        self.collected = 0

    def run(self, enough: Callable[[], bool], rounds: int) -> None:
        """So many rounds, or until it is enough; then heal, and hold every row against its file."""
        self.tally.lakes += 1
        for number in range(rounds):
            if enough() or self.tally.wrong:
                break
            for one in [self.waiting.pop(0) for _ in range(min(self.random.randint(0, 2), len(self.waiting)))]:
                self._give(one)
            self._round()
            if number % HEALS_EVERY == HEALS_EVERY - 1:
                self._heal()
        self._heal()
        self.account.engine.dispose()
        self.place.account.engine.dispose()

    def _round(self) -> None:
        """Several commands at once; after each kill a look, while the others run on."""
        works = self.random.choices(self.drawn, [work.weight for work in self.drawn], k=AT_ONCE)
        running = [self._start(work, fated=self.random.random() < 0.9) for work in works]
        while running:
            now = time.perf_counter()
            for one in running:
                if one.dies_after is not None and now - one.began >= one.dies_after and one.process.is_alive():
                    os.kill(one.process.pid or 0, signal.SIGKILL)
                    one.process.join()
            for one in [one for one in running if not one.process.is_alive()]:
                running.remove(one)
                self._ended(one)
            times = [one.began + one.dies_after for one in running if one.dies_after is not None]
            patience = max(0.0, min(times, default=now + PATIENCE) - time.perf_counter())
            if running and not wait([one.process.sentinel for one in running], patience) and not times:
                self._hung(running)
                return

    def _heal(self) -> None:
        """One undisturbed run of each kind of work mends whatever was left; then everything is counted."""
        self.tally.heals += 1
        before = self.place
        for work in (*KINDS, KINDS[-1]):  # the first restore ends what was begun, the second begins anew
            last = self.place
            one = self._start(work, fated=False)
            one.process.join(PATIENCE)
            if one.process.is_alive():
                self._hung([one])
                return
            self._ended(one, self.given if work.elsewhere and last is not before else None)
        if self.place is last:
            self._wrong("after healing", ["the backup was not restored"])
        self._wrong("after healing", self.account.at_rest(self.given))
        from schemas.settings import Settings
        from warehouse.lake import Lake
        from warehouse.verify import verify

        lake = Lake.open(Settings.load(home=self.home, catalog=self.url))
        found = verify(lake, deep=True)
        lake.catalog.engine.dispose()
        self._wrong("pitwall verify", [f"{damage.place}: {damage.found}" for damage in found.damages])
        self.tally.rows += found.checked["rows"]
        self.tally.versions += found.checked["versions"]
        self.tally.collected += self.account.collected() - self.collected
        self.collected = self.account.collected()
        self.account.let_days_pass(DAYS)

    def _start(self, work: Work, *, fated: bool) -> _Running:
        log = self.logs / f"{next(self.numbers):06d}-{work.name}.log"
        home, url = (self.place.home, self.place.url) if work.elsewhere else (self.home, self.url)
        words = ["--home", str(home), "--catalog", url, *work.words(self.scene)]
        by_clock = fated and self.random.random() < 0.5
        seconds = self.random.uniform(0, 1.2 * self.tally.seconds.get(work.name, _SECONDS))
        kind = self.random.choice(list(worker.STEPS))
        step = kind, self.random.randint(1, max(1, self.tally.steps.get(work.name, _STEPS)[kind]))
        settings = {
            "PITWALL_ENGINE_MODELS_DIR": str(self.models),
            "PITWALL_SOURCE_FILES": self.source_files,
            "PITWALL_ARCHIVE": str(self.folder / "archive"),
            "PITWALL_SETTLE_SECONDS": "0.01",
        }
        arguments = (words, log, step if fated and not by_clock else None, settings)
        process = self.context.Process(target=worker.run, args=arguments)
        process.start()
        place = self.place if work.elsewhere else None
        return _Running(work, process, log, time.perf_counter(), seconds if by_clock else None, fated, place)

    def _ended(self, one: _Running, given: dict[str, Input] | None = None) -> None:
        """Count it, look; with `given` a restore must have brought all of that back."""
        code, name = one.process.exitcode, one.work.name
        told = one.log.with_suffix(".steps")
        steps = told.read_text() if told.is_file() else ""
        if code == -signal.SIGKILL:
            self.tally.kills[name] += 1
            self.tally.moments["by the clock" if one.dies_after is not None else steps or "before its first step"] += 1
            found = self.account.at_any_moment(self.given)
            if name == "backup":
                found += Restored(self.scene.copy, in_home(self.scene.copy)).backup_wrong()
            if one.place is not None:
                found += one.place.at_any_moment()
            self._wrong(f"after {name} was killed ({steps or 'by the clock'})", found)
            return
        self.tally.undisturbed[name] += 1
        if steps.startswith("{"):
            self.tally.seconds[name] = time.perf_counter() - one.began
            self.tally.steps[name] = json.loads(steps)
        said = one.log.read_text()
        if code not in (0, 3) and not any(excuse in said for excuse in one.work.excuses):
            self._wrong(f"{name}, which nobody disturbed, ended with {code}", [said])
        if one.place is self.place and (code == 0 or OVERTAKEN in said):
            self.tally.restored += code == 0
            nothing_kept = said.startswith("0 files proven")
            self._wrong("after a restore", self.place.at_rest(given, may_be_empty=nothing_kept) if code == 0 else [])
            self.place = self._new_place()

    def _hung(self, running: list[_Running]) -> None:
        for one in running:
            one.process.kill()
            one.process.join()
            self._wrong(f"{one.work.name} hangs", [one.log.read_text()])

    def _give(self, one: Input) -> None:
        """As an engine: often in one step, at times growing before our eyes."""
        path = self.exports / one.place
        path.parent.mkdir(exist_ok=True)
        if self.random.random() < 0.5:
            unfinished = path.with_name(f"{path.name}.tmp")
            unfinished.write_bytes(one.content)
            unfinished.replace(path)
        else:
            path.write_bytes(one.content)
        self.given[path.as_posix()] = one

    def _new_place(self) -> Restored:
        """An empty home for the next restores; the last one's is not needed any more."""
        if "place" in vars(self):
            self.place.account.engine.dispose()
            if not self.tally.wrong:
                shutil.rmtree(self.place.home, ignore_errors=True)
        home = self.folder / "again" / str(next(self.numbers))
        return Restored(home, self.new_url() or in_home(home))

    def _new_policy(self) -> Path:
        number = next(self.numbers)
        path = self.policies / f"policy-{number}.json"
        path.write_bytes(self.bank.new_policy(number))
        return path

    def _wrong(self, when: str, found: list[str]) -> None:
        self.tally.wrong += [f"{self.folder.name}, {when}: {said}" for said in found]


def in_home(home: Path) -> str:
    """URL of the SQLite catalog of a home, or of a backup."""
    return f"sqlite:///{(home / 'catalog.sqlite').as_posix()}"


def forkserver() -> ForkServerContext:
    """Children of a process that has imported everything and done nothing; one thread each."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ[name] = "1"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(worker.PRELOADED)
    return context
