"""What was turned away, kept as it was.

Arrives: rejected files and rows. Leaves: their list, their raw text, and copies for mending.
"""

import gzip
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from schemas.errors import LakeDamaged, NotRegistered
from warehouse import tables as t
from warehouse.lake import Lake
from warehouse.paths import Paths, made_young, whole_file


@dataclass(frozen=True)
class Reject:
    """One file (`row_index` None) or one row."""

    reject_id: int
    content_id: str
    file_name: str
    file_path: str
    row_index: int | None
    reason: str
    rejected_at: datetime
    resolved_by: str | None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"rejected_at": self.rejected_at.isoformat() + "Z"}


def keep_file(paths: Paths, content_id: str, content: bytes) -> None:
    """Keep the bytes of a rejected file under their hash."""
    target = paths.reject(content_id)
    if not made_young(target):
        with whole_file(target, paths.scratch) as file:
            file.write(gzip.compress(content, mtime=0))


def rejects(lake: Lake, *, file_name: str | None = None, resolved: bool = False) -> list[Reject]:
    """The rejects, oldest first: those still open or, with `resolved`, all of them."""
    r = t.rejects.c
    query = sa.select(
        r.reject_id, r.content_id, r.file_name, r.file_path, r.row_index, r.reason, r.rejected_at, r.resolved_by
    ).order_by(r.reject_id)
    if file_name is not None:
        query = query.where(r.file_name == file_name)
    if not resolved:
        query = query.where(r.resolved_by.is_(None))
    with lake.catalog.read() as connection:
        rows = connection.execute(query).all()
    return [
        Reject(
            row.reject_id,
            row.content_id,
            row.file_name,
            row.file_path,
            None if row.row_index < 0 else row.row_index,
            row.reason,
            row.rejected_at,
            row.resolved_by,
        )
        for row in rows
    ]


def raw(lake: Lake, reject_id: int) -> bytes:
    """The rejected text itself.

    Raises:
        NotRegistered: there is no such reject.
        LakeDamaged: the kept bytes of a file are gone, or it was too large to be kept.
    """
    r = t.rejects.c
    query = sa.select(r.row_index, r.content_id, r.raw, r.file_path, r.reason, r.resolved_by).where(
        r.reject_id == reject_id
    )
    with lake.catalog.read() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise NotRegistered(f"there is no reject {reject_id}; see: pitwall rejects")
    if row.row_index >= 0:
        return bytes(row.raw)
    kept = lake.paths.reject(row.content_id)
    if row.resolved_by is not None and not kept.exists():
        raise NotRegistered(
            f"reject {reject_id} came in after all as rollout {row.resolved_by}; the bytes that were turned away are "
            "no longer kept. See: pitwall rejects --all"
        )
    try:
        return gzip.decompress(kept.read_bytes())
    except (OSError, EOFError) as error:
        raise LakeDamaged(
            f"{kept}: the kept bytes cannot be read ({error}). Rejected since {row.reason}. "
            f"Look at {row.file_path}, or restore the kept file from a backup"
        ) from error


def export(lake: Lake, folder: Path) -> dict[Path, str]:
    """Copy every open rejected file into `folder` for mending, never over a file there; copy -> where it lay."""
    copies = {}
    for reject in rejects(lake):
        if reject.row_index is None:
            name = reject.file_name.removesuffix(".gz")
            target = folder / reject.content_id[:8] / name
            if not lake.paths.reject(reject.content_id).exists() and Path(reject.file_path).exists():
                target = Path(reject.file_path)  # too large to be kept: it is mended where it lies
            if not target.exists():
                with whole_file(target, target.parent) as file:
                    file.write(raw(lake, reject.reject_id))
            copies[target] = reject.file_path
    return copies
