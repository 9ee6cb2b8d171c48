"""The immutable folder of a version: there complete, or not there.

Arrives: bytes by file name. Leaves: a folder under `models`, put in place by one rename.
"""

import os
import shutil
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from schemas.errors import StorageBusy
from warehouse.paths import Paths, sync_folder, what_helps


def put_folder(paths: Paths, version: int, files: Mapping[str, bytes]) -> Path:
    """Write `files`, in their order, as the folder of `version`; whatever a crash left under that name is moved aside.

    What lies aside is garbage; warehouse/collection.py removes it a time of grace later.

    Raises:
        StorageBusy: the disk is full, or another program holds the folder.
    """
    target = paths.model(version)
    unfinished = paths.scratch / f"{uuid.uuid4().hex}.tmp"
    try:
        unfinished.mkdir(parents=True)
        for name, content in files.items():
            with (unfinished / name).open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        sync_folder(unfinished)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            target.rename(paths.scratch / f"orphan-{target.name}-{time.time_ns()}")
        unfinished.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StorageBusy(
            f"{target}: cannot be written ({error.strerror or error}). {what_helps(error)}, then try again"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target
