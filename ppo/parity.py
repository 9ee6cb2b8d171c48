"""The proof that the exports of a policy are one policy.

Arrives: the bytes that are about to be published, and golden inputs. Leaves: the largest differences, or ParityBroken.
Three ways through the network share no code: torch from safetensors, onnxruntime, and numpy over the engine's JSON,
read with the standard library. All float32. Legend: N rows, O observations, U actions.
"""

import json
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from ppo.batch import Batch
from ppo.network import predict
from ppo.policy import Policy
from schemas.errors import ParityBroken

Floats = NDArray[np.float32]
Outputs = dict[str, Floats]
TOLERANCE = 1e-5
"""Largest difference, relative to max(1, |value|), beside what rounding explains."""
SIGMAS = 8.0
"""Standard errors of a float32 computation that are granted: folded weights may be large and cancel each other."""
GOLDEN_ROWS = 64


def check(safetensors: bytes, onnx: bytes, engine_json: bytes, golden: Floats) -> dict[str, float]:
    """Largest difference per pair and output, e.g. "torch/onnx mean"; golden (N, O) raw observations.

    Raises ParityBroken naming the pair, output, row and difference.
    """
    golden = np.ascontiguousarray(golden, np.float32)
    ways = {
        "torch": golden_outputs(safetensors, golden),
        "onnx": _onnx(onnx, golden),
        "json": _json(engine_json, golden),
    }
    first = {output: values[:1] for output, values in ways["onnx"].items()}
    pairs = [*combinations(ways.items(), 2), (("onnx", first), ("onnx [1, O]", _onnx(onnx, golden[:1])))]
    return _compared(pairs, safetensors, golden)


def check_module(
    module: Callable[[torch.Tensor], Sequence[torch.Tensor]], weights: bytes, onnx: bytes, golden: Floats
) -> dict[str, float]:
    """The same for a module from observation (N, O) to action, mean (N, U) and value (N, 1), beside torch and ONNX."""
    golden = np.ascontiguousarray(golden, np.float32)
    with torch.no_grad():
        action, mean, value = (output.numpy() for output in module(torch.from_numpy(golden)))
    ours = ("torchscript", {"action": action, "mean": mean, "value": value[:, 0]})
    pairs = [(("torch", golden_outputs(weights, golden)), ours), (("onnx", _onnx(onnx, golden)), ours)]
    return _compared(pairs, weights, golden)


def _compared(
    pairs: Sequence[tuple[tuple[str, Outputs], tuple[str, Outputs]]], safetensors: bytes, golden: Floats
) -> dict[str, float]:
    rounding = _rounding(safetensors, golden)
    differences: dict[str, float] = {}
    for (left, a), (right, b) in pairs:
        for output in sorted(a.keys() & b.keys()):
            unit = np.maximum(1, np.abs(a[output]))
            relative = np.abs(a[output] - b[output]) / unit
            largest = float(relative.max())
            differences[f"{left}/{right} {output}"] = largest
            excess = relative - SIGMAS * rounding[output][: len(relative)] / unit
            if not excess.max() <= TOLERANCE:  # NaN is broken too
                row = int(np.nan_to_num(excess, nan=np.inf).reshape(len(excess), -1).max(axis=1).argmax())
                raise ParityBroken(
                    f"{left} and {right} disagree: {output} of golden row {row} is {a[output][row].tolist()} and "
                    f"{b[output][row].tolist()}, off by {largest:.2g}, wanted {TOLERANCE:g}. Nothing is published; "
                    "export the policy again"
                )
    return differences


def golden_inputs(batch: Batch, rows: int = GOLDEN_ROWS) -> Floats:
    """Observations spread evenly over the window, (rows, O)."""
    at = torch.linspace(0, len(batch) - 1, min(rows, len(batch))).long()
    golden: Floats = batch.observations[at.to(batch.observations.device)].cpu().numpy()
    return golden


def golden_from_seed(observations: int, seed: int = 0, rows: int = GOLDEN_ROWS) -> Floats:
    """Observations without a window: normal, (rows, O)."""
    return np.random.default_rng(seed).standard_normal((rows, observations)).astype(np.float32)


def golden_outputs(safetensors: bytes, golden: Floats) -> Outputs:
    """Outputs of torch, mean (N, U) and value (N,): what a manifest keeps beside its golden inputs."""
    mean, value = Policy.from_safetensors(safetensors)(torch.from_numpy(golden))
    return {"mean": mean.numpy(), "value": value.numpy()}


def _rounding(safetensors: bytes, golden: Floats) -> dict[str, NDArray[np.float64]]:
    """Standard errors of the outputs in float32."""
    error = predict(Policy.from_safetensors(safetensors).folded(), golden.astype(np.float64))
    return {"action": error.mean_error, "mean": error.mean_error, "value": error.value_error}


def _onnx(raw: bytes, golden: Floats) -> Outputs:
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads, options.inter_op_num_threads = 3, 1, 1
    session = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    action, mean, value = session.run(["action", "mean", "value"], {"observation": golden})
    return {"action": action, "mean": mean, "value": value[:, 0]}


def _json(raw: bytes, golden: Floats) -> Outputs:
    document = json.loads(raw)

    def dense(x: Floats, layer: dict[str, Any]) -> Floats:
        biases = np.array(layer["biases"], np.float64).astype(np.float32)
        weights = np.array(layer["weights"], np.float64).astype(np.float32).reshape(len(biases), -1)
        product: Floats = x @ weights.T + biases
        return product

    outputs = {}
    for trunk in ("policy", "value"):
        x = golden
        for layer in document[f"{trunk}_layers"]:
            x = np.maximum(dense(x, layer), np.float32(0))
        outputs[trunk] = dense(x, document[f"{trunk}_head"])
    identity = document["network_config"].get("mean_activation") == "identity"
    mean = outputs["policy"] if identity else np.tanh(outputs["policy"])
    return {"mean": mean, "value": outputs["value"][:, 0]}
