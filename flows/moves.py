"""What follows when an alias has moved: servers that listen and trackers of experiments hear of it.

Arrives: a move that the registry holds already. Leaves: an event, aliases in the trackers; what goes wrong is told, and
the move stands.
"""

from flows import events
from flows.reporter import Reporter
from flows.tracking import track_aliases
from warehouse.aliases import Move
from warehouse.lake import Lake
from warehouse.promotion import Decision


def tell_move(lake: Lake, move: Move, report: Reporter, *, back: bool = False) -> None:
    """A person moved an alias, or with `back` undid a move."""
    report.event(events.moved(lake, move, back=back))
    _track(lake, report)


def tell_decision(lake: Lake, decision: Decision, report: Reporter) -> None:
    """A judgement was passed; where it moved the champion, that is told."""
    report.event(events.decided(lake, decision))
    if decision.promoted or decision.rolled_back:
        _track(lake, report)


def _track(lake: Lake, report: Reporter) -> None:
    for note in track_aliases(lake):
        report.warn(f"note: {note}")
