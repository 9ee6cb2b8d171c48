"""Files in the home that belong to nobody.

Arrives: a lake. Leaves: `Leftover`s, which are no damage: a killed process leaves them, and a running one is about to
name them in the catalog.
"""

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from warehouse import tables as t
from warehouse.lake import Lake
from warehouse.verification import Leftover


def leftovers(lake: Lake) -> list[Leftover]:
    """What lies among partitions, versions, rejects and unfinished files without a row of the catalog."""
    paths = lake.paths
    lying = [*_files(paths.experiences), *_entries(paths.models), *_files(paths.rejects), *_entries(paths.scratch)]
    with lake.catalog.read() as connection:  # after the disk was read: what was committed meanwhile is known
        known = set(connection.scalars(sa.select(t.partitions.c.path)))
        known |= set(connection.scalars(sa.select(t.models.c.folder)))
        rejected = connection.scalars(sa.select(t.rejects.c.content_id).where(t.rejects.c.row_index == -1))
        known |= {paths.relative(paths.reject(content)) for content in rejected}
        named = sa.select(t.models.c.folder, t.model_files.c.name).join_from(t.models, t.model_files)
        files = {f"{folder}/{name}" for folder, name in connection.execute(named)}
    owned = [path for path in lying if path.is_dir() and paths.relative(path) in known]
    beside = [path for folder in owned for path in _entries(folder) if paths.relative(path) not in files]
    nobody = [path for path in lying if paths.relative(path) not in known]
    return [Leftover(paths.relative(path), _bytes(path)) for path in sorted({*nobody, *beside})]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _entries(folder: Path) -> Iterator[Path]:
    return folder.iterdir() if folder.is_dir() else iter(())


def _bytes(path: Path) -> int:
    try:
        return sum(file.stat().st_size for file in (_files(path) if path.is_dir() else [path]))
    except FileNotFoundError:  # a running process has just finished with it
        return 0
