"""A policy as TorchScript, for C++ (LibTorch) and phones: a file that others run, and that Pitwall never reads.

Arrives: a `Policy`, its `Space`, what else the file should say. Leaves: a module to prove, and its bytes.
Such a file holds a program; that is what it is for. It is written on demand only, in memory, and no room loads one.
PyTorch calls TorchScript deprecated and still writes and loads it: LibTorch opens it as it is, without a compiler.
Legend: N rows, O observations, U actions.
"""

import json
import math
import warnings
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ppo.policy import Policy
from schemas.policy_file import Layer
from schemas.space import Space

ABOUT = "pitwall.json"
"""Name of the extra file inside, which says what the module computes."""


class Outputs(NamedTuple):
    """What the module gives for N observations."""

    action: Tensor
    """(N, U) the mean, clamped to the ranges of the actions."""
    mean: Tensor
    """(N, U)"""
    value: Tensor
    """(N, 1)"""


class Module(nn.Module):
    """Raw observations (N, O) float32 -> action, mean, value; normaliser and return scale are folded in."""

    low: Tensor
    high: Tensor

    def __init__(self, policy: Policy, space: Space) -> None:
        super().__init__()
        shape, wanted = (policy.observations, policy.actions), (len(space.observations), len(space.actions))
        if shape != wanted:
            raise ValueError(f"policy has {shape} observations and actions, its space {wanted}")
        file = policy.to_engine()
        last = [nn.Tanh()] if policy.mean == "tanh" else []
        self.actor = nn.Sequential(*_trunk(file.policy_layers), _linear(file.policy_head), *last)
        self.critic = nn.Sequential(*_trunk(file.value_layers), _linear(file.value_head))
        low = [-math.inf if feature.low is None else feature.low for feature in space.actions]
        high = [math.inf if feature.high is None else feature.high for feature in space.actions]
        self.register_buffer("low", torch.tensor(low))
        self.register_buffer("high", torch.tensor(high))

    def forward(self, observation: Tensor) -> Outputs:
        """(N, O) -> action (N, U), mean (N, U), value (N, 1)."""
        mean = self.actor(observation)
        return Outputs(torch.minimum(torch.maximum(mean, self.low), self.high), mean, self.critic(observation))


def torchscript(policy: Policy, space: Space) -> torch.jit.ScriptModule:
    """The compiled module; raises ValueError when the policy is not of this space."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", DeprecationWarning)
        module: torch.jit.ScriptModule = torch.jit.script(Module(policy, space).eval().requires_grad_(False))
    return module


def torchscript_bytes(
    module: torch.jit.ScriptModule, policy: Policy, space: Space, about: Mapping[str, object]
) -> bytes:
    """The file; inside, `pitwall.json` says what it computes, from what, and the noise that it leaves to the caller."""
    told = {
        **about,
        "fingerprint": policy.fingerprint,
        "inputs": {"observation": {"shape": ["N", len(space.observations)], "dtype": "float32", "unit": "raw"}},
        "outputs": {
            "action": {"shape": ["N", len(space.actions)], "is": "mean, clamped to the ranges; nothing is sampled"},
            "mean": {"shape": ["N", len(space.actions)], "is": "mean of the normal distribution of actions"},
            "value": {"shape": ["N", 1], "is": "expected return, in units of reward"},
        },
        "log_std": policy.to_engine().log_std.tolist(),
        "space": space.model_dump(mode="json"),
    }
    raw: bytes = module.save_to_buffer(_extra_files={ABOUT: json.dumps(told, indent=1)})
    return raw


def _trunk(layers: tuple[Layer, ...]) -> list[nn.Module]:
    return [part for layer in layers for part in (_linear(layer), nn.ReLU())]


def _linear(layer: Layer) -> nn.Linear:
    outputs, inputs = layer.weights.shape
    linear = nn.Linear(inputs, outputs)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor(layer.weights))
        linear.bias.copy_(torch.tensor(layer.biases))
    return linear
