"""The engine's folders into the lake, and who collected what came in.

Arrives: folders. Leaves: an `IngestReport`, and authors in the catalog where policies are registered.
"""

from collections.abc import Sequence
from pathlib import Path

from flows import events
from flows.attributing import attribute
from flows.reporter import Reporter
from warehouse.ingest import ingest
from warehouse.ingest_report import IngestReport
from warehouse.lake import Lake


def bring_in(
    lake: Lake, places: Sequence[Path], report: Reporter, *, retry_rejected: bool = False, call: bool = True
) -> IngestReport:
    """Ingest the folders, then look for authors; with `call`, who listens is called to train once enough is new.

    Raises what `warehouse.ingest.ingest` raises.
    """

    def progress(done: int, total: int, rows: int) -> None:
        report.progress("files", done, total, f"{rows:,} experiences")

    came = report.stage("ingest", ingest, lake, places, retry_rejected=retry_rejected, progress=progress)
    if came.files > len(came.known) + len(came.known_rejects) + len(came.left):
        report.say(summary(came))
    found = report.stage("attribute", attribute, lake, report)
    if found:
        words = {"author": "found", "unknown": "unknown", "claim_refuted": "claimed but refuted"}
        told = (f"{count} {words.get(name, name.replace('_', ' '))}" for name, count in sorted(found.items()))
        report.say("authors of rollouts: " + ", ".join(told))
    report.event(events.landed(lake, came))
    if call:
        report.event(events.ready(lake, came))
    return came


def summary(came: IngestReport) -> str:
    """One line that accounts for every file."""
    parts = [
        f"{_count(len(came.accepted), 'rollout')} with {came.experiences:,} experiences in",
        f"{len(came.known)} in the lake already" if came.known else "",
        _count(len(came.duplicates), "duplicate") if came.duplicates else "",
        f"{_count(len(came.rejected_files), 'file')} rejected" if came.rejected_files else "",
        f"{_count(sum(map(len, came.rejected_rows.values())), 'row')} rejected" if came.rejected_rows else "",
        f"{len(came.known_rejects)} rejected before" if came.known_rejects else "",
        f"{len(came.left)} left for the next time" if came.left else "",
        f"{len(came.ignored)} ignored" if came.ignored else "",
    ]
    return "; ".join(part for part in parts if part)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
