"""Rollout files that are made to exhaust whoever reads them, each of about a size that is given.

`python -m tests.warehouse.bombs 4000000` reads each of them and says how long it took and how much memory (Linux).
"""

import gzip
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from schemas.errors import RolloutRejected
from tests.warehouse.rollouts import experience, rows
from warehouse.judge import judge
from warehouse.reader import content_id, read
from warehouse.unpacked import MIB, CannotUnpack, unpacked

MAX_MIB = 64
STATUS = Path("/proc/self/status")

ROW = '{"state":[1],"action":{"a":1},"reward":0,"done":true,"log_prob":0,"value":0,"agent_index":%s}'
"""About the smallest row that there is."""


def document(listed: str, head: str = "") -> bytes:
    return f'{{{head}"experiences":[{listed}]}}'.encode()


def repeated(text: str, size: int) -> str:
    return ",".join([text] * (size // (len(text) + 1)))


def row(**fields: object) -> str:
    return json.dumps(experience(0) | fields, separators=(",", ":"))


def half(good: str, bad: str, size: int) -> bytes:
    """As many rows of the one kind as of the other, so that the file is just not rejected."""
    return document(repeated(f"{good},{bad}", size))


def wide(size: int, count: int = 4) -> bytes:
    width = size // (2 * count)
    state = "[" + ",".join(["1"] * width) + "]"
    return document(",".join([ROW.replace("[1]", state) % 0] * count))


def keys(size: int, count: int = 4) -> bytes:
    actions = "{" + ",".join(f'"a{number}":1' for number in range(size // (10 * count))) + "}"
    return document(",".join([ROW.replace('{"a":1}', actions) % 0] * count))


def named(size: int) -> bytes:
    """Many names in the head, and rows that lack them: a reason may not repeat the names."""
    names = json.dumps([f"a{number}" for number in range(size // 20)])
    return document(repeated(ROW % 0, size // 2), f'"action_names":{names},')


def agents(size: int) -> bytes:
    """A car of its own for every row, and a lost row among them."""
    count = size // (len(ROW) + 4)
    return document(",".join([ROW % number for number in range(count)] + ["0"]))


def zipped(members: int) -> bytes:
    """A gzip file of so many times 64 MiB."""
    return gzip.compress(b" " * (64 * MIB)) * members


BOMBS: dict[str, Callable[[int], bytes]] = {
    "ordinary": lambda size: json.dumps({"experiences": rows(size // 330)}).encode(),
    "blanks": lambda size: b" " * size,
    "no end": lambda size: b'{"experiences":[' + b" " * size,
    "numbers for rows": lambda size: document(repeated("0", size)),
    "brackets for rows": lambda size: document(repeated("[]", size)),
    "empty objects for rows": lambda size: document(repeated("{}", size)),
    "nan for rows": lambda size: document(repeated("nan", size)),
    "deep": lambda size: document("[" * (size // 2) + "]" * (size // 2)),
    "deep in a row": lambda size: document(
        row(unknown=0).replace('"unknown":0', '"unknown":' + "[" * (size // 2) + "]" * (size // 2))
    ),
    "deep objects": lambda size: b'{"a":' * (size // 6) + b"1" + b"}" * (size // 6),
    "smallest rows": lambda size: document(repeated(ROW % 0, size)),
    "half of another shape": lambda size: half(ROW % 0, ROW.replace("[1]", "[1,2]") % 0, size),
    "half out of range": lambda size: half(row(), row(action={"steer": 3, "throttle": 0, "brake": 0}), size),
    "half without a car": lambda size: half(ROW % 0, ROW % -1, size),
    "half numbers": lambda size: half(ROW % 0, "0", size),
    "everything infinite": lambda size: document(repeated(row(state=[1] * 15).replace("1,", "9e99,"), size)),
    "wide": wide,
    "wide once": lambda size: wide(size, 1),
    "many action names": keys,
    "names in the head": named,
    "a car a row": agents,
    "a giant word": lambda size: document(ROW % 0 + "," + ROW % f'0,"advantage":"{"x" * size}"'),
    "a giant key": lambda size: document(ROW % 0 + "," + ROW.replace('{"a":1}', f'{{"{"x" * size}":"y"}}') % 0),
    "a giant number": lambda size: document(ROW % ("1" * size)),
    "a long fraction": lambda size: document(ROW.replace("[1]", f"[0.{'1' * size}]") % 0),
    "a giant exponent": lambda size: document(ROW.replace("[1]", f"[1e{'9' * size}]") % 0),
    "giant names": lambda size: document(ROW % 0, f'"observation_names":["{"x" * size}"],'),
    "many names": lambda size: document(ROW % 0, f'"observation_names":[{repeated(chr(34) + "x" + chr(34), size)}],'),
    "quotes": lambda size: document('"' * size),
    "backslashes": lambda size: document('"' + "\\" * size),
    "words": lambda size: document("nan(" * (size // 4)),
    "a long word": lambda size: document("nan(" + "nan" * (size // 3)),
    "reward terms": lambda size: document(
        ",".join(ROW % f'0,"reward_terms":{{"t{number}":1}}' for number in range(size // 130))
    ),
    "empty strings in state": lambda size: document(ROW.replace("[1]", f"[{repeated(chr(34) * 2, size)}]") % 0),
    "utf-16": lambda size: b"\xff\xfe" + document(repeated(ROW % 0, size // 2)).decode().encode("utf-16-le"),
    "zip of gigabytes": lambda size: zipped(32),
}


def _read(raw: bytes) -> str:
    """The verdict on a file, and the judgement over its rows, as an ingest has them."""
    try:
        content = unpacked(raw, MAX_MIB)
        reading = read(content, content_id(content))
    except (RolloutRejected, CannotUnpack) as error:
        return f"rejected: {str(error)[:200]}"
    return "rejected: rows" if judge([reading]).rejected else "accepted"


def _kib(field: str) -> int:
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith(f"{field}:"))


def main() -> None:
    """One line of JSON per bomb: verdict, seconds, and by how many bytes the resident memory rose at most."""
    size = int(sys.argv[1])
    _read(document(row()))
    for name, make in BOMBS.items():
        raw = make(size)
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
        before, began = _kib("VmRSS"), time.perf_counter()
        verdict = _read(raw)
        figures = {"bytes": len(raw), "seconds": time.perf_counter() - began, "peak": 1024 * (_kib("VmHWM") - before)}
        print(json.dumps({"name": name, "verdict": verdict, **figures}), flush=True)


if __name__ == "__main__":
    main()
