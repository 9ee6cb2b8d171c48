"""A Minari dataset into the lake, through the same door as an engine's files.

Arrives: the folder or id of a dataset. Leaves: its rollouts as files under `imports` in the home, and an `IngestReport`
that accounts for each of them and each row.
"""

from pathlib import Path

from flows.landing import bring_in
from flows.reporter import Reporter
from warehouse.ingest_report import IngestReport
from warehouse.lake import Lake
from warehouse.minari_import import dataset_folder, documents
from warehouse.outside_file import put_outside


def import_dataset(lake: Lake, place: Path | str, report: Reporter, *, retry_rejected: bool = False) -> IngestReport:
    """Write the dataset's rollouts and ingest them; the same dataset twice goes in once.

    Raises:
        NotRegistered: there is no such dataset here.
        RolloutRejected: it cannot be rollouts: a space is not a flat Box, or infos lack log_prob or value.
        SettingsRejected: Minari is not installed.
        CatalogBusy, StorageBusy: the same call goes on from there.
    """
    return bring_in(lake, report.stage("read", _unfold, lake, place), report, retry_rejected=retry_rejected)


def _unfold(lake: Lake, place: Path | str) -> list[Path]:
    files = []
    for document in documents(dataset_folder(place)):
        files.append(lake.paths.imports(document.run_id) / f"rollout_{document.index}.json")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        put_outside(files[-1], document.content)
    return files
