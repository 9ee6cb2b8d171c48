"""The engine's network: two trunks of equal widths, mean = tanh(head), value = head, one log_std per action.

Arrives: widths and a seed, a `PolicyFile` or safetensors bytes. Leaves: means, values, and the same formats again.
All weights are views of one flat tensor, and both trunks run as one batched product: an update is then few operators.
Legend: N rows, O observations, H hidden width, U actions, P parameters.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ppo.normaliser import Normaliser
from ppo.return_scale import ReturnScale
from schemas.errors import PolicyRejected
from schemas.policy_file import Layer, Mean, PolicyFile, write_policy
from schemas.space import STD_RANGE

LOG_STD_LOW, LOG_STD_HIGH = (np.float32(math.log(bound)) for bound in STD_RANGE)
INITIAL_STD = 0.5
"""Standard deviation of a fresh policy; the engine multiplies it by its noise, 0.2 at first."""
_NORMALISER, _RETURN_SCALE = "normaliser.", "return_scale."
_MEAN = "mean_activation"
"""Key in the header of safetensors; absent: tanh."""


class Parameters(NamedTuple):
    """Views of the flat tensor; index 0 of a trunk is the actor's, 1 the critic's."""

    weights: tuple[Tensor, ...]
    """Per hidden layer (2, in, out), the order in which its gradient is one plain product."""
    biases: tuple[Tensor, ...]
    """Per hidden layer (2, 1, out)."""
    mean_weight: Tensor
    mean_bias: Tensor
    value_weight: Tensor
    value_bias: Tensor
    log_std: Tensor


@dataclass(frozen=True)
class Policy:
    """A policy and its critic. `flat` (P,) float32 holds every weight; it is not changed, `train` works on a copy."""

    sizes: tuple[int, ...]
    """O, then the hidden widths."""
    actions: int
    """U."""
    flat: Tensor
    normaliser: Normaliser | None = None
    return_scale: ReturnScale | None = None
    """The value head in `flat` counts in its unit; outside, values are in units of reward."""
    mean: Mean = "tanh"
    """identity: the head's output itself, for environments other than the engine."""

    @classmethod
    def fresh(
        cls,
        observations: int,
        actions: int,
        hidden: Sequence[int] = (128, 128),
        seed: int = 0,
        *,
        mean: Mean = "tanh",
        initial_std: float = INITIAL_STD,
    ) -> "Policy":
        """Orthogonal start: gain sqrt 2 in the trunks, 0.01 for the mean, 1 for the value; biases 0."""
        generator = torch.Generator().manual_seed(seed)
        policy = replace(cls._empty((observations, *hidden), actions), mean=mean)
        views = policy.parameters
        for weight in views.weights:
            for trunk in weight:
                torch.nn.init.orthogonal_(trunk.T, math.sqrt(2), generator)
        torch.nn.init.orthogonal_(views.mean_weight, 0.01, generator)
        torch.nn.init.orthogonal_(views.value_weight, 1.0, generator)
        views.log_std.fill_(math.log(initial_std))
        return policy

    @classmethod
    def from_engine(cls, file: PolicyFile) -> "Policy":
        """The policy that the engine has in memory after loading `file`."""
        policy = replace(cls._empty((file.input_size, *file.hidden_layers), file.policy_output_size), mean=file.mean)
        views = policy.parameters
        for at, pair in enumerate(zip(file.policy_layers, file.value_layers, strict=True)):
            for trunk, layer in enumerate(pair):
                views.weights[at][trunk].T.copy_(torch.from_numpy(layer.weights))
                views.biases[at][trunk, 0].copy_(torch.from_numpy(layer.biases))
        views.mean_weight.copy_(torch.from_numpy(file.policy_head.weights))
        views.mean_bias.copy_(torch.from_numpy(file.policy_head.biases))
        views.value_weight.copy_(torch.from_numpy(file.value_head.weights))
        views.value_bias.copy_(torch.from_numpy(file.value_head.biases))
        views.log_std.copy_(torch.from_numpy(file.log_std))
        return policy

    @classmethod
    def from_safetensors(cls, raw: bytes) -> "Policy":
        """The policy in `raw`, whole; raises PolicyRejected where a tensor is missing or does not fit."""
        try:
            tensors = load(raw)
            trunk = [
                tensors[f"actor.{at}.weight"]
                for at in range(sum(name.startswith("actor.") for name in tensors) // 2 - 1)
            ]
            sizes = (trunk[0].shape[1], *(weight.shape[0] for weight in trunk))
            observed, returned = (
                {name.removeprefix(part): tensors.pop(name) for name in [*tensors] if name.startswith(part)}
                for part in (_NORMALISER, _RETURN_SCALE)
            )
            _check_count(sizes, tensors)
            policy = cls._empty(sizes, tensors["log_std"].shape[0])
            for name, view in policy._named().items():
                _check(name, tensors[name], view)
                view.copy_(tensors[name])
            for part, moments, known in (
                (_NORMALISER, observed, Normaliser.identity(sizes[0]).moments()),
                (_RETURN_SCALE, returned, ReturnScale.identity().moments()),
            ):
                for name in moments.keys() | known.keys() if moments else ():
                    _check(part + name, moments[name], known[name])
                    if (moments[name] < 0).any() and name != "mean":
                        raise PolicyRejected(f"policy.safetensors: {part}{name} is negative; export the policy again")
        except (SafetensorError, KeyError, IndexError) as error:
            raise PolicyRejected(f"policy.safetensors: {error!r:.300}; export the policy again") from error
        return replace(
            policy,
            normaliser=Normaliser(**observed) if observed else None,
            return_scale=ReturnScale(**returned) if returned else None,
            mean=_mean(metadata(raw).get(_MEAN, "tanh")),
        )

    @classmethod
    def _empty(cls, sizes: tuple[int, ...], actions: int) -> "Policy":
        return cls(sizes, actions, torch.zeros(sum(math.prod(shape) for shape in _shapes(sizes, actions))))

    @cached_property
    def parameters(self) -> Parameters:
        """Views of `flat`."""
        return views(self.flat, self.sizes, self.actions)

    @property
    def observations(self) -> int:
        """O."""
        return self.sizes[0]

    @property
    def hidden(self) -> tuple[int, ...]:
        """Width of each hidden layer."""
        return self.sizes[1:]

    @property
    def unit(self) -> float:
        """What 1 of the value head in `flat` is in units of reward."""
        return 1.0 if self.return_scale is None else self.return_scale.unit

    @torch.no_grad()
    def __call__(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Raw observations (N, O) -> mean (N, U), value (N,), in the dtype of the observations, without a graph."""
        if self.normaliser is not None:
            observations = self.normaliser(observations)
        parameters = views(self.flat.to(observations.dtype), self.sizes, self.actions)
        mean, value = forward(parameters, observations, self.mean)
        return mean, value * self.unit

    def to(self, device: torch.device | str) -> "Policy":
        """The same policy on another device."""
        return replace(self, flat=self.flat.to(device))

    def to_engine(self, pitwall: dict[str, object] | None = None) -> PolicyFile:
        """What the engine loads: normaliser and return scale folded in, log_std within the engine's range."""
        tensors = {name: view.detach().cpu().numpy() for name, view in self._named().items()}
        trunks = {
            trunk: [
                Layer(tensors[f"{trunk}.{at}.weight"], tensors[f"{trunk}.{at}.bias"]) for at in range(len(self.hidden))
            ]
            for trunk in ("actor", "critic")
        }
        if self.normaliser is not None:
            for layers in trunks.values():
                layers[0] = Layer(*self.normaliser.fold(layers[0].weights, layers[0].biases))
        unit = np.float32(self.unit)  # a power of two: no product is rounded
        return PolicyFile(
            policy_layers=tuple(trunks["actor"]),
            policy_head=Layer(tensors["actor.head.weight"], tensors["actor.head.bias"]),
            value_layers=tuple(trunks["critic"]),
            value_head=Layer(tensors["critic.head.weight"] * unit, tensors["critic.head.bias"] * unit),
            log_std=tensors["log_std"].clip(LOG_STD_LOW, LOG_STD_HIGH),
            mean=self.mean,
            pitwall=pitwall,
        )

    def folded(self) -> "Policy":
        """The policy as the engine computes it, without a normaliser or a return scale."""
        plain = self.normaliser is None and self.return_scale is None
        return self if plain else Policy.from_engine(self.to_engine())

    def to_json(self, pitwall: dict[str, object] | None = None) -> bytes:
        """The engine's policy file."""
        return write_policy(self.to_engine(pitwall))

    def to_safetensors(self, metadata: Mapping[str, str] | None = None) -> bytes:
        """Weights, normaliser and return scale under plain names; `metadata` goes into the header."""
        tensors = {name: view.detach().cpu().contiguous() for name, view in self._named().items()}
        if self.normaliser is not None:
            tensors |= {f"{_NORMALISER}{name}": moment.cpu() for name, moment in self.normaliser.moments().items()}
        if self.return_scale is not None:
            tensors |= {f"{_RETURN_SCALE}{name}": moment for name, moment in self.return_scale.moments().items()}
        header = dict(metadata or {}) | ({} if self.mean == "tanh" else {_MEAN: self.mean})
        # Names in order: the same policy is the same bytes.
        return bytes(save({name: tensors[name].clone() for name in sorted(tensors)}, header))

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over the float32 weights that the engine loads: the same policy, however it was spelled."""
        file = self.to_engine()
        layers = [*file.policy_layers, file.policy_head, *file.value_layers, file.value_head]
        arrays: list[NDArray[np.float32]] = [array for layer in layers for array in (layer.weights, layer.biases)]
        shape = (self.sizes, self.actions) if self.mean == "tanh" else (self.sizes, self.actions, self.mean)
        digest = hashlib.sha256(str(shape).encode())
        for array in [*arrays, file.log_std]:
            digest.update(np.ascontiguousarray(array, "<f4").tobytes())
        return digest.hexdigest()

    def _named(self) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        for trunk, name in enumerate(("actor", "critic")):
            for at, (weight, bias) in enumerate(zip(self.parameters.weights, self.parameters.biases, strict=True)):
                tensors |= {f"{name}.{at}.weight": weight[trunk].T, f"{name}.{at}.bias": bias[trunk, 0]}
        heads = ("actor.head.weight", "actor.head.bias", "critic.head.weight", "critic.head.bias", "log_std")
        return tensors | dict(zip(heads, self.parameters[2:], strict=True))


def forward(parameters: Parameters, observations: Tensor, activation: Mean = "tanh") -> tuple[Tensor, Tensor]:
    """Normalised observations (N, O) -> mean (N, U), value (N,) in the critic's unit."""
    hidden = observations.expand(2, -1, -1)
    for weight, bias in zip(parameters.weights, parameters.biases, strict=True):
        hidden = torch.baddbmm(bias, hidden, weight).relu_()  # in place: fresh memory costs more than the product
    mean = torch.addmm(parameters.mean_bias, hidden[0], parameters.mean_weight.T)
    value = torch.addmm(parameters.value_bias, hidden[1], parameters.value_weight.T)
    return mean.tanh() if activation == "tanh" else mean, value.squeeze(1)


def views(flat: Tensor, sizes: tuple[int, ...], actions: int) -> Parameters:
    """`flat` (P,) cut into parameters, nothing copied."""
    shapes = _shapes(sizes, actions)
    pieces = torch.split_with_sizes(flat, [math.prod(shape) for shape in shapes])
    tensors = [piece.view(shape) for piece, shape in zip(pieces, shapes, strict=True)]
    depth = len(sizes) - 1
    return Parameters(tuple(tensors[:depth]), tuple(tensors[depth : 2 * depth]), *tensors[2 * depth :])


def _shapes(sizes: tuple[int, ...], actions: int) -> list[tuple[int, ...]]:
    pairs = list(zip(sizes[1:], sizes[:-1], strict=True))
    heads = [(actions, sizes[-1]), (actions,), (1, sizes[-1]), (1,), (actions,)]
    return [*((2, below, above) for above, below in pairs), *((2, 1, above) for above, _ in pairs), *heads]


def metadata(raw: bytes) -> dict[str, str]:
    """The header of `Policy.to_safetensors`."""
    size = int.from_bytes(raw[:8], "little")
    return dict(json.loads(raw[8 : 8 + size]).get("__metadata__") or {})


def _check_count(sizes: tuple[int, ...], tensors: Mapping[str, Tensor]) -> None:
    """Before anything of these sizes is made: two layers that do not fit can ask for a matrix of any size."""
    wanted = sum(math.prod(shape) for shape in _shapes(sizes, tensors["log_std"].shape[0]))
    held = sum(tensor.numel() for tensor in tensors.values())
    if wanted != held or min(sizes) < 1:
        raise PolicyRejected(
            f"policy.safetensors: sizes {sizes} want {wanted} numbers, it has {held}; export the policy again"
        )


def _check(name: str, found: Tensor, wanted: Tensor) -> None:
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        kinds = [f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}" for tensor in (wanted, found)]
        raise PolicyRejected(f"policy.safetensors: {name} wanted {kinds[0]}, was {kinds[1]}; export the policy again")
    if not found.isfinite().all():
        raise PolicyRejected(f"policy.safetensors: {name} is not finite; export the policy again")


def _mean(name: str) -> Mean:
    for known in get_args(Mean):
        if name == known:
            return known  # type: ignore[no-any-return]
    wanted = " or ".join(get_args(Mean))
    raise PolicyRejected(f"policy.safetensors: {_MEAN} is {name!r}, wanted {wanted}; export the policy again")
