"""A file outside the lake, in a folder that belongs to the person or the engine.

Arrives: bytes. Leaves: the file, replaced in one step; the temporary name is in the same folder, so on the same disk.
"""

import os
import uuid
from contextlib import suppress
from pathlib import Path

from schemas.errors import StorageBusy
from warehouse.paths import sync_folder


def put_outside(target: Path, content: bytes) -> None:
    """Write `target` completely or not at all; a file that has this content already is not touched.

    Raises:
        StorageBusy: the folder cannot be written, or another program holds the file.
    """
    unfinished = target.with_name(f"{target.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        if target.is_file() and target.read_bytes() == content:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StorageBusy(
            f"{target}: cannot be written ({error}). Free the disk or close the program that holds it, then try again"
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
