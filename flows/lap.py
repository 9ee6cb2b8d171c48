"""The driving loop as a Prefect flow: cars drive, a version is trained, and round again.

Arrives: parameters of a run. Leaves: a state that names the champion, its laps as a table.
"""

from typing import Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows import pages
from flows.looping import Lap, loop, unfinished
from flows.prefect_reporter import PrefectReporter
from schemas.loop import NAMED, LoopConfig
from schemas.settings import Settings
from warehouse.lake import Lake


def _name() -> str:
    asked = flow_run.parameters
    what = "as configured" if asked.get("config") else asked.get("named") or "racing"
    return f"{asked.get('iterations', 20)} laps of {what}"


@flow(name="lap", flow_run_name=_name, persist_result=False)
def lap(
    iterations: int = 20,
    named: Literal["racing", "half_cheetah", "hopper", "inverted_pendulum", "pendulum"] = "racing",
    config: LoopConfig | None = None,
    start: int | str | None = None,
) -> State[Any]:
    """Let the stand-in for the engine drive, and train on what it drove; an interrupted loop is continued.

    Args:
        iterations: Laps: one rollout and one version each. While a loop is unfinished, it is brought to its end.
        named: A known loop.
        config: Every detail of a loop, in place of a known one.
        start: Version or alias to begin with; empty for the champion, or a random policy in an empty registry.
    """
    lake = Lake.open(Settings.load())
    rows: list[dict[str, Any]] = []

    def told(done: Lap) -> None:
        rows.append({"lap": done.number, "version": done.version, "what": done.words()})

    try:
        chosen = config or NAMED[named]()
        if (begun := unfinished(lake)) is not None:
            chosen, iterations, start = begun
        done = loop(lake, chosen, iterations, PrefectReporter(), start=start, told=told)
    finally:
        lake.catalog.engine.dispose()
    pages.table("laps", rows, f"{done.loop_id}: laps of this run")
    evaluated = "" if done.evaluation is None else f": {done.evaluation.words()}"
    return Completed(message=f"{done.loop_id}: champion is version {done.champion}{evaluated}")
