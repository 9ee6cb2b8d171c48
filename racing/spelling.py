"""The text of a rollout file, to the byte as the engine's pretty writer spells it.

Arrives: experiences and the fields of the root. Leaves: UTF-8. Source: the contract of the rollout file.
All rows are spelled at once, as a matrix of characters in which zero bytes are gaps. Legend: R rows.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from racing.decimals import decimals
from racing.experiences import Experiences

Root = Mapping[str, str | int | Sequence[str]]
_Part = str | NDArray[np.uint8]
"""What all rows have in common, or the characters (R, width) of each."""


def spell(experiences: Experiences, action_names: Sequence[str], root: Root, eol: str) -> bytes:
    """The whole text; `eol` ends a line. Numbers are %.17g of the double made from a float32."""
    rows = _matrix(_parts(_lines(experiences, action_names, eol), eol), len(experiences))
    fields = f",{eol}".join(f"\t{_quoted(key)}: {_word(value)}" for key, value in root.items())
    head, tail = eol.join(["{", '\t"experiences": [', ""]), eol.join(["", "\t],", fields, "}"])
    return head.encode() + rows.removesuffix(f",{eol}".encode()) + tail.encode()


def _lines(x: Experiences, action_names: Sequence[str], eol: str) -> list[list[_Part]]:
    """The lines of one row. Objects open on a line of their own, arrays stay on one."""
    columns = [*x.state.T, *x.action.T, x.reward, x.log_prob, x.value, *x.reward_terms.values()]
    cuts = np.cumsum([x.state.shape[1], x.action.shape[1], 3])
    state, action, (reward, log_prob, value), terms = np.split(decimals(np.stack(columns)), cuts)
    behind = _object("reward_terms", x.reward_terms, terms, "}") if x.reward_terms else []
    return [
        ["\t\t{"],
        ['\t\t\t"state": [ ', *[part for column in state for part in (column, ", ")][:-1], " ],"],
        *_object("action", action_names, action, "},"),
        ['\t\t\t"reward": ', reward, ","],
        ['\t\t\t"done": ', _characters(np.where(x.done, b"true", b"false")), ","],
        ['\t\t\t"log_prob": ', log_prob, ","],
        ['\t\t\t"value": ', value, ","],
        ['\t\t\t"advantage": 0,'],
        ['\t\t\t"return": 0,'],
        ['\t\t\t"agent_index": ', _characters(x.agent_index.astype(bytes)), _optional(x, eol), "," if behind else ""],
        *behind,
        ["\t\t},"],
    ]


def _object(name: str, keys: Iterable[str], columns: NDArray[np.uint8], brace: str) -> list[list[_Part]]:
    """The lines of an object of numbers, down to its closing brace."""
    lines = [[f"\t\t\t\t{_quoted(key)}: ", column, ","] for key, column in zip(keys, columns, strict=True)]
    lines[-1].pop()
    return [[f'\t\t\t"{name}":'], ["\t\t\t{"], *lines, [f"\t\t\t{brace}"]]


def _optional(x: Experiences, eol: str) -> NDArray[np.uint8]:
    """The fields that only the rows at a cut have."""
    given = np.isfinite(x.next_value)
    texts = np.zeros(len(x), "S80")
    for at in np.flatnonzero(x.truncated | given).tolist():
        truncated = f',{eol}\t\t\t"truncated": true' if x.truncated[at] else ""
        value = f',{eol}\t\t\t"next_value": {float(x.next_value[at]):.17g}' if given[at] else ""
        texts[at] = (truncated + value).encode()
    return _characters(texts)


def _parts(lines: list[list[_Part]], eol: str) -> list[_Part]:
    """Lines as one sequence, in which texts that meet are one."""
    parts: list[_Part] = [""]
    for part in (part for line in lines for part in [*line, eol]):
        if isinstance(part, str) and isinstance(parts[-1], str):
            parts[-1] += part
        else:
            parts.append(part)
    return parts


def _matrix(parts: list[_Part], rows: int) -> bytes:
    blocks = [np.frombuffer(part.encode(), np.uint8)[None] if isinstance(part, str) else part for part in parts]
    ends = np.cumsum([block.shape[1] for block in blocks])
    matrix = np.empty((rows, ends[-1]), np.uint8)
    for block, end in zip(blocks, ends.tolist(), strict=True):
        matrix[:, end - block.shape[1] : end] = block
    return matrix.tobytes().translate(None, b"\0")


def _characters(texts: NDArray[np.bytes_]) -> NDArray[np.uint8]:
    """Texts (R,) -> characters (R, width)."""
    return texts.view(np.uint8).reshape(len(texts), -1)


def _word(value: str | int | Sequence[str]) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return str(value)
    return f"[ {', '.join(map(_quoted, value))} ]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
