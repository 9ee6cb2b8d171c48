"""Is everything still there, bit for bit? Looks at every file that the catalog names, and changes nothing.

Arrives: a lake. Leaves: a `Verification`: what is damaged, what hangs on it, what belongs to nobody.
"""

import time
from collections.abc import Callable

from warehouse.catalog_check import damaged_catalog, damaged_windows
from warehouse.lake import Lake
from warehouse.leftovers import leftovers
from warehouse.model_check import broken_aliases, damaged_models, model_files
from warehouse.partition_check import damaged_partitions, partitions
from warehouse.reject_check import damaged_rejects, rejected_files
from warehouse.verification import Verification

Progress = Callable[[int, int, str], None]
"""Called with (files done, files to do, the one that is looked at)."""


def verify(lake: Lake, *, deep: bool = False, progress: Progress | None = None) -> Verification:
    """Hold every stored file against its checksum; with `deep` the rows of every rollout against theirs too.

    Safe beside running ingests and trainings: what they are just writing counts as left over, and nothing is touched.

    Raises:
        CatalogBusy: the catalog is locked or out of reach.
        LakeDamaged: the catalog itself cannot be read.
    """
    began = time.perf_counter()
    parts, files, rejected = partitions(lake), model_files(lake), rejected_files(lake)
    total = len(parts) + sum(row.name is not None for row in files) + len(rejected)
    done = 0

    def tick(place: str) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total, place)

    found = Verification(deep=deep)
    found.damages += damaged_catalog(lake)
    found.damages += damaged_partitions(lake, parts, tick, deep=deep)
    found.damages += damaged_windows(lake)
    found.damages += damaged_models(lake, files, tick)
    found.damages += broken_aliases(lake)
    found.damages += damaged_rejects(lake, rejected, tick)
    found.leftovers = leftovers(lake)
    found.checked = {
        "partitions": len(parts),
        "rows": sum(row.rows for row in parts),
        "versions": len({row.version for row in files}),
        "model_files": sum(row.name is not None for row in files),
        "rejected_files": len(rejected),
        "bytes": sum(row.bytes for row in parts) + sum(row.bytes or 0 for row in files),
    }
    found.seconds = time.perf_counter() - began
    return found
