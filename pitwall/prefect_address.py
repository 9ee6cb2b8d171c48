"""Where Prefect's server is, as its own commands find it in a folder.

Arrives: a folder. Leaves: the address of its API. No Prefect is imported.
"""

import os
import tomllib
from pathlib import Path


def prefect_address(folder: Path) -> str:
    """What PREFECT_API_URL, else the `prefect.toml` of the folder, names; empty where neither does.

    Raises:
        ValueError, AttributeError: the file is no TOML, or not laid out as Prefect's.
    """
    if (url := os.environ.get("PREFECT_API_URL")) is not None:
        return url.rstrip("/")
    file = folder / "prefect.toml"
    if not file.is_file():
        return ""
    settings = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    return str(settings.get("api", {}).get("url", "")).rstrip("/")
