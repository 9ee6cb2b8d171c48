"""The policy file as the engine's importer reads it, and strict where the importer would skip in silence.

Arrives: bytes of a JSON document (UTF-8, or UTF-16 with a byte order mark). Leaves: a `PolicyDocument` of float32
arrays. Source: the contract of the policy file. Legend: H hidden width, U actions.
"""

import codecs
import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from racing.errors import DriverRejected

Floats = NDArray[np.float32]
LOG_STD_LOW, LOG_STD_HIGH = math.log(0.01) - 1e-6, math.log(2) + 1e-6
"""The engine's own range; its bounds are no float32 numbers, so a millionth is granted."""
_Size = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
_QUOTED = 300
"""Characters of a file that a message repeats at most."""
_NEXT = "The engine would skip this without an error; export the policy again"


class Layer(NamedTuple):
    """One dense layer: weights (out, in) and biases (out,)."""

    weights: Floats
    biases: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class PolicyDocument:
    """What the engine has in memory after loading a file: both trunks, both heads."""

    policy_layers: list[Layer]
    policy_head: Layer
    value_layers: list[Layer]
    value_head: Layer
    log_std: Floats
    """Logarithm of the standard deviation, (U,), nats."""
    identity_mean: bool
    """Whether no tanh follows the policy head: `network_config.mean_activation`, a key of ours."""
    version: int | None
    """`pitwall.version` of the file; None where its producer wrote none."""

    @classmethod
    def read(cls, raw: bytes, name: str) -> "PolicyDocument":
        """The policy in `raw`; raises DriverRejected with the address of the first thing the engine would not load.

        `name` is what messages call the file.
        """
        return _Reader(name).document(raw)


class _Config(msgspec.Struct):
    input_size: _Size
    hidden_layers: list[_Size]
    policy_output_size: _Size
    value_output_size: _Size
    mean_activation: Literal["tanh", "identity"] = "tanh"


class _Layer(msgspec.Struct):
    weights: list[float | list[float]]
    biases: list[float]


class _Root(msgspec.Struct):
    network_config: _Config
    policy_layers: list[_Layer]
    value_layers: list[_Layer]
    policy_head: _Layer
    value_head: _Layer
    action_log_std: list[float]
    pitwall: dict[str, Any] | None = None


class _Reader:
    def __init__(self, name: str) -> None:
        self.name = name

    def document(self, raw: bytes) -> PolicyDocument:
        try:
            root = msgspec.json.decode(_utf8(raw), type=_Root)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DriverRejected(f"{self.name}: {_quoted(error) or 'nested too deep'}. {_NEXT}") from error
        config = root.network_config
        sizes, outputs = [config.input_size, *config.hidden_layers], config.policy_output_size
        if len(sizes) < 2 or min(*sizes, outputs) < 1:
            raise self.rejected("network_config", f"sizes {sizes} -> {outputs}", "positive sizes and a hidden layer")
        if config.value_output_size != 1:
            raise self.rejected("network_config.value_output_size", str(config.value_output_size), "1")
        log_std = self.numbers(root.action_log_std, "action_log_std", outputs)
        if log_std.min() < LOG_STD_LOW or log_std.max() > LOG_STD_HIGH:
            raise self.rejected("action_log_std", str(log_std.tolist()), "the engine's range, log 0.01 to log 2")
        version = (root.pitwall or {}).get("version")
        return PolicyDocument(
            policy_layers=self.trunk(root.policy_layers, "policy_layers", sizes),
            policy_head=self.layer(root.policy_head, "policy_head", outputs, sizes[-1]),
            value_layers=self.trunk(root.value_layers, "value_layers", sizes),
            value_head=self.layer(root.value_head, "value_head", 1, sizes[-1]),
            log_std=log_std,
            identity_mean=config.mean_activation == "identity",
            version=version if type(version) is int else None,
        )

    def trunk(self, nodes: list[_Layer], where: str, sizes: list[int]) -> list[Layer]:
        if len(nodes) != len(sizes) - 1:
            raise self.rejected(where, f"{len(nodes)} layers", str(len(sizes) - 1))
        return [self.layer(node, f"{where}[{at}]", sizes[at + 1], sizes[at]) for at, node in enumerate(nodes)]

    def layer(self, node: _Layer, where: str, rows: int, columns: int) -> Layer:
        flat: list[Any] = node.weights
        if list in map(type, node.weights):  # nested, which is seldom: a loop over all numbers takes its time
            flat = []
            for at, row in enumerate(node.weights):
                if isinstance(row, list) and len(row) != columns:
                    raise self.rejected(f"{where}.weights[{at}]", f"{len(row)} numbers", str(columns))
                flat += row if isinstance(row, list) else [row]
        weights = self.numbers(flat, f"{where}.weights", rows * columns)
        return Layer(weights.reshape(rows, columns), self.numbers(node.biases, f"{where}.biases", rows))

    def numbers(self, values: list[float], where: str, count: int) -> Floats:
        """`count` doubles, cut to float32."""
        if len(values) != count:
            raise self.rejected(where, f"{len(values)} numbers", str(count))
        with np.errstate(over="ignore"):
            found = np.array(values, np.float64).astype(np.float32)
        if not np.isfinite(found).all():
            at = int(np.flatnonzero(~np.isfinite(found))[0])
            raise self.rejected(f"{where}[{at}]", str(values[at]), "a finite float32")
        return found

    def rejected(self, where: str, was: str, wanted: str) -> DriverRejected:
        return DriverRejected(f"{self.name}: {where} has {_quoted(was)}, wanted {wanted}. {_NEXT}")


def _quoted(told: object) -> str:
    """What is said of the file, in print and not at any length: it may repeat the file's own words."""
    text = str(told)
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[:_QUOTED]) + (
        "..." if len(text) > _QUOTED else ""
    )


def _utf8(raw: bytes) -> bytes:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16").encode()
    return raw.removeprefix(codecs.BOM_UTF8)
