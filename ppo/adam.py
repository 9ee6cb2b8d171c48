"""Adam over one flat tensor: the gradient's norm, its clip and the step are a few operators whatever the network.

Arrives: a flat gradient. Leaves: changed parameters, and the state as safetensors bytes.
Kingma & Ba 2015, algorithm 1, with the epsilon as in torch.optim.Adam. Legend: P parameters.
"""

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from schemas.errors import TrainingStopped

BETA_1, BETA_2 = 0.9, 0.999


class Adam:
    """Moments (P,), the count of steps, and the learning rate as a tensor, so that no step waits for the device."""

    def __init__(self, flat: Tensor, eps: float) -> None:
        self.flat, self.eps, self.steps = flat, eps, 0
        self.first, self.second = torch.zeros_like(flat), torch.zeros_like(flat)
        self.denominator = torch.empty_like(flat)
        self.first_bias, self.second_bias = flat.new_zeros(()), flat.new_zeros(())
        """() 1 - beta_1^t and (1 - beta_2^t)^(-1/2) of the step that was begun."""

    def step(self, gradient: Tensor, learning_rate: Tensor, max_norm: float) -> Tensor:
        """Clips the gradient (P,) to `max_norm` in place and applies it; returns the norm before (), on the device."""
        self.begin()
        return self.apply(gradient, learning_rate, max_norm)

    def begin(self) -> None:
        """Counts a step: all of it that is not a tensor's work, which `apply` is."""
        self.steps += 1
        self.first_bias.fill_(1 - BETA_1**self.steps)
        self.second_bias.fill_((1 - BETA_2**self.steps) ** -0.5)

    @torch.no_grad()
    def apply(self, gradient: Tensor, learning_rate: Tensor, max_norm: float) -> Tensor:
        """The rest of `step`."""
        norm: Tensor = torch.linalg.vector_norm(gradient)
        gradient.mul_((max_norm / (norm + 1e-6)).clamp_(max=1.0))
        self.first.lerp_(gradient, 1 - BETA_1)
        self.second.mul_(BETA_2).addcmul_(gradient, gradient, value=1 - BETA_2)
        torch.sqrt(self.second, out=self.denominator)
        self.denominator.mul_(self.second_bias).add_(self.eps)
        torch.div(self.first, self.denominator, out=self.denominator)
        self.flat.sub_(self.denominator.mul_(learning_rate / self.first_bias))
        return norm

    def to_safetensors(self, learning_rate: float) -> bytes:
        """The state; the learning rate is that of an adaptive schedule."""
        numbers = {"steps": torch.tensor(self.steps), "learning_rate": torch.tensor(learning_rate, dtype=torch.float64)}
        return bytes(save({"first": self.first.cpu(), "second": self.second.cpu(), **numbers}))

    def renew(self, where: Tensor, square: Tensor) -> None:
        """Begins anew where `where` (P,) is true, for gradients of this mean square (P,): no direction is remembered,
        and the size is the larger one of those remembered and these, so that no step is larger than either allows.
        """  # noqa: D205
        self.first.masked_fill_(where, 0)
        known = torch.maximum(self.second, square * (1 - BETA_2**self.steps))
        torch.where(where, known, self.second, out=self.second)

    def restore(self, raw: bytes) -> float:
        """Takes the state over and returns its learning rate; raises TrainingStopped when it is another network's."""
        try:
            state = load(raw)
            first, second = state["first"], state["second"]
            self.steps, learning_rate = int(state["steps"]), float(state["learning_rate"])
        except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise TrainingStopped(f"optimizer state: {error!r:.300}; train without it (a new optimizer)") from error
        if first.shape != self.flat.shape or second.shape != self.flat.shape:
            wanted = f"{len(self.flat)} parameters, was {first.numel()}"
            raise TrainingStopped(f"optimizer state: wanted {wanted}; train without it (a new optimizer)")
        self.first.copy_(first)
        self.second.copy_(second)
        return learning_rate
