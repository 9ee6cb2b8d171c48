"""Sessions of small policies, driven by the contract's own engine: quick to ingest and to train on."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.ppo.contract import engine

WIDTH = 15
ACTIONS = ("steer", "throttle", "brake")


class Driver(NamedTuple):
    """A policy, as the engine has it in memory and as a file."""

    network: Any
    raw: bytes


def driver(seed: int, hidden: int = 8) -> Driver:
    """A random policy of two layers."""
    random = np.random.default_rng(seed)

    def layer(inputs: int, outputs: int) -> tuple[Any, Any]:
        scale = 1 / np.sqrt(inputs)
        return random.uniform(-scale, scale, (outputs, inputs)).astype(np.float32), np.zeros(outputs, np.float32)

    trunks = [[layer(WIDTH, hidden), layer(hidden, hidden)] for _ in range(2)]
    heads = [layer(hidden, 3), layer(hidden, 1)]
    log_std = np.full(3, np.log(0.5), np.float32)
    network = engine.Network(trunks[0], heads[0], trunks[1], heads[1], log_std)
    spelled = [{"weights": w.ravel().tolist(), "biases": b.tolist()} for w, b in (*trunks[0], *trunks[1], *heads)]
    config = {
        "input_size": WIDTH,
        "hidden_layers": [hidden, hidden],
        "policy_output_size": 3,
        "value_output_size": 1,
    }
    document = {
        "network_config": config, "policy_layers": spelled[:2], "value_layers": spelled[2:4], "policy_head": spelled[4],
        "value_head": spelled[5], "action_log_std": log_std.tolist(),
    }  # fmt: skip
    return Driver(network, json.dumps(document).encode())


def collect(
    who: Driver, folder: Path, index: int, rows: int, *, agents: int = 2, seed: int = 0, ends: Sequence[int] = ()
) -> Path:
    """One rollout of `rows` experiences; the task ends with those of `ends`, and rewards say steer."""
    random = np.random.default_rng([seed, index])
    states = random.uniform(-1, 1, (rows, WIDTH)).astype(np.float32)
    actions, log_probs, values = who.network.act(states, np.full(rows, 0.2, np.float32), random)
    experiences = [
        {"state": states[i], "action": dict(zip(ACTIONS, actions[i], strict=True)), "reward": actions[i][0],
         "done": i in ends, "log_prob": log_probs[i], "value": values[i], "advantage": 0, "return": 0,
         "agent_index": i % agents} for i in range(rows)
    ]  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"rollout_{index}_20241225_14{index:02d}00.json"
    engine.write_rollout(path, experiences, timestamp=f"2024.12.25-14.{index:02d}.00")
    return path


def change(path: Path, changes: dict[int, dict[str, Any]]) -> Path:
    """The file with some fields of some rows changed."""
    document = json.loads(path.read_bytes())
    for row, fields in changes.items():
        document["experiences"][row] |= fields
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
