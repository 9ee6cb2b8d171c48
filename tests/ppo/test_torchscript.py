"""A policy as TorchScript, read back by torch and held against float64 numpy."""

import io
import json
import warnings

import numpy as np
import pytest
import torch

from ppo import export, parity
from ppo.normaliser import Normaliser
from ppo.policy import Policy
from ppo.torchscript import ABOUT, torchscript, torchscript_bytes
from schemas.errors import ParityBroken
from schemas.space import Feature, Space
from tests.ppo.contract import leaves_files_open

pytestmark = leaves_files_open
RACING = Space.of(15, ["steer", "throttle", "brake"])
PENDULUM = Space(observations=(Feature(name="a"), Feature(name="b")), actions=(Feature(name="torque"),))


def read(raw):
    """The module in a file and what the file says of it."""
    files = {ABOUT: ""}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.load` is deprecated", DeprecationWarning)
        module = torch.jit.load(io.BytesIO(raw), _extra_files=files)
    return module, json.loads(files[ABOUT])


def written(policy, space):
    return torchscript_bytes(torchscript(policy, space), policy, space, {"version": 7})


def in_float64(policy, space, observations):
    """action, mean, value in numpy float64, from the engine's arrays."""
    file, x = policy.to_engine(), observations.astype(np.float64)

    def through(layers, head):
        h = x
        for layer in layers:
            h = np.maximum(h @ layer.weights.astype(np.float64).T + layer.biases, 0)
        return h @ head.weights.astype(np.float64).T + head.biases

    mean = through(file.policy_layers, file.policy_head)
    mean = np.tanh(mean) if file.mean == "tanh" else mean
    low = [-np.inf if each.low is None else each.low for each in space.actions]
    high = [np.inf if each.high is None else each.high for each in space.actions]
    return np.clip(mean, low, high), mean, through(file.value_layers, file.value_head)


@pytest.mark.parametrize(
    ("space", "mean"), [(RACING, "tanh"), (PENDULUM, "identity")], ids=["racing", "identity without ranges"]
)
def test_the_file_computes_the_policy(space, mean):
    width = len(space.observations)
    seen = torch.randn(50, width, generator=torch.Generator().manual_seed(1)) * 3 + 5
    fresh = Policy.fresh(width, len(space.actions), (16, 8), seed=3, mean=mean)
    policy = Policy(fresh.sizes, fresh.actions, fresh.flat * 3, Normaliser.identity(width).seen(seen), mean=mean)
    module, _ = read(written(policy, space))
    for rows in (1, 33):
        observations = seen[:rows].numpy()
        given = module(torch.from_numpy(observations))
        assert given._fields == ("action", "mean", "value")
        for ours, oracle in zip(given, in_float64(policy, space, observations), strict=True):
            assert ours.dtype == torch.float32 and tuple(ours.shape) == oracle.shape
            np.testing.assert_allclose(ours.numpy(), oracle, rtol=0, atol=1e-4 * max(1, np.abs(oracle).max()))


def test_the_file_says_what_it_computes():
    policy = Policy.fresh(15, 3, (8,), seed=1)
    _, told = read(written(policy, RACING))
    assert (told["version"], told["fingerprint"]) == (7, policy.fingerprint)
    assert told["inputs"]["observation"]["shape"] == ["N", 15]
    assert {name: each["shape"] for name, each in told["outputs"].items()} == {
        "action": ["N", 3], "mean": ["N", 3], "value": ["N", 1],
    }  # fmt: skip
    assert "nothing is sampled" in told["outputs"]["action"]["is"]
    assert Space.model_validate(told["space"]) == RACING
    np.testing.assert_allclose(told["log_std"], np.log(0.5), rtol=1e-6)


def test_the_same_policy_gives_the_same_bytes():
    policy = Policy.fresh(15, 3, (8,), seed=1)
    assert written(policy, RACING) == written(policy, RACING)


def test_a_module_of_another_policy_is_not_handed_out():
    right, wrong = Policy.fresh(15, 3, (8,), seed=1), Policy.fresh(15, 3, (8,), seed=2)
    golden = parity.golden_from_seed(15)
    weights, onnx = right.to_safetensors(), export.onnx(right, RACING)
    told = parity.check_module(torchscript(right, RACING), weights, onnx, golden)
    assert told.keys() == {
        f"{way}/torchscript {output}"
        for way, output in [("torch", "mean"), ("torch", "value")]
        + [("onnx", name) for name in ("action", "mean", "value")]
    }
    with pytest.raises(ParityBroken, match="torchscript"):
        parity.check_module(torchscript(wrong, RACING), weights, onnx, golden)


def test_a_policy_of_another_space_is_no_module_of_this_one():
    with pytest.raises(ValueError, match="its space"):
        torchscript(Policy.fresh(14, 3), RACING)
