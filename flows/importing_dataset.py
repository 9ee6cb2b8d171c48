"""A Minari dataset into the lake, through the same door as an engine's files.

Arrives: the folder or id of a dataset. Leaves: its rollouts as files under `imports` in the home, and an `IngestReport`
that accounts for each of them and each row.
"""

from pathlib import Path

from flows.landing import bring_in
from flows.reporter import Reporter
from schemas.counted import counted
from schemas.errors import RolloutRejected
from warehouse.ingest_report import IngestReport
from warehouse.lake import Lake
from warehouse.minari_import import copies, dataset_folder, documents
from warehouse.outside_file import put_outside


def import_dataset(lake: Lake, place: Path | str, report: Reporter, *, retry_rejected: bool = False) -> IngestReport:
    """Write the dataset's rollouts and ingest them; the same dataset twice goes in once.

    Episodes that were exported from this very lake are left out and stand among `ignored`: they would count twice.

    Raises:
        NotRegistered: there is no such dataset here.
        RolloutRejected: it cannot be rollouts: a space is not a flat Box, or infos lack log_prob or value; or all of it
            came from this very lake.
        SettingsRejected: Minari is not installed.
        CatalogBusy, StorageBusy: the same call goes on from there.
    """
    folder = dataset_folder(place)
    twice = copies(lake, folder)
    files = report.stage("read", _unfold, lake, folder, twice)
    told = f"{counted(len(twice), 'episode')} came from rollouts of this very lake, and would be trained on twice"
    if not files and twice:
        raise RolloutRejected(
            f"{place}: {told}. Bring them into another home: pitwall --home OTHER ingest --minari {place}"
        )
    came = bring_in(lake, files, report, retry_rejected=retry_rejected)
    if twice:
        came.ignored[str(place)] = f"{told}; they are left out"
    return came


def _unfold(lake: Lake, folder: Path, without: frozenset[int]) -> list[Path]:
    files = []
    for document in documents(folder, without):
        files.append(lake.paths.imports(document.run_id) / f"rollout_{document.index}.json")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        put_outside(files[-1], document.content)
    return files
