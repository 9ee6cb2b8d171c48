"""The engine's folders into the lake, and who collected what came in.

Arrives: folders. Leaves: an `IngestReport`, and authors in the catalog where policies are registered.
"""

from collections.abc import Container, Sequence
from pathlib import Path

from flows import events
from flows.attributing import attribute
from flows.reporter import Reporter
from schemas.counted import counted
from warehouse.ingest import ingest
from warehouse.ingest_report import IngestReport
from warehouse.lake import Lake


def bring_in(
    lake: Lake,
    places: Sequence[Path],
    report: Reporter,
    *,
    retry_rejected: bool = False,
    call: bool = True,
    told: set[str] | None = None,
) -> IngestReport:
    """Ingest the folders, then look for authors; with `call`, who listens is called to train once enough is new.

    Of files in `told` it does not say again that they were rejected before, or are ignored; those of this call join.
    Raises what `warehouse.ingest.ingest` raises.
    """

    def progress(done: int, total: int, rows: int) -> None:
        report.progress("files", done, total, f"{rows:,} experiences")

    came = report.stage("ingest", ingest, lake, places, retry_rejected=retry_rejected, progress=progress)
    if came.files > len(came.known) + len(came.known_rejects) + len(came.left):
        report.say(summary(came, told or ()))
        if told is not None:
            told.update(came.rejected_files, came.known_rejects, came.ignored)
    found = report.stage("attribute", attribute, lake, report)
    if found:
        words = {"author": "found", "unknown": "unknown", "claim_refuted": "claimed but refuted"}
        verdicts = (f"{count} {words.get(name, name.replace('_', ' '))}" for name, count in sorted(found.items()))
        report.say("authors of rollouts: " + ", ".join(verdicts))
    report.event(events.landed(lake, came))
    if call:
        report.event(events.ready(lake, came))
    return came


def summary(came: IngestReport, told: Container[str] = ()) -> str:
    """One line that accounts for every file; of what is passed over as before, only for files not in `told`."""
    before, ignored = (sum(path not in told for path in paths) for paths in (came.known_rejects, came.ignored))
    parts = [
        f"{counted(len(came.accepted), 'rollout')} with {came.experiences:,} experiences in",
        f"{len(came.known)} in the lake already" if came.known else "",
        counted(len(came.duplicates), "duplicate") if came.duplicates else "",
        f"{counted(len(came.rejected_files), 'file')} rejected" if came.rejected_files else "",
        f"{counted(sum(map(len, came.rejected_rows.values())), 'row')} rejected" if came.rejected_rows else "",
        f"{before} rejected before" if before else "",
        f"{len(came.left)} left for the next time" if came.left else "",
        f"{ignored} ignored" if ignored else "",
    ]
    return "; ".join(part for part in parts if part)
