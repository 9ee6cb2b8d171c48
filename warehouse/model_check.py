"""Versions and their names against the catalog.

Arrives: a lake. Leaves: a `Damage` for each version whose files are not what was published, and for each alias that
does not point at a version.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from schemas.manifest import CARD, MANIFEST
from warehouse import tables as t
from warehouse.aliases import CHAMPION, LATEST
from warehouse.checksum import mismatch
from warehouse.lake import Lake
from warehouse.verification import Damage

_m, _f = t.models.c, t.model_files.c


def model_files(lake: Lake) -> list[Any]:
    """What the catalog says of every file of every version; of a dropped one only manifest and card are there."""
    query = (
        sa.select(_m.version, _m.folder, _m.manifest_sha256, _f.name, _f.sha256, _f.bytes)
        .join_from(t.models, t.model_files, isouter=True)
        .where(sa.or_(_m.dropped_at.is_(None), _f.name.in_((MANIFEST, CARD))))
        .order_by(_m.version, _f.name)
    )
    with lake.catalog.read() as connection:
        return list(connection.execute(query).all())


def damaged_models(lake: Lake, found: Sequence[Any], tick: Callable[[str], None]) -> Iterator[Damage]:
    """Look at the bytes of each file; the manifest is named twice, by its row among the files and by its version."""
    wrong: dict[int, dict[str, str]] = {}
    manifests: dict[int, tuple[str, str | None]] = {}
    for row in found:
        _, listed = manifests.get(row.version, ("", None))
        manifests[row.version] = row.manifest_sha256, row.sha256 if row.name == MANIFEST else listed
        if row.name is not None:
            place = f"{row.folder}/{row.name}"
            tick(place)
            if said := mismatch(lake.paths.absolute(place), row.bytes, row.sha256):
                wrong.setdefault(row.version, {})[place] = said
    folders = {row.version: row.folder for row in found}
    for version, (named, listed) in manifests.items():
        if named != listed:
            place = f"{folders[version]}/{MANIFEST}"
            said = f"the catalog names it with sha256 {named} as the manifest and with {listed} among the files"
            wrong.setdefault(version, {}).setdefault(place, said)
    sound = sorted(set(manifests) - set(wrong))
    for version, files in sorted(wrong.items()):
        for place, said in files.items():
            yield _damage(lake, version, place, said, sound)


def broken_aliases(lake: Lake) -> Iterator[Damage]:
    """Names that point nowhere, or not where the history of their moves ends."""
    moves = t.alias_moves.c
    with lake.catalog.read() as connection:
        versions = set(connection.scalars(sa.select(_m.version)))
        points = dict(connection.execute(sa.select(t.aliases.c.alias, t.aliases.c.version)).tuples().all())
        query = sa.select(moves.alias, moves.to_version).order_by(moves.move_id)
        moved = dict(connection.execute(query).tuples().all())
    newest = max(versions, default=None)
    for alias in sorted({*points, *moved, *((LATEST, CHAMPION) if versions else ())}):
        target = points.get(alias)
        wanted = newest if alias == LATEST else moved.get(alias)
        if target in versions and target == wanted:
            continue
        found = "points at no version" if target is None else f"points at version {target}"
        missing = "" if target is None or target in versions else ", which does not exist"
        last = f"wanted {wanted}, the {'newest version' if alias == LATEST else 'target of its last move'}"
        promote = f"Point it again: pitwall models promote VERSION --alias {alias}"
        yield Damage(
            kind="alias",
            place=alias,
            found=f"{found}{missing}; {last}",
            next_step="Restore the catalog from a backup" if alias == LATEST else promote,
            versions=() if target is None else (target,),
            aliases=(alias,),
        )


def _damage(lake: Lake, version: int, place: str, said: str, sound: Sequence[int]) -> Damage:
    a = t.aliases.c
    with lake.catalog.read() as connection:
        names = connection.scalars(sa.select(a.alias).where(a.version == version).order_by(a.alias)).all()
        window = connection.scalar(sa.select(_m.window_id).where(_m.version == version))
    step = "Put the file back from a backup of the lake"
    if CHAMPION in names and sound:
        step += f"; until then drive another version, for example: pitwall models promote {sound[-1]}"
    return Damage(
        kind="model",
        place=place,
        found=said,
        next_step=step,
        windows=() if window is None else (window,),
        versions=(version,),
        aliases=tuple(names),
    )
