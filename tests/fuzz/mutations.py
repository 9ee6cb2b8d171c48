"""Documents with something wrong in them: one place of a JSON tree is taken, and what stands there is replaced.

Arrives: bytes of a document and a source of randomness. Leaves: bytes that are often still JSON, unlike a flipped bit.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from random import Random
from typing import Any

_HOLE = "@hole@"
ODD_TEXTS = [
    "nan", "-nan(ind)", "inf", "-inf", "1.#QNAN", "1.#INF", "nan(0x1)", "1e999", "-1e999", "1e39", "1e-60", "-0.0",
    "9" * 400, "-" + "9" * 400, "1." + "3" * 400, "9007199254740993", "2147483648", "-2147483649",
    "9223372036854775808",
    "01", "+1", "1.", ".5", "0x1", "true", "false", "null", '""', '"x"', '"\\ud800"', '"\\u0000"', '"a\\u0000b"',
    '"\\udc00\\ud800"', '"\u202e\U0001f3ce"', '"../../x"', '"C:\\\\con"', '"\'; drop table rollouts; --"',
    '"\\u001b[2J"',
    "[]", "{}", "[[]]", "[{}]", '{"a": 1}', '{"": 1}', '{"\\u0000": 1}', '{"a": 1, "A": 1}', '{"a": 1, "a": 2}',
    "[1, 2, 3]", "[" * 60 + "]" * 60, "[" * 3000 + "]" * 3000, '{"a":' * 200 + "1" + "}" * 200, '"' + "x" * 3000 + '"',
    "[" + "0," * 2000 + "0]", "[" + '"",' * 500 + '""]', "", ",", "}", "]", '"', "\\", "\0", "/* */", "\xff", "\ud800",
]  # fmt: skip


def mutated(raw: bytes, random: Random) -> bytes:
    """`raw` with one to three places changed; bytes that are no JSON get a byte changed."""
    packed = raw[:2] == b"\x1f\x8b"
    try:
        text = (gzip.decompress(raw) if packed else raw).decode("utf-8-sig")
        for _ in range(random.choice([1, 1, 1, 2, 3])):
            text = _replaced(json.loads(text), random)
    except (ValueError, OSError, EOFError, zlib.error, RecursionError):
        return _flipped(raw, random)
    content = text.encode("utf-8", "surrogatepass")
    if random.random() < 0.1:
        content = random.choice([gzip.compress, _utf16, _marked, _cut])(content)
    return content


def _replaced(tree: Any, random: Random) -> str:
    """The text with one node in which something else stands."""
    places = list(_places(tree))
    if not places:
        return random.choice(ODD_TEXTS)
    holder, key = random.choice(places)
    action = random.random()
    if action < 0.6:
        holder[key] = _HOLE
        return json.dumps(tree).replace(f'"{_HOLE}"', random.choice(ODD_TEXTS))
    if action < 0.7:
        del holder[key]
    elif action < 0.8 and isinstance(holder, list):
        holder[key:key] = [holder[key]] * random.choice([1, 2, 50])
    elif action < 0.9 and isinstance(holder, dict):
        holder[random.choice(["x", "", "a\0", "Steer", "é", "^obs.*$", 'a" or 1=1 --', key.upper()])] = holder[key]
    else:
        other_holder, other = random.choice(places)
        holder[key] = json.loads(json.dumps(other_holder[other]))
    return json.dumps(tree)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def _flipped(raw: bytes, random: Random) -> bytes:
    if not raw:
        return b"{}"
    at = random.randrange(len(raw))
    return raw[:at] + bytes([random.randrange(256)]) + raw[at + random.choice([0, 1, 1, 7]) :]


def _utf16(content: bytes) -> bytes:
    return content.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass")


def _marked(content: bytes) -> bytes:
    return b"\xef\xbb\xbf" + content


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]
