"""A stored file against what the catalog says of it.

Arrives: a path, its bytes and sha256 as they were committed. Leaves: nothing, or what is there instead, in words.
"""

import hashlib
from pathlib import Path


def mismatch(path: Path, size: int, sha256: str) -> str | None:
    """What is wrong with the file; None where every bit is as it was. Reads in pieces, whatever the size."""
    wanted = f"wanted {size:,} bytes with sha256 {sha256}"
    try:
        found = path.stat().st_size
        if found != size:
            return f"has {found:,} bytes, {wanted}"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return f"is gone, {wanted}"
    except OSError as error:
        return f"cannot be read ({error.strerror or error}), {wanted}"
    return None if digest == sha256 else f"has {found:,} bytes with sha256 {digest}, {wanted}"
