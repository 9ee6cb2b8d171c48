"""The registry of models: dense versions, each an immutable folder and its rows in the catalog.

Arrives: a `Draft` and a function that makes its files once the number is known. Leaves: versions, whole or not at all.
"""

import datetime
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.errors import LakeDamaged, NotRegistered, TrainingStopped
from schemas.manifest import CARD, MANIFEST, Draft, FileEntry, ModelManifest, WindowEntry
from schemas.role import RoleRows
from schemas.space import Space
from warehouse import rewards
from warehouse.aliases import CHAMPION, LATEST, move, resolve
from warehouse.catalog import now
from warehouse.lake import Lake
from warehouse.model import Model, load_models, load_spaces
from warehouse.model_card import model_card
from warehouse.model_folder import put_folder
from warehouse.tables import aliases, metrics, model_files, models, spaces, training_rows, windows

_FILE_NAME = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)


@dataclass(frozen=True)
class Version:
    """What publishing gave: a number, its folder, and whether it is new (the weights of an import may be known)."""

    version: int
    folder: Path
    is_new: bool


@dataclass(frozen=True)
class Candidate:
    """A version that may have driven, and its space."""

    version: int
    space: Space


def publish(
    lake: Lake, draft: Draft, build: Callable[[int], Mapping[str, bytes]], rows: Sequence[RoleRows] = ()
) -> Version:
    """Register `draft` under the next number; `build(version)` makes its files, and if it raises nothing is published.

    `rows` says what the training made of each row of the window.

    The catalog's write lock is held meanwhile: `build` must not write to the lake itself. The rename of the folder is
    the last act before the commit: a crash leaves the old state, and at most a folder that the next call moves aside.

    Raises:
        TrainingStopped: a figure is not finite.
        NotRegistered: the draft's parent or window is not in the catalog.
        CatalogBusy: another process is publishing for longer than the catalog waits.
        StorageBusy: the disk is full or another program holds the folder.
    """
    for name, value in draft.not_finite():
        raise TrainingStopped(f"metric {name} is {value}, wanted a finite number; nothing is published. Train again")
    with lake.catalog.begin() as connection:
        lake.catalog.lock(connection, "models")
        if draft.start in ("imported", "fresh") and (known := _known_version(connection, draft.fingerprint)):
            return Version(known, lake.paths.model(known), is_new=False)
        if draft.parent is not None:
            resolve(connection, draft.parent)
        window = _window(connection, draft.window_id)
        version = 1 + (connection.execute(sa.select(sa.func.max(models.c.version))).scalar() or 0)
        created_at = now()
        files, manifest_sha256 = _contents(version, created_at, draft, window, build(version))
        _insert(lake, connection, draft, files, version, created_at, manifest_sha256)
        _insert_rows(connection, version, rows)
        move(lake.catalog, connection, LATEST, version, "published")
        if connection.execute(sa.select(aliases.c.alias).where(aliases.c.alias == CHAMPION)).first() is None:
            move(lake.catalog, connection, CHAMPION, version, "the first version")
        folder = put_folder(lake.paths, version, files)
    return Version(version, folder, is_new=True)


def get(lake: Lake, version: int | str) -> Model:
    """The version behind a number or an alias; raises NotRegistered, with what there is."""
    with lake.catalog.read() as connection:
        return load_models(connection, lake.paths, [resolve(connection, version)])[0]


def versions(lake: Lake) -> list[Model]:
    """All versions, oldest first."""
    with lake.catalog.read() as connection:
        return load_models(connection, lake.paths)


def candidates(lake: Lake, space: Space | None = None) -> list[Candidate]:
    """Versions with weights that may have driven a rollout of this space (same widths), newest first."""
    with lake.catalog.read() as connection:
        found = connection.execute(
            sa.select(models.c.version, models.c.space_id)
            .where(models.c.dropped_at.is_(None))
            .order_by(models.c.version.desc())
        ).all()
        known = load_spaces(connection, {row.space_id for row in found})
    return [
        Candidate(row.version, known[row.space_id])
        for row in found
        if space is None or _widths(known[row.space_id]) == _widths(space)
    ]


def read_file(lake: Lake, version: int | str, name: str) -> bytes:
    """The bytes of one file of a version, checked against the catalog.

    Raises:
        NotRegistered: no such version or file.
        LakeDamaged: the file is gone or is not what was published.
    """
    model = get(lake, version)
    if name not in model.files:
        raise NotRegistered(f"version {model.version} has no file {name!r}; it has {', '.join(model.files)}")
    path = model.folder / name
    if model.dropped_at is not None and name not in (MANIFEST, CARD):
        raise NotRegistered(
            f"version {model.version} was dropped by retention on {model.dropped_at:%Y-%m-%d} ({model.dropped_by}); "
            "of its files only manifest and card stay. See: pitwall models list"
        )
    wanted = model.files[name]
    what_next = f"Put the file back from a copy, or drive another version: pitwall models rollback {CHAMPION}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LakeDamaged(
            f"{path}: cannot be read ({error}), wanted {wanted.bytes} bytes with sha256 {wanted.sha256}. {what_next}"
        ) from error
    if (found := _entry(content)) != wanted:
        raise LakeDamaged(
            f"{path}: {found.bytes} bytes with sha256 {found.sha256}, "
            f"wanted {wanted.bytes} bytes with sha256 {wanted.sha256}. {what_next}"
        )
    return content


def read_manifest(lake: Lake, version: int | str) -> ModelManifest:
    """The manifest of a version; raises as `read_file`."""
    return ModelManifest.model_validate_json(read_file(lake, version, MANIFEST))


def _widths(space: Space) -> tuple[int, int]:
    return len(space.observations), len(space.actions)


def _known_version(connection: Connection, fingerprint: str) -> int | None:
    return connection.execute(
        sa.select(sa.func.min(models.c.version)).where(models.c.fingerprint == fingerprint)
    ).scalar()


def _window(connection: Connection, window_id: str | None) -> WindowEntry | None:
    if window_id is None:
        return None
    row = connection.execute(sa.select(windows).where(windows.c.window_id == window_id)).first()
    if row is None:
        raise NotRegistered(f"no window {window_id!r} in the catalog. Select it first; see: pitwall sql 'from windows'")
    reward = rewards.load(connection, row)
    return WindowEntry(id=row.window_id, sql=row.sql, rows=row.rows, rows_sha256=row.rows_sha256, reward=reward)


def _contents(
    version: int,
    created_at: datetime.datetime,
    draft: Draft,
    window: WindowEntry | None,
    built: Mapping[str, bytes],
) -> tuple[dict[str, bytes], str]:
    """Every file of the version, the manifest last, and the manifest's sha256."""
    if wrong := [name for name in built if not _FILE_NAME.fullmatch(name) or name in (MANIFEST, CARD)]:
        raise ValueError(f"file {wrong[0]!r} of a version: wanted a plain name other than {MANIFEST} and {CARD}")
    manifest = ModelManifest(
        **{name: getattr(draft, name) for name in Draft.model_fields if name != "window_id"},
        version=version,
        created_at=created_at.replace(tzinfo=datetime.UTC),
        window=window,
        files={name: _entry(content) for name, content in built.items()},
    )
    card = model_card(manifest).encode()
    manifest = manifest.model_copy(update={"files": {**manifest.files, CARD: _entry(card)}})
    written = manifest.model_dump_json(indent=2).encode() + b"\n"
    return {**built, CARD: card, MANIFEST: written}, _entry(written).sha256


def _insert(
    lake: Lake,
    connection: Connection,
    draft: Draft,
    files: Mapping[str, bytes],
    version: int,
    created_at: datetime.datetime,
    manifest_sha256: str,
) -> None:
    space = draft.space
    lake.catalog.insert_new(
        connection, spaces, [{"space_id": space.space_id, "definition": space.model_dump(mode="json")}]
    )
    connection.execute(
        sa.insert(models).values(
            version=version,
            parent=draft.parent,
            start=draft.start,
            window_id=draft.window_id,
            config=draft.config,
            space_id=space.space_id,
            fingerprint=draft.fingerprint,
            folder=lake.paths.relative(lake.paths.model(version)),
            manifest_sha256=manifest_sha256,
            created_at=created_at,
        )
    )
    entries = {name: _entry(content).model_dump() for name, content in files.items()}
    connection.execute(
        sa.insert(model_files), [{"version": version, "name": name, **entry} for name, entry in entries.items()]
    )
    figures = [(name, 0, value) for name, value in draft.metrics.items()]
    figures += [(name, epoch, value) for name, curve in draft.curves.items() for epoch, value in enumerate(curve, 1)]
    if figures:
        connection.execute(
            sa.insert(metrics),
            [{"version": version, "name": name, "step": step, "value": value} for name, step, value in figures],
        )


def _insert_rows(connection: Connection, version: int, rows: Sequence[RoleRows]) -> None:
    if rows:
        connection.execute(
            sa.insert(training_rows),
            [{"version": version, **part._asdict(), "rows": part.rows} for part in rows],
        )


def _entry(content: bytes) -> FileEntry:
    return FileEntry(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
