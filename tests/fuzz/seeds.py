"""Small documents to begin from, spelled by the engine's oracle, and bad ones as real folders hold them."""

import gzip
import json
import tempfile
from pathlib import Path

from tests.ppo.contract import engine
from tests.warehouse import bad_files
from tests.warehouse.rollouts import experience, rows

LARGEST = 20_000
"""Bytes; a small seed is mutated more often in a second."""
FOUND = Path(__file__).parent / "found"
"""Inputs that broke a promise once, by target; every test run replays them."""


def rollouts() -> list[bytes]:
    """Rollout files in every spelling that is read, and flawed ones."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bad_files.make(folder)
        names = {
            "run_id": "a", "environment": "b", "seed": 7, "policy_version": 3, "rollout_index": 1,
            "observation_names": ["x", "y"], "action_names": ["p", "q"], "reward_names": ["speed"],
        }  # fmt: skip
        odd = [
            experience(n, n % 2, 2, action={"p": n, "q": -1.5}, reward_terms={"speed": 1.0, "odd": 2}, truncated=n == 2)
            for n in range(4)
        ]
        odd[3]["next_value"] = 0.5
        engine.write_rollout(folder / "names.json", odd, timestamp="2024.12.25-14.00.00", extra=names)
        engine.write_rollout(folder / "utf16.json", rows(3), timestamp="2024.12.25-14.00.00", encoding="utf-16")
        engine.write_rollout(folder / "plain.json", rows(3, width=19), timestamp="2024.12.25-14.00.00", eol="\n")
        found = [path.read_bytes() for path in sorted(folder.iterdir())]
    found += [gzip.compress(found[-2]), b"\xef\xbb\xbf" + found[-2], json.dumps({"experiences": rows(2)}).encode()]
    return [raw for raw in found if len(raw) <= LARGEST]


def policies() -> list[bytes]:
    """Policy files: flat, nested, with two layers, with an identity mean, UTF-16."""
    layer = {"weights": [1, 2, 3, 4, 5, 6], "biases": [0.1, 0.2, 0.3]}
    nested = {"weights": [[1, 2], [3.5, -4], [5e-45, -0.0]], "biases": [0.1, 0.2, 3e38]}
    deeper = {"weights": [0.1] * 9, "biases": [1, 2, 3]}
    head = {"weights": [1, 2, 3], "biases": [0.5]}
    config = {"input_size": 2, "hidden_layers": [3], "policy_output_size": 1, "value_output_size": 1}
    small = {
        "network_config": config, "policy_layers": [layer], "value_layers": [nested], "policy_head": head,
        "value_head": head, "action_log_std": [-0.7],
    }  # fmt: skip
    deep = small | {
        "network_config": config | {"hidden_layers": [3, 3], "mean_activation": "identity"},
        "policy_layers": [layer, deeper], "value_layers": [nested, deeper], "pitwall": {"version": 3, "parent": None},
    }  # fmt: skip
    texts = [json.dumps(small), json.dumps(deep, indent=1)]
    return [*(text.encode() for text in texts), texts[0].encode("utf-16"), b"\xef\xbb\xbf" + texts[0].encode()]


SEEDS = {"rollout": rollouts, "policy": policies}


def found(target: str) -> list[Path]:
    """What the fuzzer has found for a target so far."""
    return sorted((FOUND / target).glob("*")) if (FOUND / target).is_dir() else []
