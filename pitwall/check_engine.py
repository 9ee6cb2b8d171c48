"""Whether the engine's folders and Prefect's server are where the settings say.

Arrives: settings. Leaves: `Check`s.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pitwall.check import Check, note, ok, problem
from schemas.settings import Settings


def landing(settings: Settings) -> Iterator[Check]:
    """The engine's export folder: may it be read, and emptied where that is asked for."""
    folder = settings.landing
    if folder is None:
        advice = "Set landing in pitwall.toml to the engine's export folder, or name folders: pitwall ingest FOLDER"
        yield note("landing", "is not set", advice)
        return
    files = sum(entry.is_file() and entry.name.startswith("rollout_") for entry in os.scandir(folder))
    if settings.source_files != "keep" and not os.access(folder, os.W_OK):
        advice = 'Give this user the right to write there, or set source_files = "keep"'
        yield problem("landing", f"{folder}: source_files is {settings.source_files!r}, but nothing can go", advice)
        return
    yield ok("landing", f"{folder.absolute()}, {files:,} rollout files")


def models(settings: Settings) -> Iterator[Check]:
    """The engine's model folder: may it be written, and does its pointer point to something."""
    from warehouse.engine_folder import POINTER, check_engine_folder

    folder = settings.engine_models_dir
    if folder is None:
        advice = "Set engine_models_dir in pitwall.toml, and each new version is put where the engine loads it"
        yield note("engine", "engine_models_dir is not set", advice)
        return
    check_engine_folder(settings)
    if not folder.is_dir():
        yield note("engine", f"{folder.absolute()} is not there yet", "The first delivery makes it: pitwall train")
        return
    with tempfile.TemporaryFile(prefix=".pitwall-", dir=folder):
        pass
    pointer = folder.absolute() / POINTER
    if not pointer.is_file():
        yield note("engine", f"{folder.absolute()}, may be written; no {POINTER} yet", "pitwall models deliver")
        return
    target = Path(pointer.read_text(encoding="utf-8-sig").strip())
    if target.is_file():
        yield ok("engine", f"{pointer} points to {target.name}")
    else:
        advice = "Deliver a version again: pitwall models deliver"
        yield problem("engine", f"{pointer} points to {target}, which is not there", advice)


def server(_settings: Settings) -> Iterator[Check]:
    """Prefect's server, where one is named."""
    from pitwall.prefect_server import PrefectServer

    there = PrefectServer.configured(Path.cwd())
    if there is None:
        yield ok("flows", "no server is named here (prefect.toml, PREFECT_API_URL); none is needed")
    elif there.is_well():
        yield ok("flows", f"the server at {there.ui} answers")
    elif "PREFECT_API_URL" not in os.environ:  # the checkout's own prefect.toml names where it would be
        yield ok("flows", f"no server runs at {there.ui}; only schedules need one: pitwall up")
    else:
        yield note("flows", f"no server answers at {there.ui}", "Only schedules need one; start it: pitwall up")
