"""Running moments of observations, and how they leave the network again.

Arrives: observations of a window. Leaves: normalised observations, and first layers with the moments folded in, because
the engine normalises nothing. There is no clipping: it could not be folded.
Legend: N rows, O observations, H width of the first hidden layer.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

DEVIATION_MIN = 1e-2
"""A feature that hardly moves is divided by no less: folded weights are W / deviation and must stay tame."""


@dataclass(frozen=True)
class Normaliser:
    """Moments over `count` rows. Mean and variance (O,) are kept as float64 on the CPU: folding must be exact."""

    mean: Tensor
    variance: Tensor
    count: Tensor

    @classmethod
    def identity(cls, observations: int) -> "Normaliser":
        """Changes nothing, and weighs nothing against the first rows seen."""
        moments = (torch.zeros(observations, dtype=torch.float64), torch.ones(observations, dtype=torch.float64))
        return cls(*moments, torch.zeros((), dtype=torch.float64))

    @property
    def deviation(self) -> Tensor:
        """(O,) float64, at least DEVIATION_MIN."""
        return self.variance.sqrt().clamp(min=DEVIATION_MIN)

    def __call__(self, observations: Tensor) -> Tensor:
        """(N, O) -> (N, O), mean 0 and deviation 1 over the rows seen."""
        dtype, device = observations.dtype, observations.device  # cut first: mps has no float64
        mean, deviation = (moment.to(dtype).to(device) for moment in (self.mean, self.deviation))
        return (observations - mean) / deviation

    def seen(self, observations: Tensor) -> "Normaliser":
        """Moments after these rows too (Chan et al. 1979, parallel variance)."""
        rows = observations.detach().cpu().double()
        count = torch.tensor(float(len(rows)), dtype=torch.float64)
        variance, mean = torch.var_mean(rows, dim=0, correction=0)
        total = self.count + count
        delta = mean - self.mean
        squares = self.variance * self.count + variance * count + delta.square() * self.count * count / total
        return Normaliser(self.mean + delta * count / total, squares / total, total)

    def fold(
        self, weights: NDArray[np.float32], biases: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """First layer (H, O), (H,) that wants raw observations: W / sigma, b - W (mu / sigma), in float64, cut once."""
        mean, deviation = self.mean.numpy(), self.deviation.numpy()
        folded = weights.astype(np.float64) / deviation
        return folded.astype(np.float32), (biases - folded @ mean).astype(np.float32)

    def moved(self, weights: Tensor, biases: Tensor, new: "Normaliser") -> tuple[Tensor, Tensor]:
        """First layers of both trunks (2, O, H), (2, 1, H) for `new` moments; the function of observations stays."""
        weight, bias = weights.detach().cpu().double(), biases.detach().cpu().double()
        raw = weight / self.deviation[:, None]
        return (raw * new.deviation[:, None]).to(weights), (bias + ((new.mean - self.mean) @ raw)[:, None]).to(biases)

    def moments(self) -> dict[str, Tensor]:
        """Tensors by name, for a file."""
        return {"mean": self.mean, "variance": self.variance, "count": self.count}
