"""Whether a lake can live, or lives, in its home: right to write, room, locks, clock, catalog, leftovers.

Arrives: settings. Leaves: `Check`s. What is written for a try is removed, and nothing else changes.
"""

import datetime
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from pitwall.check import Check, note, ok, problem
from schemas.settings import Settings

_TIGHT, _LOW = 2**30, 5 * 2**30
_SKEW = 120
"""Seconds that two clocks may differ."""
_ROLLOUT = 2048 * 100
"""Bytes of a rollout of the usual length in the lake, where none is there to measure."""


def home(settings: Settings) -> Iterator[Check]:
    """Is it there, may we write, do locks hold, how much fits."""
    place = settings.home.absolute()
    if not place.is_dir():
        above = next(folder for folder in place.parents if folder.exists())
        if place.exists() or not above.is_dir():
            yield problem("home", f"{place} cannot be a folder: {place if place.exists() else above} is a file", _OTHER)
            return
        with tempfile.TemporaryDirectory(prefix=".pitwall-", dir=above):
            yield note("home", f"{place} is not there yet", "The first ingest, import or lap makes it: pitwall lap")
        yield _room(above, settings)
        return
    with tempfile.TemporaryDirectory(prefix=".pitwall-", dir=place) as folder:
        yield ok("home", f"{place}, may be written")
        yield _locks(Path(folder))
        yield _clock(Path(folder))
    yield _room(place, settings)


def catalog(settings: Settings) -> Iterator[Check]:
    """Is it reachable, and of this release."""
    from schemas.secret import redacted
    from warehouse.catalog import REVISION
    from warehouse.glance import catalog_file, glance

    file = catalog_file(settings)
    if file is not None and not file.exists():
        beside = [name for name in ("experiences", "models") if any((settings.home / name).glob("*"))]
        if beside:
            advice = "Restore it from a backup, or name the catalog that knows them: --catalog URL"
            yield problem("catalog", f"{file} is gone, though {' and '.join(beside)} lie beside it", advice)
        else:
            yield note("catalog", f"{file} is not there yet", "The first command that works on the lake makes it")
        return
    place = file or redacted(settings.catalog)
    with glance(settings) as ask:
        revision = str(ask("select version_num from alembic_version")[0][0])
        rollouts = ask("select count(*) from rollouts")[0][0]
        versions = ask("select count(*) from models")[0][0]
        newest = max(str(ask(f"select max({column}) from {table}")[0][0] or "") for column, table in _MOMENTS)
    if revision > REVISION:
        advice = "Update pitwall here, or use a home of its own: --home FOLDER"
        yield problem("catalog", f"{place} is at revision {revision}, this release knows up to {REVISION}", advice)
    elif revision < REVISION:
        advice = "The next command that works on the lake upgrades it; copy it before, with the release that made it"
        yield note("catalog", f"{place} is at revision {revision}, this release has {REVISION}", advice)
    else:
        yield ok("catalog", f"{place}: revision {revision}, {rollouts:,} rollouts, {versions:,} versions")
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    if newest and datetime.datetime.fromisoformat(newest) > now + datetime.timedelta(seconds=_SKEW):
        advice = "Set the clock right: what is ingested now would count as older than that"
        yield problem("clock", f"it is {now:%Y-%m-%d %H:%M} UTC here, and the catalog holds {newest[:16]}", advice)


def leftovers(settings: Settings) -> Iterator[Check]:
    """What a killed process left, and a loop that waits."""
    from warehouse import loops
    from warehouse.catalog import REVISION
    from warehouse.glance import catalog_file, glance
    from warehouse.lake import Lake
    from warehouse.leftovers import leftovers as lying

    file = catalog_file(settings)
    if not settings.home.is_dir() or (file is not None and not file.is_file()):
        return
    with glance(settings) as ask:
        if ask("select version_num from alembic_version") != [(REVISION,)]:
            return  # opening it would upgrade it
    lake = Lake.open(settings)
    try:
        found, loop = lying(lake), loops.unfinished(lake)
    finally:
        lake.catalog.engine.dispose()
    if found:
        size = sum(left.bytes for left in found) / 1e6
        advice = "Harmless; pitwall maintain clears them when their grace is over (setting grace_days)"
        yield note("leftovers", f"{len(found):,} files ({size:,.1f} MB) belong to nobody", advice)
    else:
        yield ok("leftovers", "none")
    if loop is not None:
        yield note("loop", f"{loop.loop_id} was interrupted", "Go on with it: pitwall loop --resume")


_OTHER = "Give another: --home FOLDER, or home in pitwall.toml"
_MOMENTS = (("ingested_at", "rollouts"), ("created_at", "models"))


def _room(place: Path, settings: Settings) -> Check:
    free = shutil.disk_usage(place).free
    size, told = _rollout(settings), f"{free / 2**30:,.1f} GiB free"
    told += f", room for about {free // size:,} rollouts more"
    if free < _TIGHT:
        return problem("disk", told, "Free the disk; what Pitwall can spare goes with pitwall maintain (keep_days)")
    if free < _LOW:
        return note("disk", told, "Free the disk before long runs; see the settings keep_days and keep_models")
    return ok("disk", told)


def _rollout(settings: Settings) -> int:
    """Bytes that a rollout takes here, on average."""
    from schemas.errors import PitwallError
    from warehouse.glance import glance

    try:
        with glance(settings) as ask:
            size, rows = ask("select sum(bytes), sum(rows) from partitions")[0]
            mean = ask("select avg(rows) from rollouts")[0][0]
    except PitwallError:  # `catalog` says what is wrong with it
        return _ROLLOUT
    return max(1, int(size / rows * mean)) if size and rows and mean else _ROLLOUT


def _locks(folder: Path) -> Check:
    """Two that want the same must not both get it: loops hold a file, writers SQLite's lock."""
    from filelock import FileLock, Timeout

    def both() -> str:
        with FileLock(folder / "lock"), FileLock(folder / "lock", is_singleton=False).acquire(timeout=0):
            return "a file's lock was given twice"

    try:
        said = both()
    except Timeout:
        said = _sqlite_locks(folder / "catalog.sqlite")
    if said:
        advice = "Put the home on a local disk: on this one two writers would harm each other"
        return problem("locks", said, advice)
    return ok("locks", "hold on this disk")


def _sqlite_locks(file: Path) -> str:
    with closing(sqlite3.connect(file)) as one, closing(sqlite3.connect(file, timeout=0)) as other:
        one.execute("PRAGMA journal_mode = WAL")
        one.execute("BEGIN IMMEDIATE")
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            return "" if "locked" in str(error) else f"SQLite says {error}"
    return "SQLite's lock was given twice"


def _clock(folder: Path) -> Check:
    written = folder / "clock"
    before = time.time()
    written.write_bytes(b"")
    skew = written.stat().st_mtime - before
    moment = f"{datetime.datetime.now().astimezone():%Y-%m-%d %H:%M:%S %Z}"
    if abs(skew) > _SKEW:
        advice = "Set both clocks right: ages of files decide what is read and deleted"
        return problem("clock", f"{moment}, and the disk's is {skew:+.0f} seconds off", advice)
    return ok("clock", f"{moment}, as the disk's")
