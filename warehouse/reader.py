"""One rollout file, from bytes to columns.

Arrives: the bytes of a file, packed or not. Leaves: a `Reading` with the typed rows as an array per column, the rows
that could not be typed with index, reason and raw text, and what the file says of itself. Ranges are judged later, for
many files at once (`warehouse/judge.py`).
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import msgspec
import numpy as np

from schemas.errors import RolloutRejected
from schemas.rollout import Experience, RolloutFile, RolloutRows, decode_agent, decode_file, decode_row, decode_rows
from schemas.space import Space
from warehouse.columns import Arrays, LostRow, Typed, columns, reject_if_mostly_lost

SMALLEST_ROW = len('{"state":[],"action":{},"reward":0,"done":true,"log_prob":0,"value":0,"agent_index":0}')
"""Bytes of the shortest row that can be good. A file with more rows than twice what has room in it is rejected unread:
an exception for each would take a hundred times its bytes."""
_REASON_LENGTH = 1000
"""Characters; a reason may quote names and values from the file."""
_ENCODINGS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_STRING_OR_NOT_FINITE = re.compile(
    rb'"(?:[^"\\]|\\.)*+"?|(?P<word>-?(?:nan(?:\(\w*\))?|inf(?:inity)?|1\.#(?:qnan|snan|inf|ind)\d*))',
    re.IGNORECASE | re.DOTALL,
)


@dataclass
class Reading:
    """What a file holds."""

    content_id: str
    head: RolloutFile | RolloutRows
    space: Space
    terms: tuple[str, ...]
    arrays: Arrays  # the columns of schemas/steps.py, less rollout_id, step and gaps
    lost: list[LostRow]
    rows_in_file: int
    warnings: list[str]
    raw_row: Callable[[int], bytes]

    @property
    def rows(self) -> int:
        """Typed rows."""
        return len(self.arrays["row_index"])


def content_id(content: bytes) -> str:
    """Identity of a rollout: sha256 of its unpacked bytes."""
    return hashlib.sha256(content).hexdigest()


def read(content: bytes, identity: str) -> Reading:
    """Read the unpacked bytes of one rollout file, whose `content_id` is `identity`.

    Raises:
        RolloutRejected: nothing of it can be used; the text says why.
    """
    typed = _typed(_utf8(content))
    total = len(typed.rows) + len(typed.lost)
    if not total:
        raise RolloutRejected("experiences is empty; wanted at least one row")
    reject_if_mostly_lost(typed.lost, total)
    shaped = columns(typed)
    lost = sorted([*typed.lost, *shaped.lost], key=lambda row: row.row_index)
    head = typed.head
    warnings = []
    if head.num_experiences is not None and head.num_experiences != total:
        warnings.append(f"num_experiences says {head.num_experiences}, the list has {total}")
    return Reading(identity, head, shaped.space, shaped.terms, shaped.arrays, lost, total, warnings, typed.raw_row)


def _utf8(content: bytes) -> bytes:
    if not content or content.isspace():
        raise RolloutRejected("the file is empty")
    for mark, encoding in _ENCODINGS:
        if content.startswith(mark):
            try:
                return content.decode(encoding).encode()
            except UnicodeError as error:
                raise RolloutRejected(f"its {encoding.upper()} text is cut or damaged ({error})") from error
    return content


def _typed(text: bytes) -> Typed:
    try:
        whole = decode_file(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _row_by_row(text)
    rows, whole.experiences = whole.experiences, []  # the head is kept until the commit: with them, twice the text
    return Typed(whole, rows, range(len(rows)), [], _lazy_rows(text))


def _row_by_row(text: bytes) -> Typed:
    clean = text
    try:
        try:
            head = decode_rows(clean)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            clean = _blank_not_finite(text)
            head = decode_rows(clean)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RolloutRejected(f"it is no rollout: {error}") from error
    except RecursionError as error:
        raise RolloutRejected("it is nested too deep for a rollout") from error
    if len(head.experiences) > 2 * (len(text) // SMALLEST_ROW):
        raise RolloutRejected(
            f"it has {len(head.experiences)} rows in {len(text)} bytes; a row takes {SMALLEST_ROW} or more, "
            "so more than half are unusable"
        )
    rows, indices, lost = list[Experience](), list[int](), list[LostRow]()

    def raw_row(index: int) -> bytes:
        return text[_span(text, clean, head.experiences[index])]

    for index, raw in enumerate(head.experiences):
        try:
            rows.append(decode_row(raw))
            indices.append(index)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            lost.append(LostRow(index, _agent(raw), _reason(index, bytes(raw), error), raw_row(index)))
    return Typed(head, rows, indices, lost, raw_row)


def _lazy_rows(text: bytes) -> Callable[[int], bytes]:
    """Texts of rows, which are told apart when the first one is asked for."""
    told_apart = cache(lambda: decode_rows(text).experiences)
    return lambda index: bytes(told_apart()[index])


def _blank_not_finite(text: bytes) -> bytes:
    """Bare `nan`, `-nan(ind)`, `inf` ... become an empty string of the same length, so that every offset stays."""
    blanked = bytearray(text)
    for match in _STRING_OR_NOT_FINITE.finditer(text):  # one at a time: a list of all can be sixty times the text
        if match["word"]:
            blanked[slice(*match.span())] = b'""'.ljust(len(match[0]))
    return bytes(blanked)


def _span(text: bytes, clean: bytes, raw: msgspec.Raw) -> slice:
    """Where a row lies in the text: `raw` is a view into `clean`, which has the text's offsets."""
    start = _address(raw) - _address(clean)
    stop = start + memoryview(raw).nbytes
    if (word := _STRING_OR_NOT_FINITE.match(text, start)) and word["word"]:  # a row that is such a word itself
        stop = word.end()
    return slice(start, stop)


def _address(buffer: bytes | msgspec.Raw) -> int:
    return int(np.frombuffer(buffer, np.uint8).ctypes.data)


def _agent(raw: msgspec.Raw) -> int:
    try:
        return decode_agent(raw).agent_index
    except (msgspec.MsgspecError, RecursionError):
        return -1


def _reason(index: int, row: bytes, error: Exception) -> str:
    message, _, path = str(error).partition(" - at `$")
    path, value = _followed(row, path.rstrip("`"))
    if "got `str`" in message and value == "":
        message = "not finite (a bare nan or inf word)"
    if isinstance(error, RecursionError):
        message = "nested too deep"
    return f"experiences[{index}]{path}: {message.replace('`', '')}"[:_REASON_LENGTH]


def _followed(row: bytes, path: str) -> tuple[str, object]:
    """The path, with the key in place of msgspec's `[...]`, and the value there."""
    try:
        value = msgspec.json.decode(row)
        for name, position in re.findall(r"\.([^.\[\]]+)|\[(\d+|\.{3})\]", path):
            key: str | int = name or int(position) if position != "..." else _not_a_number(value)
            path = (
                path
                if position != "..."
                else path.replace("[...]", f".{key}" if str(key).isprintable() else f"[{key!a}]")
            )
            value = value[key]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, LookupError, TypeError):
        return path, None
    return path, value


def _not_a_number(values: dict[str, object]) -> str:
    return next((key for key, value in values.items() if type(value) not in (int, float)), "...")
