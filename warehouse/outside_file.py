"""A file outside the lake, in a folder that belongs to the person or the engine.

Arrives: bytes. Leaves: the file, replaced in one step; the temporary name is in the same folder, so on the same disk.
"""

from collections.abc import Mapping
from pathlib import Path

from schemas.errors import SettingsRejected, StorageBusy
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


def put_all_outside(contents: Mapping[Path, bytes], *, force: bool = False) -> None:
    """Write files, none of them where another file is in the way of any.

    Raises:
        SettingsRejected: another file is in the way, and `force` is not given.
        StorageBusy: as `put_outside`.
    """
    for target, content in contents.items():
        if target.exists() and not force and not (target.is_file() and target.read_bytes() == content):
            raise SettingsRejected(f"{target}: there is another file already. Choose another place, or add --force")
    for target, content in contents.items():
        put_outside(target, content)
