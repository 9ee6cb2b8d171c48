"""Who collected what: rollouts without an author meet the registered policies.

Arrives: a lake. Leaves: verdicts in its catalog. With no policy registered nothing is loaded and nothing happens.
"""

import math
from collections import Counter, defaultdict
from itertools import groupby

from flows.reporter import Reporter
from schemas.manifest import WEIGHTS
from warehouse import attributions, registry
from warehouse.attributions import Verdict
from warehouse.lake import Lake
from warehouse.window_rows import rollout_rows

_AT_ONCE = 64
"""Rollouts looked at together; episodes span files, so those of a run belong together."""


def attribute(lake: Lake, report: Reporter) -> dict[str, int]:
    """Judge every rollout that has no author yet and was not tried on every version; returns verdicts counted."""
    models = registry.versions(lake)
    if not models:
        return {}
    newest = models[-1].version
    waiting = attributions.pending(lake, newest)
    if not waiting:
        return {}
    from ppo.authorship import attribute as find_authors
    from ppo.policy import Policy

    counts: Counter[str] = Counter()
    for _, group in groupby(waiting, key=lambda row: row[:2]):
        ids = [rollout_id for _, _, rollout_id in group]
        space = attributions.space_of(lake, ids[0])
        candidates = {
            model.version: Policy.from_safetensors(registry.read_file(lake, model.version, WEIGHTS))
            for model in registry.candidates(lake, space)
        }
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            found = find_authors(rollout_rows(lake, some), space, candidates)
            noise: dict[str, list[tuple[int, int, float]]] = defaultdict(list)
            for segment in found.noise.to_pylist():
                noise[segment["rollout_id"]].append(
                    (segment["agent_index"], segment["first_step"], segment["noise_scale"])
                )
            verdicts = [
                Verdict(
                    rollout_id=one.rollout_id,
                    version=one.version,
                    verdict=one.verdict,
                    message=one.message,
                    value_error=_known(one.value_error),
                    log_prob_error=_known(one.log_prob_error),
                    noise=noise[one.rollout_id],
                )
                for one in found.rollouts
            ]
            attributions.store(lake, verdicts, newest)
            counts.update(verdict.verdict for verdict in verdicts)
            report.progress("authors", counts.total(), len(waiting))
    return dict(counts)


def _known(number: float) -> float | None:
    return number if math.isfinite(number) else None
