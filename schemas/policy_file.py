"""The policy file that the engine loads: strict to read, exact to write.

Arrives: bytes of a JSON document (UTF-8, or UTF-16 with a byte order mark). Leaves: a `PolicyFile` of float32 arrays;
and bytes again. The engine skips what does not fit and says so only in its log, so everything is checked here.
Legend: O observations, H hidden width, U actions.
"""

import codecs
import math
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.errors import PolicyRejected
from schemas.space import STD_RANGE

Floats = NDArray[np.float32]
Mean = Literal["tanh", "identity"]
"""What the policy head's output goes through; the engine knows only tanh."""
LOG_STD_TOLERANCE = 1e-6
"""log 0.01 and log 2 are not float32 numbers; the engine's range is kept to this many nats."""
_Size = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
_QUOTED = 300
"""Characters of a file that a message repeats at most."""
_WHAT_NEXT = "The engine would skip this without an error; export the policy again"


class Layer(msgspec.Struct, frozen=True, eq=False):
    """One dense layer: weights (out, in) and biases (out,), float32."""

    weights: Floats
    biases: Floats


class PolicyFile(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The engine's network. Both trunks have the same widths; mean = tanh(policy head), value = value head (1, H).

    With `mean` "identity", for other environments than the engine, mean = policy head.
    """

    policy_layers: tuple[Layer, ...]
    policy_head: Layer
    value_layers: tuple[Layer, ...]
    value_head: Layer
    log_std: Floats
    """Logarithm of the standard deviation, (U,), nats."""
    mean: Mean = "tanh"
    pitwall: dict[str, Any] | None = None
    """What this project adds (version, parent, checksum); the engine ignores it."""

    @property
    def input_size(self) -> int:
        """O."""
        return int(self.policy_layers[0].weights.shape[1])

    @property
    def hidden_layers(self) -> tuple[int, ...]:
        """Width of each hidden layer."""
        return tuple(int(layer.weights.shape[0]) for layer in self.policy_layers)

    @property
    def policy_output_size(self) -> int:
        """U."""
        return int(self.log_std.shape[0])


def read_policy(raw: bytes) -> PolicyFile:
    """The policy in `raw`; raises PolicyRejected with the address of the first thing that the engine would not load."""
    try:
        document = msgspec.json.decode(_utf8(raw), type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if _is_rollout(raw):
            raise PolicyRejected(
                "policy file: this is a rollout, its experiences are no policy. Bring it into the lake: "
                "pitwall ingest FILE"
            ) from error
        raise PolicyRejected(f"policy file: {_quoted(error) or 'nested too deep'}. {_WHAT_NEXT}") from error
    config = document.network_config
    sizes = [config.input_size, *config.hidden_layers]
    if len(sizes) < 2 or min(*sizes, config.policy_output_size) < 1:
        raise _rejected(
            "network_config", f"sizes {sizes} -> {config.policy_output_size}", "positive sizes, a hidden layer"
        )
    if config.value_output_size != 1:
        raise _rejected("network_config.value_output_size", str(config.value_output_size), "1")
    log_std = _numbers(document.action_log_std, "action_log_std")
    if log_std.size != config.policy_output_size:
        raise _rejected("action_log_std", f"{log_std.size} numbers", str(config.policy_output_size))
    low, high = (math.log(bound) for bound in STD_RANGE)
    if log_std.min() < low - LOG_STD_TOLERANCE or log_std.max() > high + LOG_STD_TOLERANCE:
        raise _rejected("action_log_std", str(log_std.tolist()), f"the engine's range [{low:.4f}, {high:.4f}]")
    return PolicyFile(
        policy_layers=_trunk(document.policy_layers, sizes, "policy_layers"),
        policy_head=_layer(document.policy_head, config.policy_output_size, sizes[-1], "policy_head"),
        value_layers=_trunk(document.value_layers, sizes, "value_layers"),
        value_head=_layer(document.value_head, 1, sizes[-1], "value_head"),
        log_std=log_std,
        mean=config.mean_activation,
        pitwall=document.pitwall,
    )


def write_policy(policy: PolicyFile) -> bytes:
    """JSON whose numbers are the shortest text that gives the float32 back; raises PolicyRejected on NaN or Inf."""

    def layer(node: Layer, where: str) -> dict[str, msgspec.Raw]:
        return {"weights": _text(node.weights, f"{where}.weights"), "biases": _text(node.biases, f"{where}.biases")}

    document: dict[str, Any] = {
        "network_config": {
            "input_size": policy.input_size,
            "hidden_layers": policy.hidden_layers,
            "policy_output_size": policy.policy_output_size,
            "value_output_size": 1,
            **({} if policy.mean == "tanh" else {"mean_activation": policy.mean}),
        },
        "policy_layers": [layer(node, f"policy_layers[{at}]") for at, node in enumerate(policy.policy_layers)],
        "value_layers": [layer(node, f"value_layers[{at}]") for at, node in enumerate(policy.value_layers)],
        "policy_head": layer(policy.policy_head, "policy_head"),
        "value_head": layer(policy.value_head, "value_head"),
        "action_log_std": _text(policy.log_std, "action_log_std"),
    }
    if policy.pitwall is not None:
        document["pitwall"] = policy.pitwall
    return msgspec.json.encode(document) + b"\n"


class _Rollout(msgspec.Struct):
    experiences: msgspec.Raw


def _is_rollout(raw: bytes) -> bool:
    try:
        msgspec.json.decode(_utf8(raw), type=_Rollout)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


class _Config(msgspec.Struct):
    input_size: _Size
    hidden_layers: list[_Size]
    policy_output_size: _Size
    value_output_size: _Size
    mean_activation: Mean = "tanh"


class _Layer(msgspec.Struct):
    weights: msgspec.Raw
    biases: list[float]


class _Document(msgspec.Struct):
    network_config: _Config
    policy_layers: list[_Layer]
    value_layers: list[_Layer]
    policy_head: _Layer
    value_head: _Layer
    action_log_std: list[float]
    pitwall: dict[str, Any] | None = None


def _utf8(raw: bytes) -> bytes:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16").encode()
    return raw.removeprefix(codecs.BOM_UTF8)


def _trunk(nodes: list[_Layer], sizes: list[int], where: str) -> tuple[Layer, ...]:
    if len(nodes) != len(sizes) - 1:
        raise _rejected(where, f"{len(nodes)} layers", str(len(sizes) - 1))
    return tuple(_layer(node, sizes[at + 1], sizes[at], f"{where}[{at}]") for at, node in enumerate(nodes))


def _layer(node: _Layer, rows: int, columns: int, where: str) -> Layer:
    weights = _numbers(_flat(node.weights, columns, f"{where}.weights"), f"{where}.weights")
    if weights.size != rows * columns:
        raise _rejected(f"{where}.weights", f"{weights.size} numbers", f"{rows} x {columns} = {rows * columns}")
    biases = _numbers(node.biases, f"{where}.biases")
    if biases.size != rows:
        raise _rejected(f"{where}.biases", f"{biases.size} numbers", str(rows))
    return Layer(weights.reshape(rows, columns), biases)


def _flat(raw: msgspec.Raw, columns: int, where: str) -> list[float]:
    """Row-major numbers of an array, flat or nested once."""
    try:
        if bytes(raw)[1:].lstrip()[:1] != b"[":
            return msgspec.json.decode(raw, type=list[float])
        nested = msgspec.json.decode(raw, type=list[list[float]])
    except (msgspec.DecodeError, RecursionError) as error:
        raise PolicyRejected(f"policy file: {where}: {_quoted(error) or 'nested too deep'}. {_WHAT_NEXT}") from error
    for at, row in enumerate(nested):
        if len(row) != columns:
            raise _rejected(f"{where}[{at}]", f"{len(row)} numbers", str(columns))
    return [number for row in nested for number in row]


def _numbers(values: list[float], where: str) -> Floats:
    with np.errstate(over="ignore"):
        numbers = np.array(values, np.float64).astype(np.float32)
    if not np.isfinite(numbers).all():
        at = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise _rejected(f"{where}[{at}]", str(values[at]), "a finite float32")
    return numbers


def _text(values: Floats, where: str) -> msgspec.Raw:
    flat = np.ascontiguousarray(values, np.float32).ravel()
    if not np.isfinite(flat).all():
        at = int(np.flatnonzero(~np.isfinite(flat))[0])
        raise _rejected(f"{where}[{at}]", str(flat[at]), "a finite float32")
    words = pa.array(flat).cast(pa.string())
    texts: list[str] = words.to_pylist()
    # The engine reads a double and cuts it: where that rounds twice and differs, the double itself is spelled. So is
    # zero, whose sign readers drop from an integer.
    again = words.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float32)
    for place in np.flatnonzero((again != flat) | (flat == 0)):
        texts[place] = repr(float(flat[place]))
    return msgspec.Raw(f"[{','.join(texts)}]".encode())


def _rejected(where: str, was: str, wanted: str) -> PolicyRejected:
    return PolicyRejected(f"policy file: {where} has {_quoted(was)}, wanted {wanted}. {_WHAT_NEXT}")


def _quoted(told: object) -> str:
    """What is said of the file, in print and not at any length: it may repeat the file's own words."""
    text = str(told)
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[:_QUOTED]) + (
        "..." if len(text) > _QUOTED else ""
    )
