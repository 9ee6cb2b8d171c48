"""Experiences whose values say where they stand, and the same as the contract's oracle takes them."""

import numpy as np

from racing.experiences import Experiences

ACTIONS = ("steer", "throttle", "brake")


def experiences(count=6, agents=2, width=15, terms=(), actions=3, **columns):
    """Row r: state r + place / 16, action r / 8 + place / 64, reward r / 100; agents take turns, nothing ends."""
    rows = np.arange(count, dtype=np.float32)
    made = {
        "state": rows[:, None] + np.arange(width, dtype=np.float32) / 16,
        "action": rows[:, None] / 8 + np.arange(actions, dtype=np.float32) / 64,
        "reward": rows / 100,
        "done": np.zeros(count, bool),
        "truncated": np.zeros(count, bool),
        "log_prob": -rows,
        "value": rows / 3,
        "next_value": np.full(count, np.nan, np.float32),
        "agent_index": np.arange(count) % agents,
        "reward_terms": {name: rows / (7 + at) for at, name in enumerate(terms)},
    }
    return Experiences(**(made | columns))


def as_the_oracle_takes_them(x, names=ACTIONS):
    """The same rows, one dict each, in the order of the engine's fields."""
    rows = []
    for at in range(len(x)):
        row = {
            "state": x.state[at],
            "action": dict(zip(names, x.action[at], strict=True)),
            "reward": x.reward[at],
            "done": bool(x.done[at]),
            "log_prob": x.log_prob[at],
            "value": x.value[at],
            "advantage": 0,
            "return": 0,
            "agent_index": int(x.agent_index[at]),
        }
        if x.truncated[at]:
            row["truncated"] = True
        if np.isfinite(x.next_value[at]):
            row["next_value"] = x.next_value[at]
        if x.reward_terms:
            row["reward_terms"] = {name: term[at] for name, term in x.reward_terms.items()}
        rows.append(row)
    return rows
