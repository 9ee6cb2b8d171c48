"""The engine's folders into the lake, and who collected what came in.

Arrives: folders. Leaves: an `IngestReport`, and authors in the catalog where policies are registered.
"""

from collections.abc import Sequence
from pathlib import Path

from flows.attributing import attribute
from flows.reporter import Reporter
from warehouse.ingest import ingest
from warehouse.ingest_report import IngestReport
from warehouse.lake import Lake


def bring_in(lake: Lake, places: Sequence[Path], report: Reporter, *, retry_rejected: bool = False) -> IngestReport:
    """Ingest the folders, then look for authors; raises what `warehouse.ingest.ingest` raises."""

    def progress(done: int, total: int, rows: int) -> None:
        report.progress("files", done, total, f"{rows:,} experiences")

    came = report.stage("ingest", ingest, lake, places, retry_rejected=retry_rejected, progress=progress)
    report.say(summary(came))
    found = report.stage("attribute", attribute, lake, report)
    if found:
        report.say("authors: " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(found.items())))
    return came


def summary(came: IngestReport) -> str:
    """One line that accounts for every file."""
    parts = [
        f"{len(came.accepted)} rollouts with {came.experiences:,} experiences in",
        f"{len(came.known)} in the lake already" if came.known else "",
        f"{len(came.duplicates)} duplicates" if came.duplicates else "",
        f"{len(came.rejected_files)} files rejected" if came.rejected_files else "",
        f"{sum(map(len, came.rejected_rows.values()))} rows rejected" if came.rejected_rows else "",
        f"{len(came.known_rejects)} rejected before" if came.known_rejects else "",
        f"{len(came.left)} left for the next time" if came.left else "",
        f"{len(came.ignored)} ignored" if came.ignored else "",
    ]
    return "; ".join(part for part in parts if part)
