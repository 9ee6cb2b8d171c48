"""The network's output with the error that float32 leaves in it, for comparing with numbers that an engine recorded.

Arrives: a folded policy, and observations. Leaves: float64 outputs and their standard errors.
Legend: N rows, O observations, U actions.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ppo.policy import Policy

Array = NDArray[np.float64]
EPS = float(np.finfo(np.float32).eps)


class Prediction(NamedTuple):
    """Outputs in float64 and the standard error of a float32 computation of them."""

    mean: Array
    """(N, U)"""
    mean_error: Array
    value: Array
    """(N,)"""
    value_error: Array


def predict(policy: Policy, observations: Array) -> Prediction:
    """Forward pass of float32 weights in float64; rounding errors are carried along as variances.

    A float32 sum of n products is off by about eps sqrt(n / 12 sum (w h)^2): each partial sum is rounded once.
    """
    parameters = policy.parameters
    outputs = []
    heads = ((parameters.mean_weight, parameters.mean_bias), (parameters.value_weight, parameters.value_bias))
    for trunk, head in enumerate(heads):
        hidden, variance = observations, np.zeros_like(observations)
        for weight, bias in zip(parameters.weights, parameters.biases, strict=True):
            hidden, variance = _dense(hidden, variance, weight[trunk].T, bias[trunk, 0])
            variance, hidden = variance * (hidden > 0), np.maximum(hidden, 0)
        outputs.append(_dense(hidden, variance, *head))
    (linear, variance), (value, value_variance) = outputs
    mean, mean_variance = linear, variance
    if policy.mean == "tanh":
        mean = np.tanh(linear)
        mean_variance = variance * np.square(1 - np.square(mean)) + np.square(EPS * mean)
    return Prediction(mean, np.sqrt(mean_variance), value[:, 0], np.sqrt(value_variance)[:, 0])


def _dense(hidden: Array, variance: Array, weight: Tensor, bias: Tensor) -> tuple[Array, Array]:
    w, b = weight.detach().cpu().double().numpy(), bias.detach().cpu().double().numpy()
    rounding = EPS**2 * (w.shape[1] / 12 + 1)
    return hidden @ w.T + b, (variance + rounding * np.square(hidden)) @ np.square(w).T + rounding * np.square(b)
