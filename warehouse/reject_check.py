"""Rejected files against the catalog: kept as they were.

Arrives: a lake. Leaves: a `Damage` for each rejected file whose bytes are gone or others.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from warehouse import tables as t
from warehouse.lake import Lake
from warehouse.reader import content_id
from warehouse.verification import Damage

_j = t.rejects.c


def rejected_files(lake: Lake) -> list[Any]:
    """Content and name of every rejected file that has not come in after all."""
    query = (
        sa.select(_j.content_id, sa.func.min(_j.file_name).label("file_name"), sa.func.min(_j.file_path).label("path"))
        .where(_j.row_index == -1, _j.resolved_by.is_(None))
        .group_by(_j.content_id)
        .order_by(_j.content_id)
    )
    with lake.catalog.read() as connection:
        return list(connection.execute(query).all())


def damaged_rejects(lake: Lake, found: Sequence[Any], tick: Callable[[str], None]) -> Iterator[Damage]:
    """Unpack each kept file and look whether its content is the one that was turned away."""
    for row in found:
        path = lake.paths.reject(row.content_id)
        place = lake.paths.relative(path)
        tick(place)
        if wrong := _wrong(path, row.content_id):
            again = f'pitwall ingest --retry-rejected "{row.path}"' if Path(row.path).is_file() else ""
            yield Damage(
                kind="reject",
                place=place,
                found=f"{wrong}, wanted the bytes of {row.file_name} with sha256 {row.content_id}",
                next_step=f"Remove what is left of it, then: {again}" if again else "Put it back from a backup",
                rollouts=(row.file_name,),
            )


def _wrong(path: Path, wanted: str) -> str | None:
    try:
        found = content_id(gzip.decompress(path.read_bytes()))
    except FileNotFoundError:
        return "is gone"
    except (OSError, EOFError, zlib.error) as error:
        return f"cannot be unpacked ({error})"
    return None if found == wanted else f"holds bytes with sha256 {found}"
