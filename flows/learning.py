"""From the rows of a window to a trained policy that nobody has published yet.

Arrives: rows, a configuration, the version to go on from. Leaves: a `Learned`: the policy, what was made of each row,
and hashes of what was used.
"""

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.critics import Critics, critics_of
from flows.reporter import Reporter
from flows.torchrun import train_shared
from schemas.ingredients import Ingredients, Machine
from schemas.manifest import OPTIMIZER, WEIGHTS
from schemas.role import RoleRows
from schemas.training import TrainConfig
from schemas.window import WindowManifest
from warehouse import registry
from warehouse.lake import Lake

if TYPE_CHECKING:
    import pyarrow as pa
    import torch

    from ppo.batch import Batch
    from ppo.learner import Trained
    from ppo.policy import Policy

CLONED = (
    "started by a clone of unknown behaviour: no registered policy computes the recorded values. Load this "
    "version into the engine before collecting more, and the next training starts from it exactly",
    "the clone's standard deviation holds the engine's exploration noise, which the engine multiplies in again",
)


@dataclass(frozen=True)
class Learned:
    """An update, and what it was made of."""

    trained: "Trained"
    start: str
    """warm or clone."""
    golden: Any  # (rows, O) float32
    notes: tuple[str, ...]
    start_metrics: dict[str, float]
    """Of a clone, and of a critic that was fitted to another reward."""
    rows: list[RoleRows]
    ingredients: Ingredients


def batch_of(
    lake: Lake, window: WindowManifest, table: "pa.Table", config: TrainConfig, parent: int | None
) -> tuple["Batch", Critics]:
    """The rows as tensors, where `config` wants them, as recorded; and whose values these are."""
    from ppo.batch import Batch
    from ppo.device import device_for

    critics = critics_of(lake, window, table, parent)
    own = critics.recorded_are_foreign
    return Batch.from_arrow(table, window.space, device_for(config), own_values=own), critics


def learn(
    lake: Lake, window: WindowManifest, table: "pa.Table", config: TrainConfig, parent: int | None, report: Reporter
) -> Learned:
    """Go on from `parent` with its optimizer's state, or from a clone of the rows.

    A critic that knew another reward than the window's is fitted to that first.

    Raises:
        SettingsRejected: the device is not there.
        WindowEmpty: no row can be trained on.
        TrainingStopped: a number is not finite, or every source is too far from the start.
        WorkersLost: one of `config.processes` was killed.
        LakeDamaged: a file of a version is gone, or is not what was published.
    """
    from ppo.clone import clone
    from ppo.learner import train
    from ppo.parcel import Parcel
    from ppo.parity import golden_inputs
    from ppo.roles import roles

    batch, critics = batch_of(lake, window, table, config, parent)
    used = ingredients(lake, batch, parent)
    metrics: dict[str, float] = {}
    notes = CLONED if parent is None else ()
    if parent is None:
        cloned = clone(batch, config, lambda epoch, epochs: report.progress("cloning", epoch, epochs))
        policy, metrics = cloned.policy, {f"clone_{name}": value for name, value in cloned.metrics.items()}
    else:
        policy = _policy(lake, parent)
    collectors = {version: policy if version == parent else _policy(lake, version) for version in batch.collectors}
    state = None if used.optimizer is None or parent is None else registry.read_file(lake, parent, OPTIMIZER)

    def progress(epoch: int, epochs: int, figures: dict[str, float]) -> None:
        report.progress("epochs", epoch, epochs, f"KL {figures['kl']:.4f}")

    if critics.recorded_are_foreign:
        policy, batch, state, figures, told = critics.adopt(policy, batch, config, state, report)
        metrics, notes = metrics | figures, (*notes, *told)
    if config.compile:
        report.say("compiling the step: a quarter of a minute for each size of minibatch, less another time")
    if config.processes == 1:
        trained = train(policy, batch, config, state, progress, collectors)
    else:
        trained = train_shared(Parcel(policy, batch, config, state, collectors), progress)
    return Learned(
        trained,
        "clone" if parent is None else "warm",
        golden_inputs(batch),
        notes,
        metrics,
        roles(table, batch, trained.sources),
        used,
    )


def ingredients(lake: Lake, batch: "Batch", parent: int | None) -> Ingredients:
    """Hashes of what goes into a training, here and now."""
    versions = batch.collectors | ({parent} if parent is not None else set())
    files = {version: registry.get(lake, version).files for version in sorted(versions)}
    state = None if parent is None else files[parent].get(OPTIMIZER)
    return Ingredients(
        tensors=batch.hashes(),
        policies={version: each[WEIGHTS].sha256 for version, each in files.items()},
        optimizer=None if state is None else state.sha256,
        machine=machine(batch.reward.device),
        learner=_learner(),
    )


def _learner() -> str:
    """Of every file of ppo/, whatever ends its lines."""
    import ppo

    digest = hashlib.sha256()
    for path in sorted(Path(ppo.__path__[0]).glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_text(encoding="utf-8").encode() + b"\0")
    return digest.hexdigest()


def machine(device: "torch.device") -> Machine:
    """What computes here."""
    import torch

    name = f"cuda {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        cpu=_processor(),
        instructions=torch.backends.cpu.get_cpu_capability(),
        threads=torch.get_num_threads(),
        device=name,
    )


def _processor() -> str:
    """Linux tells it in a file, Windows and macOS by the call."""
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or "unknown"


def _policy(lake: Lake, version: int) -> "Policy":
    from ppo.policy import Policy

    return Policy.from_safetensors(registry.read_file(lake, version, WEIGHTS))
