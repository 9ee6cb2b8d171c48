"""The upkeep as a Prefect flow, for the night.

Arrives: parameters of a run. Leaves: a state that says what was done, and its account as a table.
"""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import pages
from flows.prefect_reporter import PrefectReporter
from flows.upkeep import maintain as keep_up
from flows.upkeep import summary, upkeep_lines
from schemas.settings import Settings
from warehouse.lake import Lake


@flow(name="maintain", flow_run_name="upkeep of the lake", persist_result=False)
def maintain(dry_run: bool = False) -> State[Any]:
    """Join small partitions, drop by the rules of retention, delete garbage whose grace is over.

    Args:
        dry_run: Only say what would be done.
    """
    lake = Lake.open(Settings.load())
    try:
        done = keep_up(lake, PrefectReporter(), dry_run=dry_run)
    finally:
        lake.catalog.engine.dispose()
    pages.account("upkeep-summary", upkeep_lines(done), "Upkeep of the lake")
    if not done.complaints:
        return Completed(message=summary(done))
    pages.account("upkeep-damage", list(done.complaints.items()), "Damaged, or in the way")
    return Completed(name="SomeDamaged", message=f"{summary(done)}; see: pitwall maintain --dry-run")
