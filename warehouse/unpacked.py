"""The bytes of a file that may be packed, within a limit.

Arrives: the bytes as they lie on the disk. Leaves: the file's own bytes. A small gzip file can hold gigabytes: what
expands more than any text of ours is counted first, and kept only when it turns out to be small enough.
"""

import gzip
import io
import zlib
from pathlib import Path

MIB = 2**20
_USUAL_RATIO = 16
"""JSON of numbers is packed to a fifth or so; up to this ratio the first pass keeps what it unpacks."""


class CannotUnpack(ValueError):
    """The text says why, and what to do."""


def unpacked(raw: bytes, max_mib: int) -> bytes:
    """The file's own bytes, gzip or not; never more than `max_mib` MiB of them in memory.

    Raises:
        CannotUnpack: the data are damaged, or more than the limit.
    """
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = _inflated(raw, max_mib * MIB)
        except (OSError, EOFError, zlib.error) as error:
            raise CannotUnpack(f"the gzip data are damaged ({error}); copy the file again") from error
    if len(raw) > max_mib * MIB:
        raise CannotUnpack(too_large(max_mib))
    return raw


def read_unpacked(file: Path, max_mib: int) -> bytes:
    """The same of a file, of which no more is read than tells that it is too large; raises OSError too."""
    with file.open("rb") as opened:
        return unpacked(opened.read(max_mib * MIB + 1), max_mib)


def too_large(max_mib: int) -> str:
    """What is said of a file beyond the limit."""
    return f"it holds more than {max_mib} MiB; split it, or raise the setting max_file_mib"


def _inflated(raw: bytes, limit: int) -> bytes:
    """All of it; raises CannotUnpack as soon as it is more than `limit` bytes."""
    pieces, size = list[bytes](), 0
    with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
        while piece := file.read(MIB):
            size += len(piece)
            if size > limit:
                raise CannotUnpack(too_large(limit // MIB))
            if size <= _USUAL_RATIO * len(raw) + MIB:
                pieces.append(piece)
            else:
                pieces.clear()  # from here on only counted
    return b"".join(pieces) if sum(map(len, pieces)) == size else gzip.decompress(raw)
