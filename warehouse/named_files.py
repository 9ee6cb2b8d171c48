"""The files that a catalog names, each with what proves it.

Arrives: a catalog. Leaves: `NamedFile`s; everything that a lake needs besides its catalog.
"""

import gzip
import hashlib
import zlib
from dataclasses import dataclass

import sqlalchemy as sa

from schemas.manifest import CARD, MANIFEST
from warehouse import tables as t
from warehouse.catalog import Catalog
from warehouse.paths import Paths


@dataclass(frozen=True)
class NamedFile:
    """One file below the home."""

    path: str
    sha256: str
    size: int | None
    """None: the catalog does not tell."""
    unpacked: bool = False
    """The hash is over the unpacked content."""
    may_lack: bool = False
    """Garbage collection may have removed it."""

    def damage(self, content: bytes) -> str:
        """What is wrong with this content; empty when it is the file's."""
        if self.unpacked:
            try:
                content = gzip.decompress(content)
            except (OSError, EOFError, zlib.error) as error:
                return f"cannot be unpacked ({error})"
        found = hashlib.sha256(content).hexdigest()
        return "" if found == self.sha256 else f"its sha256 is {found}, wanted {self.sha256}"


def named_files(catalog: Catalog, paths: Paths) -> list[NamedFile]:
    """Partitions whose file was not removed, files of versions, bytes of rejected files; by path."""
    p, m, f, j = t.partitions.c, t.models.c, t.model_files.c, t.rejects.c
    files: dict[str, NamedFile] = {}
    with catalog.read() as connection:
        for path, identity, size, retired_at in connection.execute(
            sa.select(p.path, p.partition_id, p.bytes, p.retired_at).where(p.removed_at.is_(None))
        ):
            files[path] = NamedFile(path, identity, size, may_lack=retired_at is not None)
        for folder, name, sha256, size, dropped_at in connection.execute(
            sa.select(m.folder, f.name, f.sha256, f.bytes, m.dropped_at).join_from(t.model_files, t.models)
        ):
            gone = dropped_at is not None and name not in (MANIFEST, CARD)
            files[f"{folder}/{name}"] = NamedFile(f"{folder}/{name}", sha256, size, may_lack=gone)
        rejects: dict[str, bool] = {}
        for content_id, resolved_by in connection.execute(
            sa.select(j.content_id, j.resolved_by).where(j.row_index == -1)
        ):
            rejects[content_id] = rejects.get(content_id, True) and resolved_by is not None
        for content_id, resolved in rejects.items():
            path = paths.relative(paths.reject(content_id))
            files[path] = NamedFile(path, content_id, None, unpacked=True, may_lack=resolved)
    return sorted(files.values(), key=lambda file: file.path)
