"""One flaw a file, as the engine and real folders make them, and what must become of each."""

import json
from pathlib import Path

from tests.warehouse.rollouts import name, rows, write

NAN, INF = float("nan"), float("inf")


def make(folder: Path) -> dict[str, dict]:
    """Write the files; returns file name -> what must become of it, in the words of the contract's own list."""
    expected = {}

    def case(index, verdict, *, row=None, text=None, every=None, called=None):
        experiences = rows(16, agents=4, start=100 * index)
        for place, change in (row or {}).items():
            for field, value in change.items():
                if value is ...:
                    del experiences[place][field]
                else:
                    experiences[place][field] = value
        for place in range(every or 0):
            experiences[place]["reward"] = NAN
        path = write(folder, index, experiences, second=index, name=called or name(index, index))
        if text is not None:
            path.write_bytes(text(path.read_bytes()))
        expected[path.name] = verdict

    def lost(*places):
        return {"file": "accepted", "rejected_rows": list(places), "accepted": 16 - len(places)}

    rejected = {"file": "rejected"}
    case(0, rejected, text=lambda raw: b"")
    case(1, rejected, text=lambda raw: raw[: len(raw) // 2])
    case(2, rejected, text=lambda raw: b"Exported 2048 experiences\n")
    case(3, rejected, text=lambda raw: b'{ "num_experiences": 0, "timestamp": "2024.12.25-14.00.03" }')
    case(4, rejected, text=lambda raw: b'{ "experiences": [], "num_experiences": 0 }')
    case(5, lost(), row={place: {"advantage": NAN, "return": INF} for place in range(5)})
    case(6, lost(), text=lambda raw: raw.replace(b'"advantage": 0', b'"advantage": -nan(ind)', 5))
    case(7, lost(3), row={3: {"reward": NAN}})
    case(8, lost(9), row={9: {"state": [0.5] * 14}})
    case(9, lost(5), row={5: {"action": {"steer": 3.5, "throttle": 0, "brake": 0}}})
    case(10, lost(6), row={6: {"agent_index": -1}})
    case(11, lost(7), row={7: {"reward": "fast"}})
    case(12, lost(8), row={8: {"log_prob": ...}})
    case(13, lost(9), text=lambda raw: raw.replace(b"[ 1309, ", b"[ 1e400, "))
    case(14, rejected, every=9)
    case(15, lost(11), row={11: {"log_prob": 60.0}})
    case(16, lost() | {"warning": "num_experiences"}, text=lambda raw: raw.replace(b'ces": 16', b'ces": 2048'))
    case(17, rejected, text=lambda raw: b'{"experiences":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    case(18, rejected, text=lambda raw: b'{ "experiences": { "state": [ 1 ] }, "num_experiences": 1 }')
    case(19, {"file": "ignored"}, called=name(19, 19) + ".tmp")
    case(20, {"file": "ignored"}, called="best_run.json", text=lambda raw: b"{}")
    case(21, lost())
    expected[name(22, 22)] = {"file": "duplicate", "of": name(21, 21)}
    (folder / name(22, 22)).write_bytes((folder / name(21, 21)).read_bytes())
    case(23, lost(3, 12), row={3: {"done": ...}, 12: {"state": []}})
    case(24, lost(*range(8)), every=8)  # exactly half
    case(25, lost(2), row={2: {"state": [NAN] * 15}})
    case(26, lost(4), row={4: {"action": {"steer": INF, "throttle": 0, "brake": 0}}})
    case(27, rejected, text=lambda raw: b"\xff\xfe" + raw.decode().encode("utf-16-le")[:-7])
    case(28, rejected, text=lambda raw: b"\x1f\x8b" + raw)
    case(29, rejected, text=lambda raw: raw.replace(b'"timestamp"', b'"environment": "\xdc", "timestamp"'))
    case(30, rejected, text=lambda raw: json.dumps(json.loads(raw) | {"observation_names": ["a", "b"]}).encode())
    case(31, rejected, text=lambda raw: json.dumps(json.loads(raw) | {"action_names": ["left", "right"]}).encode())
    case(32, lost(4), row={4: {"next_value": 1e39}})
    return expected
