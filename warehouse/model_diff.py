"""What sets two versions apart.

Arrives: two numbers or aliases. Leaves: a `ModelDiff` of settings, figures and rollouts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from warehouse.lake import Lake
from warehouse.model import Model
from warehouse.model_lineage import rollouts_of
from warehouse.registry import get


@dataclass(frozen=True, kw_only=True)
class ModelDiff:
    """Only what differs; a side that lacks a setting or figure has None."""

    a: Model
    b: Model
    same_weights: bool
    config: dict[str, tuple[Any, Any]]
    metrics: dict[str, tuple[float | None, float | None]]
    windows: tuple[str | None, str | None]
    rollouts_only_a: tuple[str, ...]
    rollouts_only_b: tuple[str, ...]
    rollouts_shared: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        fields = ("same_weights", "config", "metrics", "windows")
        rollouts = ("rollouts_only_a", "rollouts_only_b", "rollouts_shared")
        return {"a": self.a.version, "b": self.b.version} | {name: getattr(self, name) for name in (*fields, *rollouts)}


def diff(lake: Lake, a: int | str, b: int | str) -> ModelDiff:
    """The differences between two versions; raises NotRegistered when one is not there."""
    first, second = get(lake, a), get(lake, b)
    ours = {rollout.rollout_id: None for rollout in rollouts_of(lake, first.version)}  # a set that keeps the order
    theirs = {rollout.rollout_id: None for rollout in rollouts_of(lake, second.version)}
    return ModelDiff(
        a=first,
        b=second,
        same_weights=first.fingerprint == second.fingerprint,
        config=_changed(first.config, second.config),
        metrics=_changed(first.metrics, second.metrics),
        windows=(first.window_id, second.window_id),
        rollouts_only_a=tuple(rollout for rollout in ours if rollout not in theirs),
        rollouts_only_b=tuple(rollout for rollout in theirs if rollout not in ours),
        rollouts_shared=tuple(rollout for rollout in ours if rollout in theirs),
    )


def _changed(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (a.get(name), b.get(name)) for name in sorted(a.keys() | b.keys()) if a.get(name) != b.get(name)}
