"""What a tracker of experiments is told of a version, and what it must be able to do.

Arrives: a published version. Leaves: an `Account` of it. Trackers: `flows.tensorboard_tracker`, `flows.mlflow_tracker`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from schemas.manifest import ModelManifest
from warehouse.model import Model


@dataclass(frozen=True)
class Account:
    """One version, and the names that point at versions today."""

    model: Model
    manifest: ModelManifest
    files: Mapping[str, bytes]
    """Of its folder, each checked against its hash."""
    aliases: Mapping[str, str]
    """Alias -> manifest hash of the version that it points at."""

    @property
    def identity(self) -> str:
        """Hash of the manifest: no two versions of any lake share it."""
        return self.model.files["manifest.json"].sha256

    def figures(self) -> dict[str, float]:
        """Single figures by name."""
        return dict(self.manifest.metrics)

    def curves(self) -> dict[str, tuple[float, ...]]:
        """Figures per epoch, from epoch 1, by name without `epoch.`."""
        return {name.removeprefix("epoch."): curve for name, curve in self.manifest.curves.items()}

    def settings(self) -> dict[str, Any]:
        """The configuration that it was trained with."""
        return dict(self.manifest.config)


class Tracker(Protocol):
    """Another tool that keeps runs. The same version twice is one run there."""

    name: str

    def send(self, account: Account) -> str:
        """Tell it of a version; returns where it lies. May raise whatever the tool raises."""
        ...

    def point(self, aliases: Mapping[str, str]) -> None:
        """Tell it where aliases point, by manifest hash; what it does not know, it leaves out."""
        ...
