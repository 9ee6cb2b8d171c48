"""Copies of a version's files, for use outside the lake.

Arrives: a version, a format, a place. Leaves: files that were checked against the catalog on their way.
"""

from pathlib import Path
from typing import Literal

from schemas.errors import NotRegistered
from schemas.manifest import ENGINE, ONNX, WEIGHTS
from warehouse.lake import Lake
from warehouse.outside_file import put_all_outside
from warehouse.registry import get, read_file

Format = Literal["engine", "onnx", "safetensors", "all"]
_FILES = {"engine": ENGINE, "onnx": ONNX, "safetensors": WEIGHTS}


def export(lake: Lake, version: int | str, file_format: Format, to: Path, *, force: bool = False) -> list[Path]:
    """Copy one file (to a file, or into a folder that exists) or all files (into a folder); returns where they lie.

    Raises:
        NotRegistered: no such version, or it lacks that file.
        LakeDamaged: a stored file is not what was published; nothing is copied.
        SettingsRejected: another file is in the way, and `force` is not given.
        StorageBusy: the place cannot be written.
    """
    model = get(lake, version)
    names = list(model.files) if file_format == "all" else [_FILES[file_format]]
    if missing := [name for name in names if name not in model.files]:
        raise NotRegistered(
            f"version {model.version} has no {file_format} export ({missing[0]}); it has {', '.join(model.files)}"
        )
    as_folder = file_format == "all" or to.is_dir()
    contents = {to / name if as_folder else to: read_file(lake, model.version, name) for name in names}
    put_all_outside(contents, force=force)
    return list(contents)
