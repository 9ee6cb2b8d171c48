"""The network's output with the error that float32 leaves in it, for comparing with numbers that an engine recorded.

Arrives: a folded policy, and observations. Leaves: float64 outputs and their standard errors.
Legend: N rows, O observations, U actions.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppo.device import threads
from ppo.policy import Parameters, Policy

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
    # A rollout's products take a millisecond each; a second thread without a core of its own is waited for far longer.
    with torch.no_grad(), threads(1):
        mean, mean_variance = _trunk(parameters, 0, parameters.mean_weight, parameters.mean_bias, observations)
        value, value_variance = _trunk(parameters, 1, parameters.value_weight, parameters.value_bias, observations)
    if policy.mean == "tanh":
        mean = np.tanh(mean)
        mean_variance = mean_variance * np.square(1 - np.square(mean)) + np.square(EPS * mean)
    return Prediction(mean, np.sqrt(mean_variance), value[:, 0], np.sqrt(value_variance)[:, 0])


def _trunk(
    parameters: Parameters, trunk: int, head_weight: Tensor, head_bias: Tensor, observations: Array
) -> tuple[Array, Array]:
    """One trunk and its head: outputs and their variance."""
    hidden = torch.from_numpy(observations)
    variance = torch.zeros_like(hidden)
    for weight, bias in zip(parameters.weights, parameters.biases, strict=True):
        hidden, variance = _dense(hidden, variance, weight[trunk].T, bias[trunk, 0])
        variance *= hidden.relu_().sign()  # a unit that is off has no error
    output, variance = _dense(hidden, variance, head_weight, head_bias)
    return output.numpy(), variance.numpy()


def _dense(hidden: Tensor, variance: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """A layer's sums and their variance; the variance that came in is used up."""
    w, b = weight.cpu().double(), bias.cpu().double()
    rounding = EPS**2 * (w.shape[1] / 12 + 1)
    variance.addcmul_(hidden, hidden, value=rounding)
    return torch.addmm(b, hidden, w.T), torch.addmm(rounding * b.square(), variance, w.square().T)
