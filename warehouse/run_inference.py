"""Which engine session a rollout belongs to, where the file does not say.

Arrives: names of the rollouts of one folder. Leaves: the run of each. The answer depends on the set of files alone,
never on the order in which they came in.
"""

import datetime
from collections.abc import Collection, Iterable
from typing import NamedTuple

REORDERING = datetime.timedelta(seconds=2)
"""Bulk export stamps files within about a second, in any order; within it a lower index is no restart."""

TANGLED = 4
"""Rollouts that a session has at most between two restarts which two engines in one folder make. (Engines that write
within REORDERING of each other look like one bulk export: only run_id in their files, or a folder each, parts them.)"""


class Named(NamedTuple):
    """What a rollout's name and head tell; a tuple, since a folder has tens of thousands."""

    rollout_id: str
    rollout_index: int | None
    written_at: datetime.datetime | None  # the engine's local time


def infer_runs(label: str, rollouts: Iterable[Named], claimed: Collection[str] = ()) -> dict[str, str]:
    """The run of each rollout of one folder, by rollout_id.

    The engine counts rollouts from 0 in every session, so a session ends where, in order of time, an index comes again
    or falls back by more than the reordering of a bulk export. The first session bears the folder's label, later ones
    `label@<time of their first file>`. A name that files claim outright gets `~folder`. Where two engines count in one
    folder at once, nothing tells whose file is whose: each is a run of its own, so that none goes on where the other's
    cars stopped.
    """
    sessions: list[list[Named]] = []
    seen: set[int] = set()
    highest = 0
    newest = datetime.datetime.min
    for rollout in sorted(rollouts, key=_by_time):
        index, at = rollout.rollout_index, rollout.written_at or newest
        restarts = index is not None and (
            index in seen or (bool(seen) and index < highest and at - newest > REORDERING)
        )
        if not sessions or restarts:
            sessions.append([])
            seen = set()
        sessions[-1].append(rollout)
        if index is not None:
            highest = max(highest, index) if seen else index
            seen.add(index)
        newest = max(newest, at)
    names: dict[str, str] = {}
    taken: set[str] = set()
    for number, session in enumerate(_untangled(sessions)):
        started = session[0].written_at
        name = label if number == 0 else f"{label}@{started:%Y%m%d_%H%M%S}" if started else f"{label}#{number + 1}"
        if name in claimed:
            name += "~folder"
        while name in taken or name in claimed:  # two sessions stamped with the same second
            name += "+"
        taken.add(name)
        names.update((rollout.rollout_id, name) for rollout in session)
    return names


def _untangled(sessions: list[list[Named]]) -> list[list[Named]]:
    """In pieces: short sessions around a restart that is not from 0: so look two counters that run at once."""
    late = [number > 0 and bool(session[0].rollout_index) for number, session in enumerate(sessions)]
    parted: list[list[Named]] = []
    for session, restarts, next_restarts in zip(sessions, late, [*late, False][1:], strict=True):
        if len(session) <= TANGLED and (restarts or next_restarts):
            parted += [[rollout] for rollout in session]
        else:
            parted.append(session)
    return parted


def _by_time(rollout: Named) -> tuple[datetime.datetime, int, str]:
    index = -1 if rollout.rollout_index is None else rollout.rollout_index
    return rollout.written_at or datetime.datetime.min, index, rollout.rollout_id
