"""What happened, as events with numbers: to be told to a server that people and automations listen to.

Arrives: a lake and what was done with it. Leaves: an `Event`, or None where nothing happened. A `Reporter`
passes it on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from warehouse import lineage

if TYPE_CHECKING:
    from warehouse.aliases import Move
    from warehouse.ingest_report import IngestReport
    from warehouse.lake import Lake
    from warehouse.promotion import Decision

LANDED = "pitwall.rollouts.landed"
"""Rollouts came into the lake."""
READY = "pitwall.dataset.ready"
"""Another `new_rollouts` (setting) rollouts wait for a training; the automation of `train/ppo` listens to it."""
PUBLISHED = "pitwall.version.published"
"""A version is in the registry."""
PROMOTED = "pitwall.version.promoted"
"""An alias points at another version."""
ROLLED_BACK = "pitwall.version.rolled-back"
"""An alias points at the version before again."""

_FIGURES = ("rows_trained", "kl", "clip_fraction", "entropy", "explained_variance", "return_mean", "seconds")
"""What an event tells of a training's metrics."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a lake or a version; resources are labels as Prefect has them."""

    name: str
    resource: dict[str, str]
    payload: dict[str, Any]
    related: list[dict[str, str]] = field(default_factory=list)


def landed(lake: "Lake", came: "IngestReport") -> Event | None:
    """Rollouts came in; None where none did."""
    if not came.rollouts:
        return None
    runs = lineage.runs_of(lake, came.rollouts)
    payload = {
        "rollouts": len(came.rollouts),
        "experiences": came.experiences,
        "rejected_files": len(came.rejected_files),
        "rejected_rows": sum(map(len, came.rejected_rows.values())),
        "untrained": lineage.waiting(lake),
    }
    related = [
        {"prefect.resource.id": f"pitwall.run/{run}", "prefect.resource.role": "run", "prefect.resource.name": run}
        for run in runs
    ]
    return Event(name=LANDED, resource=_lake(lake), payload=payload, related=related)


def ready(lake: "Lake", came: "IngestReport") -> Event | None:
    """With what came in another `new_rollouts` rollouts wait for a training: one event for each time that they do.

    The count is the catalog's, of rollouts that no version was trained on: no server has to remember anything, and
    rollouts of several ingests add up.
    """
    wanted, waiting = lake.settings.new_rollouts, lineage.waiting(lake)
    if waiting // wanted <= max(waiting - len(came.rollouts), 0) // wanted:
        return None
    return Event(name=READY, resource=_lake(lake), payload={"new_rollouts": waiting, "wanted": wanted})


def published(lake: "Lake", version: int, parent: int | None, metrics: Mapping[str, Any]) -> Event:
    """A version is in the registry; `metrics` are those of its training, empty where there was none."""
    payload = {"version": version, "parent": parent} | {name: metrics[name] for name in _FIGURES if name in metrics}
    return Event(name=PUBLISHED, resource=_version(lake, version), payload=payload, related=[_related(lake)])


def moved(lake: "Lake", move: "Move", *, back: bool = False) -> Event | None:
    """A person moved an alias, or with `back` undid a move; None where it pointed there already."""
    if move.from_version == move.to_version:
        return None
    return _moved(lake, move.alias, move.from_version, move.to_version, move.reason, back=back)


def decided(lake: "Lake", decision: "Decision") -> Event | None:
    """A judgement moved the champion; None where it stays."""
    if not (decision.promoted or decision.rolled_back):
        return None
    compared, back = decision.comparison, decision.rolled_back
    before = None if compared is None else compared.challenger if back else compared.champion
    return _moved(lake, "champion", before, decision.champion, decision.reason, back=back)


def _moved(lake: "Lake", alias: str, before: int | None, version: int, reason: str, *, back: bool) -> Event:
    payload = {"alias": alias, "from_version": before, "to_version": version, "reason": reason}
    name = ROLLED_BACK if back else PROMOTED
    return Event(name=name, resource=_version(lake, version), payload=payload, related=[_related(lake)])


def _lake(lake: "Lake") -> dict[str, str]:
    home = lake.settings.home.absolute()
    return {"prefect.resource.id": f"pitwall.lake/{home.name}", "prefect.resource.name": str(home)}


def _version(lake: "Lake", version: int) -> dict[str, str]:
    home = lake.settings.home.absolute().name
    return {
        "prefect.resource.id": f"pitwall.model/{home}/v{version:05d}",
        "prefect.resource.name": f"version {version}",
    }


def _related(lake: "Lake") -> dict[str, str]:
    return _lake(lake) | {"prefect.resource.role": "lake"}
