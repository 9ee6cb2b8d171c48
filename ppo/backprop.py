"""Forward and backward pass of the network by hand, in buffers that are allocated once.

Arrives: parameters, a flat gradient to write to, and minibatches. Leaves: outputs, then gradients. The network is two
products a layer; autograd's bookkeeping and fresh memory for every minibatch cost more than these at batch 64
(docs/performance.md). Rumelhart et al. 1986; a test compares with autograd.
Legend: B rows of a minibatch, O observations, H hidden width, U actions; 2 trunks: the actor, the critic.
"""

import torch
from torch import Tensor

from ppo.policy import Parameters
from schemas.policy_file import Mean


class Backprop:
    """Gradients of `parameters` go to `gradients`: the same views, of another flat tensor."""

    def __init__(self, parameters: Parameters, gradients: Parameters, activation: Mean = "tanh") -> None:
        self.parameters, self.gradients, self.activation = parameters, gradients, activation
        self._buffers: dict[int, _Buffers] = {}

    @torch.no_grad()
    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """(B, O) -> mean (B, U), value (B,)."""
        self.reserve(len(observations))
        parameters, buffers = self.parameters, self._buffers[len(observations)]
        hidden = buffers.hidden
        below = observations.expand(2, -1, -1)
        for weight, bias, out in zip(parameters.weights, parameters.biases, hidden, strict=True):
            below = torch.baddbmm(bias, below, weight, out=out).clamp_(min=0)
        mean = torch.addmm(parameters.mean_bias, below[0], parameters.mean_weight.T)
        if self.activation == "tanh":
            mean.tanh_()
        value = torch.addmv(parameters.value_bias, below[1], parameters.value_weight[0])
        return mean, value

    @torch.no_grad()
    def backward(self, observations: Tensor, mean: Tensor, of_mean: Tensor, of_value: Tensor) -> None:
        """Writes d loss / d weights, given d loss / d mean (B, U) and / d value (B,) of the same minibatch's `forward`.

        `of_mean` is used up.
        """
        parameters, gradients, buffers = self.parameters, self.gradients, self._buffers[len(observations)]
        linear = of_mean
        if self.activation == "tanh":
            linear.addcmul_(linear, mean.square(), value=-1)  # d tanh x = 1 - tanh^2 x
        above = buffers.slope[-1]
        torch.mm(linear.T, buffers.hidden[-1][0], out=gradients.mean_weight)
        torch.sum(linear, 0, out=gradients.mean_bias)
        torch.mm(linear, parameters.mean_weight, out=above[0])
        torch.mv(buffers.hidden[-1][1].T, of_value, out=gradients.value_weight[0])
        torch.sum(of_value, 0, keepdim=True, out=gradients.value_bias)
        torch.outer(of_value, parameters.value_weight[0], out=above[1])
        for at in reversed(range(len(parameters.weights))):
            above = torch.ops.aten.threshold_backward.grad_input(above, buffers.hidden[at], 0, grad_input=above)
            below = buffers.hidden[at - 1] if at else observations.expand(2, -1, -1)
            torch.bmm(below.mT, above, out=gradients.weights[at])
            torch.sum(above, 1, keepdim=True, out=gradients.biases[at])
            if at:
                above = torch.bmm(above, parameters.weights[at].mT, out=buffers.slope[at - 1])

    def reserve(self, rows: int) -> None:
        """Allocates what minibatches of so many rows take, once; `forward` does it too."""
        if rows not in self._buffers:
            self._buffers[rows] = _Buffers(self.parameters, rows)


class _Buffers:
    """Per hidden layer (2, B, H): its output, and d loss / d output."""

    def __init__(self, parameters: Parameters, rows: int) -> None:
        self.hidden = [weight.new_empty(2, rows, weight.shape[2]) for weight in parameters.weights]
        self.slope = [torch.empty_like(hidden) for hidden in self.hidden]
