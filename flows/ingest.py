"""The ingest as a Prefect flow: the engine's folder into the lake, once or on a schedule.

Arrives: parameters of a run. Leaves: a state that says what came in, and tables in Prefect's pages.
"""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows import pages, summary
from flows.judging import judge_if_asked
from flows.landing import bring_in
from flows.landing import summary as one_line
from flows.prefect_reporter import PrefectReporter
from flows.schedule import is_scheduled, missed
from schemas.counted import counted
from schemas.settings import Settings
from warehouse import lineage
from warehouse.ingest_report import IngestReport
from warehouse.lake import Lake


def _name() -> str:
    folder = flow_run.parameters.get("folder") or Settings.load().landing
    return f"ingest {Path(folder).name}" if folder else "ingest"


@flow(name="ingest", flow_run_name=_name, persist_result=False)
def ingest(folder: Path | None = None, retry_rejected: bool = False) -> State[Any]:
    """Bring the rollouts of the engine's export folder into the lake, and find out which policy collected them.

    Args:
        folder: The engine's export folder, e.g. Saved/Training/Exports; empty for the setting `landing`.
        retry_rejected: Judge files again that were turned away before.
    """
    settings = Settings.load()
    if reason := missed() or _nothing_there(folder, settings):
        return _nothing(reason)
    place = folder or settings.landing
    assert place is not None
    report = PrefectReporter()
    lake = Lake.open(settings)
    try:
        came = bring_in(lake, [place], report, retry_rejected=retry_rejected)
        if not came.accepted and not came.rejected:
            return _nothing(f"nothing to do: nothing new in {place}")
        pages.account("ingest-summary", summary.ingest_lines(came, report.seconds), f"Ingest of {place}")
        if came.accepted:
            judge_if_asked(lake, report)
            pages.rename(lambda name: f"{name}: {_count(came)}", lineage.runs_of(lake, came.rollouts)[-3:])
    finally:
        lake.catalog.engine.dispose()
    if not came.rejected:
        return Completed(message=one_line(came))
    pages.account("ingest-rejects", summary.reject_lines(came), "Turned away; see also: pitwall rejects")
    return Completed(name="SomeRejected", message=f"{one_line(came)}; see: pitwall rejects")


def _nothing_there(folder: Path | None, settings: Settings) -> str:
    if folder is not None:
        return ""  # the person who gave it is told by an error
    if settings.landing is None:
        return (
            "nothing to do: no folder is given. Set PITWALL_LANDING, or landing in pitwall.toml, to the engine's "
            "export folder, e.g. <Project>/Saved/Training/Exports"
        )
    if is_scheduled() and not settings.landing.is_dir():
        return (
            f"nothing to do: {settings.landing.absolute()} is not there (yet); PITWALL_LANDING or pitwall.toml names it"
        )
    return ""


def _count(came: IngestReport) -> str:
    rollouts = counted(len(came.accepted), "rollout")
    return f"{rollouts}, some rejected" if came.rejected else rollouts


def _nothing(reason: str) -> State[Any]:
    return Completed(name="NothingToDo", message=reason)
