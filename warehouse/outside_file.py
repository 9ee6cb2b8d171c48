"""A file outside the lake, in a folder that belongs to the person or the engine.

Arrives: bytes. Leaves: the file, replaced in one step; the temporary name is in the same folder, so on the same disk.
"""

from pathlib import Path

from schemas.errors import StorageBusy
from warehouse.paths import whole_file


def put_outside(target: Path, content: bytes) -> None:
    """Write `target` completely or not at all; a file that has this content already is not touched.

    Raises:
        StorageBusy: the folder cannot be written, or another program holds the file.
    """
    try:
        if target.is_file() and target.read_bytes() == content:
            return
    except OSError as error:
        raise StorageBusy(
            f"{target}: cannot be read ({error}). Close the program that holds it, then try again"
        ) from error
    with whole_file(target, target.parent) as file:
        file.write(content)
