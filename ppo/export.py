"""A policy in the formats of others: the engine's JSON, ONNX and safetensors. All bytes, no file.

Arrives: a `Policy` and its `Space`. Leaves: bytes with normaliser and return scale folded in. The ONNX graph is put
together from its few operators instead of traced: it holds nothing else, loads in any runtime of opset 15, and is made
in memory.
Legend: N rows, O observations, U actions.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, checker, helper, numpy_helper

from ppo.policy import Policy
from schemas.errors import PolicyRejected
from schemas.policy_file import Layer, write_policy
from schemas.space import Space

OPSET, IR_VERSION = 15, 8


def engine_json(policy: Policy, space: Space, pitwall: Mapping[str, object] | None = None) -> bytes:
    """The engine's policy file; raises ValueError when the policy is not of this space.

    Raises PolicyRejected for an identity mean in the racing engine's own space: the engine would apply tanh.
    """
    _fits(policy, space)
    if policy.mean != "tanh" and space.is_engine:
        raise PolicyRejected(
            f"policy: mean is {policy.mean}, wanted tanh for the actions steer, throttle and brake: the racing engine "
            "applies tanh in any case and would drive another policy. Start from a policy with mean=tanh"
        )
    return write_policy(policy.to_engine(None if pitwall is None else dict(pitwall)))


def safetensors(policy: Policy, metadata: Mapping[str, str] | None = None) -> bytes:
    """Weights as trained, the normaliser beside them."""
    return policy.to_safetensors(metadata)


def onnx(policy: Policy, space: Space) -> bytes:
    """A graph from observation (N, O) to action (N, U) clamped to the ranges, mean (N, U) and value (N, 1)."""
    _fits(policy, space)
    file, graph = policy.to_engine(), _Graph()
    actor = graph.trunk("observation", file.policy_layers, "actor")
    if policy.mean == "tanh":
        mean = graph.node("Tanh", [graph.dense(actor, file.policy_head)], "mean")
    else:
        mean = graph.dense(actor, file.policy_head, "mean")
    graph.dense(graph.trunk("observation", file.value_layers, "critic"), file.value_head, "value")
    graph.clamp(mean, space, "action")
    width, actions = len(space.observations), len(space.actions)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "policy",
            [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["N", width])],
            [
                helper.make_tensor_value_info("action", TensorProto.FLOAT, ["N", actions]),
                helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["N", actions]),
                helper.make_tensor_value_info("value", TensorProto.FLOAT, ["N", 1]),
            ],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="pitwall",
    )
    helper.set_model_props(model, {"space": space.model_dump_json(), "fingerprint": policy.fingerprint})
    checker.check_model(model, full_check=True)
    raw: bytes = model.SerializeToString(deterministic=True)
    return raw


class _Graph:
    """Nodes and constants while they are put together."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def node(self, operator: str, inputs: list[str], output: str | None = None, **attributes: int) -> str:
        output = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def constant(self, array: NDArray[np.float32]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    def dense(self, below: str, layer: Layer, output: str | None = None) -> str:
        return self.node("Gemm", [below, self.constant(layer.weights), self.constant(layer.biases)], output, transB=1)

    def trunk(self, below: str, layers: tuple[Layer, ...], name: str) -> str:
        for at, layer in enumerate(layers):
            below = self.node("Relu", [self.dense(below, layer)], f"{name}_{at}")
        return below

    def clamp(self, mean: str, space: Space, output: str) -> None:
        """Clip takes one range: columns of equal range are picked by a 0/1 product, clipped and put back, exactly."""
        ranges = [(feature.low, feature.high) for feature in space.actions]
        groups = list(dict.fromkeys(ranges))
        total: list[str] = []
        for at, limits in enumerate(groups):
            pick = np.eye(len(ranges), dtype=np.float32)[:, [column == limits for column in ranges]]
            picked = self.node("Gemm", [mean, self.constant(pick)])
            bounds = ["" if limit is None else self.constant(np.array(limit, np.float32)) for limit in limits]
            clipped = picked if not any(bounds) else self.node("Clip", [picked, *bounds])
            last = output if at == len(groups) - 1 else None
            total = [self.node("Gemm", [clipped, self.constant(pick), *total], last, transB=1)]


def _fits(policy: Policy, space: Space) -> None:
    shape, wanted = (policy.observations, policy.actions), (len(space.observations), len(space.actions))
    if shape != wanted:
        raise ValueError(
            f"policy has {shape} observations and actions, its space {wanted}; export it with its own space"
        )
