"""TensorBoard: event files in a folder, one run for each version and one over all of them.

Arrives: accounts of versions. Leaves: `v00002-1a2b3c4d/` with curves by epoch, figures and hyperparameters, and
`updates/` with the figures of every version at step = version: how learning goes on. Written by TensorBoard's own
writer; TensorFlow is not needed. What was written once is not written again.
"""

import json
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.tracker import Account
from schemas.errors import SettingsRejected

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

UPDATES = "updates"
_TAGS = {
    "kl": "train/approx_kl",
    "policy_loss": "train/policy_gradient_loss",
    "return_mean": "rollout/return_mean",
    "rows_trained": "rollout/rows_trained",
    "updates": "train/n_updates",
}
"""The tags under which others look for them (Stable-Baselines3's); any other figure is train/<name>."""


class TensorBoard:
    """Event files below `folder`."""

    name = "TensorBoard"

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def send(self, account: Account) -> str:
        """Write the version's run, whole or not at all, and its step of `updates`.

        Raises:
            SettingsRejected: the package is not installed.
            OSError: the folder cannot be written.
        """
        run = f"v{account.model.version:05d}-{account.model.fingerprint[:8]}"
        if not (self.folder / run).exists():
            unfinished = self.folder / f".{uuid.uuid4().hex}.tmp"
            try:
                self._write_run(unfinished, account)
                unfinished.rename(self.folder / run)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
        if not list((self.folder / UPDATES).glob(f"*.{run}")):
            with _writer(self.folder / UPDATES, f".{run}") as writer:
                _add(writer, account, account.figures())
        return str(self.folder / run)

    def point(self, aliases: Mapping[str, str]) -> None:
        """TensorBoard knows no aliases."""

    def _write_run(self, folder: Path, account: Account) -> None:
        with _writer(folder) as writer:
            from torch.utils.tensorboard.summary import hparams

            for name, curve in account.curves().items():
                for epoch, value in enumerate(curve, 1):
                    writer.add_scalar(f"epoch/{_leaf(name)}", value, epoch, _moment(account))
            _add(writer, account, account.figures())
            told = {name: _plain(value) for name, value in account.settings().items()}
            told |= {"start": account.model.start, "parent": account.model.parent or 0}
            metrics = dict.fromkeys(map(_tag, account.figures()))
            for summary in hparams(told, metrics):  # type: ignore[no-untyped-call]
                writer.file_writer.add_summary(summary, walltime=_moment(account))
            writer.add_text("card", account.files["CARD.md"].decode(), account.model.version, _moment(account))


def _writer(folder: Path, suffix: str = "") -> "SummaryWriter":
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        raise SettingsRejected(
            f"the setting tensorboard is set, but {error.name} is not installed: pip install 'pitwall[tensorboard]'"
        ) from error
    return SummaryWriter(str(folder), filename_suffix=suffix)


def _add(writer: "SummaryWriter", account: Account, figures: Mapping[str, float]) -> None:
    for name, value in figures.items():
        writer.add_scalar(_tag(name), value, account.model.version, _moment(account))


def _tag(name: str) -> str:
    return _TAGS.get(name, f"train/{name}")


def _leaf(name: str) -> str:
    return _tag(name).partition("/")[2]


def _moment(account: Account) -> float:
    """When the version was made, in seconds since 1970."""
    return account.manifest.created_at.timestamp()


def _plain(value: Any) -> str | bool | int | float:  # noqa: ANN401 - a field of a configuration
    return value if isinstance(value, str | bool | int | float) else json.dumps(value)
