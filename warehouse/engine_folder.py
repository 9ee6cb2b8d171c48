"""The engine's model folder: where a running game picks up a policy.

Arrives: the engine's JSON of a version. Leaves: `<name>.json` and `best_model_path.txt`, neither ever half-written.
"""

from pathlib import Path, PureWindowsPath

from schemas.errors import SettingsRejected
from schemas.settings import Settings
from warehouse.outside_file import put_outside
from warehouse.paths import remove_unfinished, unfinished_files

POINTER = "best_model_path.txt"
"""The engine's automation reads from it the path of the policy to load."""


def check_engine_folder(settings: Settings) -> None:
    """Find a misspelt folder before the work, not after it.

    Raises:
        SettingsRejected: neither `engine_models_dir` nor the folder above it is there.
    """
    folder = settings.engine_models_dir
    if folder is not None and not folder.absolute().parent.is_dir():
        raise SettingsRejected(
            f"engine_models_dir is {folder}, but there is no folder {folder.absolute().parent}. "
            "Mend it in pitwall.toml (wanted <Project>/Saved/Training/Models), or take it out"
        )


def deliver(settings: Settings, version: int, engine_json: bytes) -> Path | None:
    """Put a version where the engine looks; the policy first, then the pointer to it. None without `engine_models_dir`.

    Delivered again, files that are the same already are left alone. What a killed delivery left half-written goes when
    its grace is over; other files of the folder are never touched.

    Raises:
        SettingsRejected: `engine_model_name` has a placeholder other than {version}.
        StorageBusy: the disk is full or the engine holds a file.
    """
    if settings.engine_models_dir is None:
        return None
    name = settings.engine_model_name.replace("{version}", str(version))
    if PureWindowsPath(f"{name}.json").is_reserved() or not name.strip("."):
        raise SettingsRejected(
            f"setting 'engine_model_name' is {settings.engine_model_name!r}, which Windows keeps for a device, or only "
            "dots. Set another in pitwall.toml or as PITWALL_ENGINE_MODEL_NAME"
        )
    if "{" in name or "}" in name:
        raise SettingsRejected(
            f"setting 'engine_model_name' is {settings.engine_model_name!r}; its one placeholder is {{version}}. "
            "Set it in pitwall.toml or as PITWALL_ENGINE_MODEL_NAME"
        )
    policy = settings.engine_models_dir.absolute() / f"{name}.json"
    put_outside(policy, engine_json)
    put_outside(policy.with_name(POINTER), str(policy).encode())
    remove_unfinished(policy.parent, settings.grace_days * 86400)
    return policy


def unfinished(settings: Settings) -> list[Path]:
    """What deliveries that were killed left half-written in the engine's folder, longer ago than the grace."""
    folder = settings.engine_models_dir
    return [] if folder is None else unfinished_files(folder.absolute(), settings.grace_days * 86400)
