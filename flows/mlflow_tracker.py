"""MLflow: a run for each version, and a registered model whose versions and aliases follow the registry's.

Arrives: accounts of versions. Leaves: a run with parameters, figures (step = version), curves (step = epoch), the files
of the version as artifacts, tags; a version of the registered model that names it; aliases where they point today.
What was sent once is not sent again; a run that broke off is replaced.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.tracker import Account
from schemas.errors import SettingsRejected

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

NAME = os.environ.get("MLFLOW_EXPERIMENT_NAME", "pitwall")
"""Of the experiment and of the registered model."""
MANIFEST_TAG = "pitwall.manifest_sha256"
_FOLDER = "model"
_BATCH = 500
"""Figures in one message; the server takes 1000."""
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it would send usage data to its makers
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # its own 7 let a training wait for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
"""Defaults of ours for MLflow's own settings; what the person sets wins."""


class MLflow:
    """A tracking server, or a local database (`sqlite:///mlflow.db`), by its URI."""

    name = "MLflow"

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def send(self, account: Account) -> str:
        """Log the run, register it, point the aliases; returns the run's id.

        Raises SettingsRejected where the package is not installed, else what MLflow raises.
        """
        client = self._client()
        experiment = self._experiment(client)
        run = _known_run(client, experiment, account) or _log(client, experiment, account)
        self._register(client, run, account)
        _point(client, account.aliases)
        return f"{NAME}, run {run.info.run_id}"

    def point(self, aliases: Mapping[str, str]) -> None:
        """Move the registered model's aliases; one whose version was never sent is taken away."""
        _point(self._client(), aliases)

    def _client(self) -> "MlflowClient":
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow.tracking import MlflowClient
        except ModuleNotFoundError as error:
            raise SettingsRejected(
                f"the setting mlflow is set, but {error.name} is not installed: pip install 'pitwall[mlflow]'"
            ) from error
        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def _experiment(self, client: "MlflowClient") -> str:
        known = client.get_experiment_by_name(NAME)
        if known is not None:
            return str(known.experiment_id)
        return str(client.create_experiment(NAME, artifact_location=_artifacts(self.uri)))

    def _register(self, client: "MlflowClient", run: "Run", account: Account) -> None:
        if not client.search_registered_models(f"name = '{NAME}'"):
            client.create_registered_model(NAME, description="Drivers trained with PPO; their registry is Pitwall's.")
        known = _model_version(client, account.identity)
        if known is not None and known.run_id != run.info.run_id:  # of a run that broke off
            client.delete_model_version(NAME, known.version)
        if known is None or known.run_id != run.info.run_id:
            source = f"{run.info.artifact_uri}/{_FOLDER}"
            client.create_model_version(NAME, source, run.info.run_id, tags=_tags(account))


def _known_run(client: "MlflowClient", experiment: str, account: Account) -> "Run | None":
    """The run of this version; one that broke off goes."""
    whole = None
    for run in client.search_runs([experiment], f"tags.`{MANIFEST_TAG}` = '{account.identity}'"):
        if run.info.status == "FINISHED":
            whole = run
        else:
            client.delete_run(run.info.run_id)
    return whole


def _log(client: "MlflowClient", experiment: str, account: Account) -> "Run":
    from mlflow.entities import Metric, Param

    at = int(account.manifest.created_at.timestamp() * 1000)
    version = account.model.version
    run = client.create_run(experiment, start_time=at, tags=_tags(account), run_name=f"v{version:05d}")
    params = [Param(name, str(value)) for name, value in account.settings().items()]
    params += [Param(f"seed.{name}", str(seed)) for name, seed in account.manifest.seeds.items()]
    client.log_batch(run.info.run_id, params=params)
    figures = [Metric(name, value, at, version) for name, value in account.figures().items()]
    figures += [
        Metric(f"epoch/{name}", value, at, epoch)
        for name, curve in account.curves().items()
        for epoch, value in enumerate(curve, 1)
    ]
    for first in range(0, len(figures), _BATCH):
        client.log_batch(run.info.run_id, metrics=figures[first : first + _BATCH])
    with tempfile.TemporaryDirectory(prefix="pitwall-") as folder:
        for name, content in account.files.items():
            (Path(folder) / name).write_bytes(content)
        client.log_artifacts(run.info.run_id, folder, _FOLDER)
    client.set_terminated(run.info.run_id, "FINISHED")
    return client.get_run(run.info.run_id)


def _tags(account: Account) -> dict[str, Any]:
    model = account.model
    told = {
        "version": model.version,
        "start": model.start,
        "parent": model.parent,
        "window_id": model.window_id,
        "fingerprint": model.fingerprint,
        "reward": account.manifest.window and account.manifest.window.reward and account.manifest.window.reward.name,
    }
    tags = {f"pitwall.{name}": str(value) for name, value in told.items() if value is not None}
    return tags | {MANIFEST_TAG: account.identity, "mlflow.note.content": account.files["CARD.md"].decode()[:5000]}


def _model_version(client: "MlflowClient", identity: str) -> "ModelVersion | None":
    found = client.search_model_versions(f"name = '{NAME}' and tag.`{MANIFEST_TAG}` = '{identity}'")
    return found[0] if found else None


def _point(client: "MlflowClient", aliases: Mapping[str, str]) -> None:
    registered = client.search_registered_models(f"name = '{NAME}'")
    if not registered:
        return
    standing = {str(alias): str(version) for alias, version in registered[0].aliases.items()}
    for alias, identity in aliases.items():
        there = _model_version(client, identity)
        if there is None and alias in standing:
            client.delete_registered_model_alias(NAME, alias)
        elif there is not None and standing.get(alias) != str(there.version):
            client.set_registered_model_alias(NAME, alias, str(there.version))


def _artifacts(uri: str) -> str | None:
    """Beside a SQLite file; its default is the folder where the program happens to run. Else as the server says."""
    if not uri.startswith("sqlite:///"):
        return None
    return (Path(uri.removeprefix("sqlite:///")).absolute().parent / "mlartifacts").as_uri()
