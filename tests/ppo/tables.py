"""Rollout files of the sample session as the window table that the lake hands over, read without the lake's code."""

import gzip
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from schemas.space import Space
from tests.ppo.contract import engine

SAMPLES = Path(__file__).parents[2] / "samples"
SPACE = Space.of(15, ["steer", "throttle", "brake"])
TYPES = {
    "run_id": pa.string(), "rollout_id": pa.string(), "rollout_position": pa.int32(), "rollout_index": pa.int32(),
    "row_index": pa.int32(), "agent_index": pa.int32(), "step": pa.int32(), "reward": pa.float32(),
    "log_prob": pa.float32(), "value": pa.float32(), "next_value": pa.float32(), "terminated": pa.bool_(),
    "truncated": pa.bool_(), "gap_before": pa.bool_(), "gap_after": pa.bool_(), "policy_version": pa.int32(),
    "claimed_version": pa.int32(), "verdict": pa.string(), "noise_scale": pa.float64(), "in_window": pa.bool_(),
}  # fmt: skip


def session(count=5):
    """The first rollouts of the sample session, as parsed documents."""
    paths = sorted((SAMPLES / "session_a").glob("*.json.gz"))[:count]
    return [json.loads(gzip.decompress(path.read_bytes())) for path in paths]


def policy_json():
    return gzip.decompress((SAMPLES / "policy.json.gz").read_bytes())


def table(documents, space=SPACE, **columns):
    """The window table of consecutive rollouts; `columns` are constants that replace the defaults."""
    rows = []
    for position, document in enumerate(documents):
        steps = defaultdict(int)
        for row_index, experience in enumerate(document["experiences"]):
            agent = experience["agent_index"]
            rows.append({
                "run_id": "run", "rollout_id": f"rollout_{position}", "rollout_position": position,
                "rollout_index": position, "row_index": row_index, "agent_index": agent, "step": steps[agent],
                "reward": experience["reward"], "log_prob": experience["log_prob"], "value": experience["value"],
                "next_value": experience.get("next_value"), "terminated": experience["done"],
                "truncated": experience.get("truncated", False), "gap_before": False, "gap_after": False,
                "policy_version": 1, "claimed_version": None, "verdict": "author", "noise_scale": None,
                "in_window": True,
                **dict(zip(space.observation_columns, experience["state"], strict=True)),
                **{f"action_{name}": value for name, value in experience["action"].items()}, **columns,
            })  # fmt: skip
            steps[agent] += 1
    return from_rows(rows, space)


def from_rows(rows, space=SPACE):
    """A sorted window table of dicts."""
    numbers = {name: pa.float32() for name in [*space.observation_columns, *space.action_columns]}
    rows = sorted(rows, key=lambda row: (row["run_id"], row["agent_index"], row["rollout_position"], row["step"]))
    return pa.Table.from_pylist(rows, pa.schema(TYPES | numbers))


def with_noise(table, noise):
    """The table with its noise_scale column filled from the segments that `attribute` found."""
    found = {}
    for segment in noise.to_pylist():
        found.setdefault((segment["rollout_id"], segment["agent_index"]), []).append(
            (segment["first_step"], segment["noise_scale"])
        )
    scales = []
    for rollout, agent, step in zip(
        *(table[name].to_pylist() for name in ("rollout_id", "agent_index", "step")), strict=True
    ):
        begun = [scale for first, scale in sorted(found.get((rollout, agent), [])) if first <= step]
        scales.append(begun[-1] if begun else None)
    return table.set_column(table.column_names.index("noise_scale"), "noise_scale", pa.array(scales, pa.float64()))


def collect(policy, noise, rows, seed=0):
    """A rollout document of one agent that the engine's oracle collects with `policy`."""
    file, random = policy.to_engine(), np.random.default_rng(seed)
    trunks = (file.policy_layers, file.value_layers)
    actor, critic = ([(layer.weights, layer.biases) for layer in trunk] for trunk in trunks)
    heads = [(head.weights, head.biases) for head in (file.policy_head, file.value_head)]
    network = engine.Network(actor, heads[0], critic, heads[1], file.log_std)
    states = random.uniform(-1, 1, (rows, policy.observations)).astype(np.float32)
    actions, log_probs, values = network.act(states, np.full(rows, noise, np.float32), random)
    return {
        "experiences": [
            {
                "state": state, "action": dict(zip(("steer", "throttle", "brake"), action, strict=True)), "done": False,
                "reward": state[0], "log_prob": log_prob, "value": value, "agent_index": 0,
            }
            for state, action, log_prob, value in zip(
                states.tolist(), actions.tolist(), log_probs.tolist(), values.tolist(), strict=True
            )
        ]
    }  # fmt: skip
