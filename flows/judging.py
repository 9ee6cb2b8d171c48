"""Who is champion where an engine drives and nobody evaluates: the next rollouts' returns decide.

Arrives: a lake whose newest rollouts have authors. Leaves: the champion, moved on or taken back, and
the version that is to drive in the engine's folder.
"""

from flows.moves import tell_decision
from flows.publishing import hand_over
from flows.reporter import Reporter
from schemas.errors import Transient
from warehouse import registry
from warehouse.lake import Lake
from warehouse.promotion import Decision
from warehouse.trial import judge_by_returns


def judge(lake: Lake, report: Reporter) -> Decision | None:
    """Judge the newest version on trial by its episodes' returns; None while nothing is registered.

    The engine gets the version that the decision names, if the settings name the engine's folder.
    """
    if not registry.versions(lake):
        return None
    settings = lake.settings
    decision = report.stage("judge", judge_by_returns, lake, settings.promotion_risk, settings.promotion_episodes)
    tell_decision(lake, decision, report)
    try:
        report.stage("deliver", hand_over, lake, decision.drive)
    except Transient as error:  # the decision stands; the next judgement delivers it again
        report.say(f"the engine does not have version {decision.drive} yet: {error}")
    return decision


def judge_if_asked(lake: Lake, report: Reporter) -> Decision | None:
    """The same after an ingest, where the setting `promotion` is `returns`."""
    decision = judge(lake, report) if lake.settings.promotion == "returns" else None
    if decision is not None:
        report.say(f"champion is version {decision.champion}: {decision.reason}")
    return decision
