"""Names that point at versions and move in one transaction; every move is kept.

Arrives: names, versions, reasons. Leaves: numbers of versions, and `Move`s.
"""

import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.errors import NotRegistered, SettingsRejected
from warehouse.catalog import Catalog, now
from warehouse.lake import Lake
from warehouse.tables import alias_moves, aliases, models

CHAMPION = "champion"
"""The version to drive with; the first version becomes it, afterwards promotion and people move it."""
LATEST = "latest"
"""The newest version; moves by publishing alone."""
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_NUMBER = re.compile(r"v?0*([0-9]{1,9})")
_ROLLBACK = re.compile(r"rollback of move ([0-9]+)(?:: .*)?", re.DOTALL)


@dataclass(frozen=True)
class Move:
    """An alias went from one version (None: it is new) to another."""

    alias: str
    from_version: int | None
    to_version: int
    reason: str


def promote(lake: Lake, alias: str, version: int | str, reason: str = "") -> Move:
    """Point `alias` at a version (a number or another alias); where it points there already, nothing moves.

    Raises:
        SettingsRejected: the name cannot be an alias, or is `latest`.
        NotRegistered: no such version.
    """
    _check_name(alias)
    if _ROLLBACK.fullmatch(reason):
        raise SettingsRejected(f"reason {reason!r} is kept for rollbacks. Use: pitwall models rollback {alias}")
    with lake.catalog.begin() as connection:
        lake.catalog.lock(connection, "models")
        return move(lake.catalog, connection, alias, resolve(connection, version), reason)


def rollback(lake: Lake, alias: str) -> Move:
    """Undo the last move of `alias` that is not undone yet; the way back is recorded as a move too.

    Raises:
        SettingsRejected: the name cannot be an alias, or is `latest`.
        NotRegistered: the alias does not exist, or has never been on another version.
    """
    _check_name(alias)
    with lake.catalog.begin() as connection:
        lake.catalog.lock(connection, "models")
        on = resolve(connection, alias)
        undone = undo(lake.catalog, connection, alias)
    if undone is None:
        raise NotRegistered(
            f"alias {alias!r} is on version {on} and was on no other before. "
            f"Point it elsewhere: pitwall models promote VERSION --alias {alias}"
        )
    return undone


def undo(catalog: Catalog, connection: Connection, alias: str, why: str = "") -> Move | None:
    """Take the standing move of `alias` back, within the caller's transaction, which holds the lock on models."""
    row = standing(connection, alias)
    if row is None or row.from_version is None:
        return None
    return move(
        catalog, connection, alias, row.from_version, f"rollback of move {row.move_id}" + (f": {why}" if why else "")
    )


def standing(connection: Connection, alias: str) -> "sa.Row[Any] | None":
    """The last move of `alias` that is neither undone nor a way back: the row of alias_moves."""
    m = alias_moves.c
    rows = connection.execute(sa.select(alias_moves).where(m.alias == alias).order_by(m.move_id)).all()
    undone = {int(found[1]) for row in rows if (found := _ROLLBACK.fullmatch(row.reason))}
    return next((row for row in rows[::-1] if row.move_id not in undone and not _ROLLBACK.fullmatch(row.reason)), None)


def resolve(connection: Connection, version: int | str) -> int:
    """The number behind `7`, `"7"`, `"v00007"` or an alias.

    Raises:
        NotRegistered: there is none; the text lists what there is.
    """
    newest = connection.execute(sa.select(sa.func.max(models.c.version))).scalar() or 0
    found = _NUMBER.fullmatch(str(version))
    if found and 1 <= int(found[1]) <= newest:  # versions are dense
        return int(found[1])
    named = {row.alias: row.version for row in connection.execute(sa.select(aliases).order_by(aliases.c.alias))}
    if str(version) in named:
        return int(named[str(version)])
    if not newest:
        raise NotRegistered(
            f"no version {str(version)!r}: the registry is empty. "
            "Import a policy (pitwall models import FILE) or train one (pitwall train)"
        )
    points = ", ".join(f"{alias} ({number})" for alias, number in named.items())
    raise NotRegistered(
        f"no version {str(version)!r}; there are 1 to {newest} and the aliases {points}. See: pitwall models list"
    )


def move(catalog: Catalog, connection: Connection, alias: str, version: int, reason: str) -> Move:
    """Point `alias` at `version` within the caller's transaction, which holds the lock on models.

    Raises NotRegistered where retention dropped the version.
    """
    before = connection.execute(sa.select(aliases.c.version).where(aliases.c.alias == alias)).scalar()
    dropped = connection.execute(sa.select(models.c.dropped_by).where(models.c.version == version)).scalar()
    if dropped is not None:
        raise NotRegistered(
            f"version {version} was dropped by retention ({dropped}) and cannot be driven any more. "
            "Choose another; see: pitwall models list"
        )
    if before != version:
        moved_at = now()
        catalog.upsert(connection, aliases, [{"alias": alias, "version": version, "moved_at": moved_at}])
        connection.execute(
            sa.insert(alias_moves).values(
                alias=alias, from_version=before, to_version=version, reason=reason, moved_at=moved_at
            )
        )
    return Move(alias, before, version, reason)


def _check_name(alias: str) -> None:
    if alias == LATEST:
        raise SettingsRejected(f"alias {LATEST!r} moves only when a version is published. Use another, e.g. {CHAMPION}")
    if not _NAME.fullmatch(alias) or _NUMBER.fullmatch(alias):
        raise SettingsRejected(
            f"alias {alias!r} cannot be a name; wanted a small letter, then up to 63 of a-z, 0-9, _ and -, "
            f"and no number like 7 or v7. For example: {CHAMPION}"
        )
