"""The driver: a policy file at the wheel, computed in float32 as the engine computes it.

Arrives: the engine's policy JSON, then observations. Leaves: means and values; actions with their log-probs.
One car is driven in about 20 microseconds; each of numpy's operations costs half of one, so there are few, in place.
Legend: N agents, O observations, H hidden width, U actions.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from racing.errors import DriverRejected
from racing.policy_document import Layer, PolicyDocument

Floats = NDArray[np.float32]
NOISE_MIN = np.float32(0.01)
"""The engine never scales its exploration noise below this factor."""
_MINUS_HALF = np.float32(-0.5)
_ZERO = np.zeros(1, np.float32)


class Spread(NamedTuple):
    """The standard deviation with the noise in it."""

    std: Floats
    """(N, U)."""
    log_norm: Floats
    """(N,), the part of -log p that does not depend on the action: sum_i log std_i + U/2 log 2 pi."""

    def log_prob(self, actions: Floats, means: Floats) -> Floats:
        """Log density (N,), -(sum_i z_i^2) / 2 - log_norm, in nats, with z = (action - mean) / std."""
        z = actions - means
        z /= self.std
        density: Floats = np.vecdot(z, z)
        density *= _MINUS_HALF
        density -= self.log_norm
        return density


@dataclass(frozen=True, kw_only=True, eq=False)
class Driver:
    """A policy and its critic, as the engine has them in memory after loading a file."""

    actor: list[tuple[Floats, Floats]]
    """Hidden layers, then the mean's: weights (in, out), so that a row times them is one product, and biases (out,)."""
    critic: list[tuple[Floats, Floats]]
    """Hidden layers, then the value's."""
    std: Floats
    """(U,), before the noise."""
    identity_mean: bool
    """Whether the tanh after the mean is left out."""
    version: int | None
    """The number under which the policy is registered; None where the file does not say."""

    @classmethod
    def load(cls, path: Path | str) -> "Driver":
        """The driver in a policy file; raises DriverRejected where the engine would not load all of it."""
        try:
            raw = Path(path).read_bytes()
        except OSError as error:
            raise DriverRejected(f"{path}: cannot be read ({error.strerror}). Name a policy file") from error
        return cls.read(raw, Path(path).name)

    @classmethod
    def read(cls, raw: bytes, name: str = "policy file") -> "Driver":
        """The driver in the bytes of a policy file; `name` is what messages call it."""
        document = PolicyDocument.read(raw, name)
        return cls(
            actor=[_turned(layer) for layer in [*document.policy_layers, document.policy_head]],
            critic=[_turned(layer) for layer in [*document.value_layers, document.value_head]],
            std=np.exp(document.log_std),
            identity_mean=document.identity_mean,
            version=document.version,
        )

    @property
    def observations(self) -> int:
        """O."""
        return int(self.actor[0][0].shape[0])

    @property
    def actions(self) -> int:
        """U."""
        return int(self.std.shape[0])

    def forward(self, states: Floats) -> tuple[Floats, Floats]:
        """States (N, O) float32 -> mean (N, U), value (N,)."""
        return self._mean(states, np.ndarray.dot), _through(self.critic, states, np.ndarray.dot)[:, 0]

    def spread(self, noise: NDArray[np.float64]) -> "Spread":
        """How widely each agent explores under the engine's NoiseStd (N,), which stays while its episode lasts."""
        std: Floats = self.std * np.maximum(noise.astype(np.float32), NOISE_MIN)[:, None]
        log_norm = np.log(std).sum(1) + np.float32(0.5 * math.log(2 * math.pi) * self.actions)
        return Spread(std, log_norm)

    def act(
        self, states: Floats, spread: "Spread", rng: np.random.Generator, clamp: Callable[[Floats], Floats]
    ) -> tuple[Floats, Floats, Floats]:
        """One collecting step in states (N, O): action (N, U) as `clamp` leaves it, its log_prob (N,), value (N,)."""
        mean, value = self.forward(states)
        action = rng.standard_normal(mean.shape, np.float32)
        action *= spread.std
        action += mean
        action = clamp(action)
        return action, spread.log_prob(action, mean), value

    def steady(self, states: Floats) -> Floats:
        """Means (N, U) for deterministic driving, to the bit the same in any company.

        A product of N rows may round a row otherwise than one of M rows, so each row here is a product of its own.
        """
        return self._mean(states[:, None], np.matmul)[:, 0]

    def _mean(self, states: Floats, product: Callable[[Floats, Floats], Floats]) -> Floats:
        mean = _through(self.actor, states, product)
        return mean if self.identity_mean else np.tanh(mean, out=mean)


def _turned(layer: Layer) -> tuple[Floats, Floats]:
    return np.ascontiguousarray(layer.weights.T), layer.biases


def _through(
    layers: list[tuple[Floats, Floats]], states: Floats, product: Callable[[Floats, Floats], Floats]
) -> Floats:
    """States (..., O) through ReLU layers and a linear one."""
    x = states
    for weights, biases in layers[:-1]:
        x = product(x, weights)
        x += biases
        np.maximum(x, _ZERO, out=x)
    x = product(x, layers[-1][0])
    x += layers[-1][1]
    return x
