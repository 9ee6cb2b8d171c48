"""Who collected what: rollouts without an author meet the registered policies.

Arrives: a lake. Leaves: verdicts in its catalog. With no policy registered nothing is loaded and nothing happens.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Container, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from flows.loading import load_torch
from flows.reporter import Reporter
from schemas.counted import counted
from schemas.manifest import WEIGHTS
from schemas.space import Space
from warehouse import attributions, registry
from warehouse.attributions import Verdict, Waiting
from warehouse.lake import Lake
from warehouse.window_rows import rollout_rows

if TYPE_CHECKING:
    from ppo.authorship import Authorship
    from ppo.policy import Policy

_AT_ONCE = 64
"""Rollouts looked at together; episodes span files, so those of a run belong together."""
_NAMED = 5
"""Claims that a line names."""


def attribute(lake: Lake, report: Reporter) -> dict[str, int]:
    """Judge every rollout that has no author yet and was not tried on every version; returns verdicts counted."""
    newest = attributions.newest_version(lake)
    waiting = attributions.pending(lake, newest) if newest else []
    if not waiting:
        return {}
    _tell_foreign(waiting, attributions.claimable(lake), report)
    load_torch(report)
    counts: Counter[str] = Counter()
    for _, group in groupby(waiting, key=lambda rollout: (rollout.space_id, rollout.run_id)):
        rollouts = list(group)
        registered = _Registered(lake, attributions.space_of(lake, rollouts[0].rollout_id))
        for start in range(0, len(rollouts), _AT_ONCE):
            found = _authorship(lake, rollouts[start : start + _AT_ONCE], registered)
            verdicts = list(_verdicts(found))
            attributions.store(lake, verdicts, newest)
            counts.update(verdict.verdict for verdict in verdicts)
            report.progress("authors", counts.total(), len(waiting))
    return dict(counts)


def _tell_foreign(waiting: list[Waiting], known: Container[int], report: Reporter) -> None:
    """Numbers that no version here has cannot be wrong claims; that they are taken for none is said once."""
    asked = [one.claimed_version for one in waiting if not one.is_judged and one.claimed_version is not None]
    if foreign := [claim for claim in asked if claim not in known]:
        numbers = ", ".join(map(str, sorted(set(foreign))[:_NAMED])) + (", ..." if len(set(foreign)) > _NAMED else "")
        report.say(
            f"{counted(len(foreign), 'rollout')} with policy_version {numbers}, which this lake does not have: "
            "taken for the engine's own count, and who drove is found from the values"
        )


class _Registered:
    """Policies that may have driven in a space, read when they are looked at."""

    def __init__(self, lake: Lake, space: Space) -> None:
        self.lake, self.space = lake, space
        self.read: dict[int, Policy] = {}

    def some(self, versions: set[int]) -> "dict[int, Policy]":
        from ppo.policy import Policy

        for version in versions - self.read.keys():
            self.read[version] = Policy.from_safetensors(registry.read_file(self.lake, version, WEIGHTS))
        return {version: self.read[version] for version in versions}

    def all(self) -> "dict[int, Policy]":
        return self.some({model.version for model in registry.candidates(self.lake, self.space)})


def _authorship(lake: Lake, rollouts: list[Waiting], registered: _Registered) -> "Authorship":
    """Claims are tried first: with hundreds of versions, reading them all is most of the work."""
    from ppo.authorship import attribute as find_authors

    rows = rollout_rows(lake, [rollout.rollout_id for rollout in rollouts])
    claimed = {rollout.claimed_version for rollout in rollouts}
    known = attributions.claimable(lake)
    versions = {version for version in claimed if version is not None and version in known}
    if versions == claimed:
        found = find_authors(rows, registered.space, registered.some(versions), known)
        if all(one.verdict == "author" for one in found.rollouts):
            return found
    return find_authors(rows, registered.space, registered.all(), known)


def _verdicts(found: "Authorship") -> Iterator[Verdict]:
    noise: dict[str, list[tuple[int, int, float]]] = defaultdict(list)
    for segment in found.noise.to_pylist():
        noise[segment["rollout_id"]].append((segment["agent_index"], segment["first_step"], segment["noise_scale"]))
    for one in found.rollouts:
        yield Verdict(
            rollout_id=one.rollout_id,
            version=one.version,
            verdict=one.verdict,
            message=one.message,
            value_error=_known(one.value_error),
            log_prob_error=_known(one.log_prob_error),
            noise=noise[one.rollout_id],
        )


def _known(number: float) -> float | None:
    return number if math.isfinite(number) else None
