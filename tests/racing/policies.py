"""Policies as JSON, drawn without our learner, and the contract's own network of the same file."""

import json
from itertools import pairwise

import numpy as np

from tests.ppo.contract import engine


def document(observations=15, actions=3, hidden=(16, 16), seed=0, **config):
    """A policy file as a dict; `config` are further keys of network_config."""
    random = np.random.default_rng(seed)

    def layer(columns, rows):
        weights = random.uniform(-1, 1, (rows, columns)) / np.sqrt(columns)
        biases = random.uniform(-0.1, 0.1, rows)
        return {"weights": np.float32(weights).ravel().tolist(), "biases": np.float32(biases).tolist()}

    sizes = [observations, *hidden]
    trunks = [[layer(*pair) for pair in pairwise(sizes)] for _ in range(2)]
    return {
        "network_config": {
            "input_size": observations, "hidden_layers": list(hidden), "policy_output_size": actions,
            "value_output_size": 1, **config,
        },
        "policy_layers": trunks[0], "value_layers": trunks[1], "policy_head": layer(sizes[-1], actions),
        "value_head": layer(sizes[-1], 1), "action_log_std": np.float32(np.log(0.5)).repeat(actions).tolist(),
    }  # fmt: skip


def raw(*arguments, **options):
    return json.dumps(document(*arguments, **options)).encode()


def oracle(path):
    """The contract's network of a policy file."""
    return engine.Network.load(path)


def thought_up(caution=1.5):
    """A policy that nobody trained: steer to where there is more room, go as fast as there is sight ahead.

    With caution 1.5 it drives its laps; with 0.6 it is too fast for the first corner.
    """
    rays = np.zeros((4, 15))
    rays[0, [6, 8]], rays[0, [5, 7]] = 1, -1  # more room on the right: ray_right, ray_right45 against the left ones
    rays[1] = -rays[0]
    rays[2, 4], rays[3, 0] = 1, 1  # ray_forward, speed_norm
    steer, throttle, brake = [1.2, -1.2, 0, 0], [0, 0, 2.5, -7 * caution], [0, 0, -1, 4 * caution]
    return document(hidden=(4,)) | {
        "policy_layers": [{"weights": rays.tolist(), "biases": [0] * 4}],
        "policy_head": {"weights": [steer, throttle, brake], "biases": [0, 0.2, -1]},
    }
