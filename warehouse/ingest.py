"""Folders of rollout files into the lake.

Arrives: the engine's folders, which are only read (unless a setting says `archive` or `delete`). Leaves: few partitions
for many files, one ledger row per rollout, and every file or row that could not go in among the rejects, as it was.
Several processes may ingest one folder at once, and share it (`warehouse/claims.py`); safe when killed at any point.
"""

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from schemas.errors import RolloutRejected
from warehouse import ledger
from warehouse.breadth import Breadth
from warehouse.claims import PATIENCE, Claims, share_of
from warehouse.ingest_report import IngestReport
from warehouse.lake import Lake
from warehouse.landing import Landed, engine_order, look
from warehouse.load import MAX_BYTES, Load
from warehouse.reader import read
from warehouse.source_file import SourceFile, stat

Progress = Callable[[int, int, int], None]
"""Called with (files done, files to do, experiences so far)."""


def ingest(
    lake: Lake, places: Iterable[Path], *, retry_rejected: bool = False, progress: Progress | None = None
) -> IngestReport:
    """Bring every rollout file of `places` into the lake.

    Files seen before (same path, size and time, or same content) are not read or stored again. With `retry_rejected`
    files that were turned away are judged anew.

    Raises:
        SettingsRejected: a place does not exist.
        CatalogBusy, StorageBusy: nothing of the current batch is in; the same call goes on from there.
    """
    began = time.perf_counter()
    with _collector_waits():
        landing = look(places)
        journey = _Ingest(lake, retry_rejected, progress or (lambda done, total, rows: None))
        journey.report.ignored, journey.report.left = landing.ignored, landing.left
        files = journey.skip_sighted(landing.files)
        unready = journey.bring_in(files)
        if unready:
            time.sleep(lake.settings.settle_seconds)
            journey.bring_in(list(unready), unready)
    journey.report.seconds = time.perf_counter() - began
    return journey.report


@contextmanager
def _collector_waits() -> Iterator[None]:
    """Short-lived rows wake the cycle collector in vain (a fifth of the time); it runs after each batch."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


_Looks = dict[Landed, tuple[int, int]]


class _Ingest:
    def __init__(self, lake: Lake, retry_rejected: bool, progress: Progress) -> None:
        self.lake = lake
        self.retry_rejected = retry_rejected
        self.progress = progress
        self.report = IngestReport()
        self.in_lake = ledger.known_rollouts(lake.catalog)  # content id -> file name
        self.turned_away = ledger.known_rejects(lake.catalog)  # content id -> reason
        self.labels: dict[str, str] = {}
        self.claims = Claims(lake.paths)
        self.breadth: Breadth | None = None  # of the lake and the batch that is being read
        self.done = self.total = 0

    def skip_sighted(self, files: list[Landed]) -> list[Landed]:
        """The files that an earlier ingest has not seen in this state, as the engine wrote them."""
        todo = self._unseen(files)
        if todo:
            self.labels = ledger.labels(self.lake.catalog, {landed.source: landed.label for landed in todo})
        self.total = len(todo)
        return sorted(todo, key=engine_order)

    def bring_in(self, files: list[Landed], first_look: _Looks | None = None) -> _Looks:
        """Read and commit in batches; returns files that do not parse but may still be growing, and how they looked.

        What another process has claimed comes last: by then it is in the lake, or that process is dead.
        """
        unready: _Looks = {}
        self.done = self.total - len(files)
        try:
            while files:
                others = self._bring_in_ours(files, unready, first_look)
                self.claims.let_go()
                if others:
                    self.claims.take(share_of(others[0]), PATIENCE)
                files = others
        finally:
            self.claims.let_go()
        return unready

    def _bring_in_ours(self, files: list[Landed], unready: _Looks, first_look: _Looks | None) -> list[Landed]:
        """Returns those that another process has claimed."""
        others: list[Landed] = []
        load = Load()
        for share, neighbours in groupby(files, key=share_of):
            members = list(neighbours)
            if not self.claims.take(share):
                others += members
                continue
            news = self._unseen(members)
            self.done += len(members) - len(news)
            for landed in news:
                self.done += 1
                self._read(landed, load, unready, first_look)
                if load.rows >= self.lake.settings.batch_rows or load.bytes >= MAX_BYTES:
                    self._commit(load)
                    self.claims.let_go(keep=share)
                    load = Load()
                self.progress(self.done - len(unready), self.total, self.report.experiences + load.rows)
        self._commit(load)
        self.progress(self.done - len(unready), self.total, self.report.experiences)
        return others

    def _unseen(self, files: list[Landed]) -> list[Landed]:
        """The files that no ingest has seen in this state, of another process neither; the others are told of."""
        seen = ledger.sighted(self.lake.catalog, [landed.posix for landed in files])
        verdicts = {identity: verdict for _, _, identity, verdict in seen.values()}
        if any(verdict == "rejected" and name not in self.turned_away for name, verdict in verdicts.items()):
            self.turned_away |= ledger.known_rejects(self.lake.catalog)
        unseen = []
        for landed in files:
            size, mtime_ns, identity, verdict = seen.get(landed.posix, (-1, -1, "", ""))
            rejected = verdict == "rejected" and identity in self.turned_away
            again = self.retry_rejected if rejected else self.lake.settings.source_files != "keep"
            looks = stat(landed.posix)
            gone = looks is None and identity  # another process has brought it in and disposed of it
            if gone or (looks == (size, mtime_ns) and not again):
                (self.report.known_rejects if rejected else self.report.known).append(landed.shown)
            else:
                unseen.append(landed)
        return unseen

    def _read(self, landed: Landed, load: Load, unready: _Looks, first_look: _Looks | None) -> None:
        source = SourceFile.read(landed, self.lake.settings.max_file_mib)
        if isinstance(source, str):
            self.report.left[landed.shown] = source
        elif self._is_news(source, load):
            try:
                if source.damage:
                    raise RolloutRejected(source.damage)
                reading = read(source.content, source.content_id)
                self.breadth = self.breadth or Breadth(self.lake)
                self.breadth.admit(reading)
                load.add(source, reading)
            except RolloutRejected as error:
                if source.fresh and first_look is None:
                    unready[landed] = source.look
                elif source.changed or (first_look or {}).get(landed, source.look) != source.look:
                    self.report.left[source.path] = "still growing"
                else:
                    load.turned_away.append((source, str(error)))

    def _is_news(self, source: SourceFile, load: Load) -> bool:
        if source.content_id not in self.in_lake and source.content_id not in load.files:
            return True
        load.seen_again.append(source)
        return False

    def _commit(self, load: Load) -> None:
        self.breadth = None
        if not (load.files or load.turned_away or load.seen_again):
            return
        load.commit(self.lake, self.labels)
        for group in load.groups:
            for source, reading in group.members:
                self.in_lake[source.content_id] = source.landed.name
                if source.content_id in load.lost_race:
                    self.report.known.append(source.path)
                    continue
                self.report.rollouts.append(source.content_id)
                self.report.accepted[source.path] = reading.rows_in_file - len(reading.lost)
                if reading.lost:
                    self.report.rejected_rows[source.path] = [row.reason for row in reading.lost]
                if reading.warnings:
                    self.report.warnings[source.path] = reading.warnings
                self._dispose(source)
        for source in load.seen_again:
            twin = self.in_lake[source.content_id]
            if twin == source.landed.name:
                self.report.known.append(source.path)
            else:
                self.report.duplicates[source.path] = twin
            self._dispose(source)
        for source, reason in load.turned_away:
            self.report.rejected_files[source.path] = reason
            self.turned_away[source.content_id] = reason
        gc.collect(1)  # what the batch made is young, and a long-lived process holds much that is old

    def _dispose(self, source: SourceFile) -> None:
        if hindered := source.dispose(self.lake.settings):
            self.report.warnings.setdefault(source.path, []).append(hindered)
