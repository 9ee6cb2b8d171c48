"""What lies in the engine's model folder already: policies of others, and what the pointer names.

Arrives: the folder. Leaves: paths of policies, the most likely driver first; nothing is written here.
"""

import os
from pathlib import Path, PureWindowsPath

from schemas.errors import PolicyRejected, SettingsRejected
from schemas.policy_file import read_policy
from warehouse.engine_folder import POINTER
from warehouse.landing import look
from warehouse.unpacked import CannotUnpack, read_unpacked

_FEW, _MOST_MIB = 5, 64
"""Files that are opened to see whether they are policies, and their size at most."""


def policies(folder: Path) -> list[Path]:
    """The files that may be policies: the one that the pointer names, then the newest first."""
    try:
        with os.scandir(folder) as listing:
            found = [(entry.stat().st_mtime, entry.name) for entry in listing if entry.name.lower().endswith(".json")]
    except OSError:
        found = []
    first, others = pointed_at(folder), [folder / name for _, name in sorted(found, reverse=True)]
    return list(dict.fromkeys([first, *others] if first is not None else others))


def pointed_at(folder: Path) -> Path | None:
    """The policy that the pointer names, where it is there; by its name alone where the project has moved since."""
    try:
        raw = (folder / POINTER).read_bytes()
    except OSError:
        return None
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = raw.decode(encoding, "replace").strip(" \t\r\n\"'")
    if not text:
        return None
    places = (Path(text).absolute(), folder / text, folder / PureWindowsPath(text).name)
    return next((place for place in places if place.is_file()), None)


def check_not_swapped(exports: Path, models: Path) -> None:
    """Policies where rollouts are wanted, and rollouts where policies are, would get ours among the rollouts.

    Raises:
        SettingsRejected: the folders seem to be swapped.
    """
    if not exports.is_dir() or not models.is_dir() or not any(look([models]).files) or any(look([exports]).files):
        return
    if (exports / POINTER).is_file() or any(_is_policy(file) for file in policies(exports)[:_FEW]):
        raise SettingsRejected(
            f"{exports} holds policies and no rollout_*.json, {models} holds rollouts: are the arguments swapped? "
            "Wanted: EXPORT_DIR MODEL_DIR"
        )


def delivered_at(folder: Path) -> float | None:
    """When the pointer, or the policy that it names, was written last (s since 1970); None where there is none."""
    policy = pointed_at(folder)
    return None if policy is None else max(policy.stat().st_mtime, (folder / POINTER).stat().st_mtime)


def read_whole(file: Path, max_mib: int) -> bytes:
    """A policy file's own bytes; raises PolicyRejected where it cannot be read, is damaged or is too large."""
    try:
        return read_unpacked(file, max_mib)
    except (OSError, CannotUnpack) as error:
        raise PolicyRejected(f"{file}: {error}") from error


def _is_policy(file: Path) -> bool:
    try:
        read_policy(read_whole(file, _MOST_MIB))
    except PolicyRejected:
        return False
    return True
