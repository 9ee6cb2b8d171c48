"""A version trained again from its manifest, to see whether the same weights come out.

Arrives: a number or an alias. Leaves: a `Reproduction`. Nothing is published, nothing in the lake changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from flows.learning import batch_of, ingredients, learn
from flows.publishing import libraries
from flows.reporter import Reporter
from schemas.errors import LakeDamaged, NotRegistered, Terminal
from schemas.ingredients import Facts
from schemas.manifest import FACTS, OPTIMIZER, WEIGHTS, ModelManifest
from schemas.training import TrainConfig
from warehouse import registry, windows
from warehouse.lake import Lake
from warehouse.window_rows import window_rows

if TYPE_CHECKING:
    from schemas.window import WindowManifest


@dataclass(kw_only=True)
class Reproduction:
    """What came of it."""

    version: int
    start: str
    identical: bool = False
    """The same weights (and optimizer state), bit for bit; of an imported version: the weights that came in."""
    differs: list[str] = field(default_factory=list)
    """Ingredients that are other than they were, in words; and where nothing is, what came out other."""
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


class _Differs(Exception):
    """There is no use in training: what went in is not there any more."""


def reproduce(lake: Lake, version: int | str, report: Reporter) -> Reproduction:
    """Make a version again from its manifest and compare.

    Raises:
        NotRegistered: no such version.
        LakeDamaged: the version's own manifest or weights are gone, or are not what was published.
    """
    manifest = registry.read_manifest(lake, version)
    weights = registry.read_file(lake, manifest.version, WEIGHTS)
    found = Reproduction(version=manifest.version, start=manifest.start, seconds=report.seconds)
    if manifest.start == "imported":
        _look_at_import(manifest, weights, found)
        return found
    try:
        config = _config(manifest, found)
        if manifest.start == "fresh":
            made, state = _fresh(manifest, config), None
        else:
            made, state = _train_again(lake, manifest, config, found, report)
    except LakeDamaged as error:
        found.differs.append(f"files: {error}")
        return found
    except (_Differs, Terminal) as error:
        found.differs.append(str(error))
        return found
    off = _off("weight", made, weights)
    if state is not None:
        off += _off("optimizer state", state, registry.read_file(lake, manifest.version, OPTIMIZER))
    found.identical = not off
    if off:
        found.differs = [*(found.differs or ["every ingredient that is known is the same"]), *off]
    else:
        found.notes += [f"other here, without effect: {other}" for other in found.differs]
        found.differs = []
    return found


def _look_at_import(manifest: ModelManifest, weights: bytes, found: Reproduction) -> None:
    from ppo.policy import Policy

    found.notes.append("it was imported: it came as a file, there is no training to do again")
    found.identical = Policy.from_safetensors(weights).fingerprint == manifest.fingerprint
    if not found.identical:
        found.differs.append("its weights have another fingerprint than its manifest says")


def _config(manifest: ModelManifest, found: Reproduction) -> TrainConfig:
    try:
        config = TrainConfig.model_validate(manifest.config)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise _Differs(f"configuration: this release does not take it any more ({wrong})") from error
    if new := sorted(TrainConfig.model_fields.keys() - manifest.config.keys()):
        found.differs.append(f"configuration: {', '.join(new)} is new since; its default is taken")
    here = libraries()
    for name in sorted(here.keys() | manifest.libraries.keys()):
        was, now = manifest.libraries.get(name, "none"), here.get(name, "none")
        if was != now:
            found.differs.append(f"libraries: {name} was {was}, here it is {now}")
    return config


def _fresh(manifest: ModelManifest, config: TrainConfig) -> bytes:
    from flows.fresh import random_policy

    return random_policy(manifest.space, config).to_safetensors()


def _train_again(
    lake: Lake, manifest: ModelManifest, config: TrainConfig, found: Reproduction, report: Reporter
) -> tuple[bytes, bytes]:
    from ppo.device import threads

    window, facts = _window(lake, manifest, found), _facts(lake, manifest, found)
    try:
        table = report.stage("load", window_rows, lake, window, None if facts is None else facts.rollouts)
    except LakeDamaged as error:
        raise _Differs(f"rows: {error}") from error
    recorded = manifest.ingredients
    if recorded is None:
        learned = report.stage("learn", learn, lake, window, table, config, manifest.parent, report)
    else:
        # Where the tensors lie and on how many threads is part of the recipe, not of the machine.
        config = config.model_copy(update={"device": recorded.machine.device.partition(" ")[0]})
        with threads(recorded.machine.threads):
            batch, _ = batch_of(lake, window, table, config, manifest.parent)
            used = ingredients(lake, batch, manifest.parent)
            found.differs += _unlike("machine", recorded.machine.model_dump(), used.machine.model_dump())
            found.differs += _unlike("learner", {"its source": recorded.learner}, {"its source": used.learner})
            changed = [
                *_unlike("policies", _named(recorded.policies), _named(used.policies)),
                *_unlike(
                    "optimizer", {"state of the parent": recorded.optimizer}, {"state of the parent": used.optimizer}
                ),
                *_unlike("batch", recorded.tensors, used.tensors),
            ]
            if changed:
                found.differs += changed
                raise _Differs("training again would be another training; nothing was trained")
            learned = report.stage("learn", learn, lake, window, table, config, manifest.parent, report)
    return learned.trained.policy.to_safetensors(), learned.trained.optimizer_state


def _window(lake: Lake, manifest: ModelManifest, found: Reproduction) -> "WindowManifest":
    if manifest.window is None:
        raise _Differs("window: the manifest names none")
    try:
        window = windows.stored(lake, manifest.window.id)
    except NotRegistered as error:
        raise _Differs(f"window: {error}") from error
    if window.rows_sha256 != manifest.window.rows_sha256:
        found.differs.append("window: its rows have another hash than the manifest says")
    return window


def _facts(lake: Lake, manifest: ModelManifest, found: Reproduction) -> Facts | None:
    if FACTS in manifest.files:
        return Facts.model_validate_json(registry.read_file(lake, manifest.version, FACTS))
    found.differs.append(
        "facts: an earlier release trained it and did not write down who had driven, with how much noise, on which "
        "machine; what is known today is taken"
    )
    return None


def _unlike(what: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [
        f"{what}: {name} was {_short(was.get(name))}, here it is {_short(now.get(name))}"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    ]


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    return text[:12] if len(text) == 64 else text


def _named(policies: Mapping[int, str]) -> dict[str, str]:
    return {f"version {version}": sha256 for version, sha256 in policies.items()}


def _off(what: str, made: bytes, kept: bytes) -> list[str]:
    from ppo.likeness import differences

    return [f"{what} {name}: off by up to {off:.3g}" for name, off in differences(made, kept).items()]
