"""Who collected what: rollouts without an author meet the registered policies.

Arrives: a lake. Leaves: verdicts in its catalog. With no policy registered nothing is loaded and nothing happens.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from flows.reporter import Reporter
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


def attribute(lake: Lake, report: Reporter) -> dict[str, int]:
    """Judge every rollout that has no author yet and was not tried on every version; returns verdicts counted."""
    newest = attributions.newest_version(lake)
    waiting = attributions.pending(lake, newest) if newest else []
    if not waiting:
        return {}
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
    newest = attributions.newest_version(lake)
    claimed = {rollout.claimed_version for rollout in rollouts}
    versions = {version for version in claimed if version is not None and 1 <= version <= newest}
    if versions == claimed:
        found = find_authors(rows, registered.space, registered.some(versions))
        if all(one.verdict == "author" for one in found.rollouts):
            return found
    return find_authors(rows, registered.space, registered.all())


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
