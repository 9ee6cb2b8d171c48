import dataclasses
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppo import export, loss, parity
from ppo.backprop import Backprop
from ppo.network import predict
from ppo.normaliser import Normaliser
from ppo.policy import Policy, forward, metadata, views
from ppo.return_scale import ReturnScale
from schemas.errors import ParityBroken, PolicyRejected
from schemas.policy_file import read_policy
from schemas.space import Space
from tests.ppo.contract import engine, leaves_files_open
from tests.ppo.tables import policy_json

ACTIONS = ["steer", "throttle", "brake"]


def jittered(observations=15, hidden=(8, 8), seed=0, normalise=False, scale=None, mean="tanh"):
    """A policy with no zero anywhere, as after training; `scale` is the size of returns that its critic saw."""
    policy = Policy.fresh(observations, 3, hidden, seed, mean=mean)
    noise = torch.randn(len(policy.flat), generator=torch.Generator().manual_seed(seed))
    rows = 3 + 5 * torch.randn(200, observations, generator=torch.Generator().manual_seed(seed + 1))
    normaliser = Normaliser.identity(observations).seen(rows) if normalise else None
    return_scale = None if scale is None else ReturnScale.identity().seen(torch.full((10,), float(scale)))
    return Policy(policy.sizes, policy.actions, policy.flat + 0.1 * noise, normaliser, return_scale, mean)


@leaves_files_open
def test_the_network_is_the_engines(tmp_path):
    (tmp_path / "a.json").write_bytes(policy_json())
    states = np.random.default_rng(0).standard_normal((50, 15)).astype(np.float32)
    mean, value = Policy.from_engine(read_policy(policy_json()))(torch.from_numpy(states))
    wanted_mean, wanted_value = engine.Network.load(tmp_path / "a.json").forward(states)
    np.testing.assert_allclose(mean, wanted_mean, atol=1e-6)
    np.testing.assert_allclose(value, wanted_value, atol=1e-6)


@leaves_files_open
def test_log_prob_is_the_engines_noise_included(tmp_path):
    (tmp_path / "a.json").write_bytes(policy_json())
    network, random = engine.Network.load(tmp_path / "a.json"), np.random.default_rng(0)
    states, noise = random.standard_normal((50, 15)).astype(np.float32), random.uniform(0.05, 1, 50).astype(np.float32)
    actions, wanted, _ = network.act(states, noise, random)
    policy = Policy.from_engine(read_policy(policy_json()))
    mean, _ = policy(torch.from_numpy(states))
    log_prob = loss.log_prob(mean, policy.parameters.log_std, torch.from_numpy(actions), torch.from_numpy(noise))
    np.testing.assert_allclose(log_prob, wanted, atol=1e-4)


@leaves_files_open
@pytest.mark.parametrize("width", [15, 15 + 16])
@pytest.mark.parametrize("normalise", [False, True])
def test_the_engine_loads_all_of_every_export(tmp_path, width, normalise):
    policy, space = jittered(width, normalise=normalise), Space.of(width, ACTIONS)
    (tmp_path / "p.json").write_bytes(export.engine_json(policy, space, {"version": 2}))
    problems, network = engine.read_policy(tmp_path / "p.json")
    assert problems == []
    states = 3 + 5 * np.random.default_rng(0).standard_normal((50, width)).astype(np.float32)
    mean, value = policy(torch.from_numpy(states))
    np.testing.assert_allclose(network.forward(states)[0], mean, atol=1e-5)
    np.testing.assert_allclose(network.forward(states)[1], value, rtol=1e-5, atol=1e-5)
    assert json.loads((tmp_path / "p.json").read_bytes())["pitwall"] == {"version": 2}


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 6), st.lists(st.integers(1, 5), min_size=1, max_size=3), st.integers(0, 2**31), st.booleans(),
    st.none() | st.floats(1e-4, 1e4), st.sampled_from(["tanh", "identity"]),
)  # fmt: skip
def test_round_trips_are_the_identity(observations, hidden, seed, normalise, scale, mean):
    policy = jittered(observations, hidden, seed, normalise, scale, mean)
    again = Policy.from_safetensors(policy.to_safetensors({"version": "7"}))
    assert torch.equal(again.flat, policy.flat)
    assert (again.fingerprint, again.unit, again.mean) == (policy.fingerprint, policy.unit, policy.mean)
    assert again.to_safetensors() == policy.to_safetensors()
    assert metadata(policy.to_safetensors({"version": "7"}))["version"] == "7"
    loaded = Policy.from_engine(read_policy(policy.to_json()))
    assert torch.equal(loaded.flat, policy.folded().flat)
    assert loaded.fingerprint == policy.fingerprint


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.none() | st.floats(1e-4, 1e4))
def test_folding_the_normaliser_is_exact_to_float32(seed, scale):
    policy, states = jittered(seed=seed, normalise=True, scale=scale), torch.randn(20, 15).double()
    plain, folded = policy(states), predict(policy.folded(), states.numpy())
    assert (np.abs(plain[0].numpy() - folded.mean) <= 8 * folded.mean_error + 1e-7).all()
    assert (np.abs(plain[1].numpy() - folded.value) <= 8 * folded.value_error + 1e-7).all()


def test_moments_do_not_depend_on_how_rows_arrive():
    rows = 7 + torch.randn(100, 4)
    once, twice = Normaliser.identity(4).seen(rows), Normaliser.identity(4).seen(rows[:30]).seen(rows[30:])
    torch.testing.assert_close(once.mean, twice.mean)
    torch.testing.assert_close(once.variance, rows.double().var(dim=0, correction=0))
    torch.testing.assert_close(once.variance, twice.variance)


@pytest.mark.parametrize("mean_activation", ["tanh", "identity"])
@pytest.mark.parametrize("hidden", [(8,), (8, 5, 7)])
def test_backprop_by_hand_agrees_with_autograd(hidden, mean_activation):
    policy, states = jittered(hidden=hidden), torch.randn(32, 15)
    gradient = torch.full_like(policy.flat, 99.0)
    backprop = Backprop(policy.parameters, views(gradient, policy.sizes, 3), mean_activation)
    mean, _ = backprop.forward(states)
    backprop.backward(states, mean, 2 * mean, states[:, 0])
    flat = policy.flat.clone().requires_grad_()
    mean, value = forward(views(flat, policy.sizes, 3), states, mean_activation)
    (mean.square().sum() + (value * states[:, 0]).sum()).backward()
    torch.testing.assert_close(gradient[:-3], flat.grad[:-3], rtol=1e-4, atol=1e-4)  # log_std is the loss's own


def test_a_fresh_network_starts_orthogonal_with_a_quiet_actor():
    policy = Policy.fresh(15, 3, (32, 32), seed=4)
    square = policy.parameters.weights[1][0]
    torch.testing.assert_close(square @ square.T, 2 * torch.eye(32), rtol=1e-4, atol=1e-4)
    assert policy(torch.randn(100, 15))[0].abs().max() < 0.2
    assert torch.equal(policy.flat, Policy.fresh(15, 3, (32, 32), seed=4).flat)


@pytest.mark.parametrize("normalise", [False, True])
def test_three_ways_through_the_network_agree(normalise):
    import onnx

    policy, space = jittered(normalise=normalise), Space.of(15, ACTIONS)
    files = export.safetensors(policy), export.onnx(policy, space), export.engine_json(policy, space)
    differences = parity.check(*files, parity.golden_from_seed(15))
    assert max(differences.values()) <= 1e-5
    assert {node.op_type for node in onnx.load_from_string(files[1]).graph.node} == {"Gemm", "Relu", "Tanh", "Clip"}


def test_three_ways_through_an_identity_mean_agree_and_it_leaves_the_range_of_tanh():
    import onnx

    policy, space = jittered(normalise=True, scale=300, mean="identity"), Space.of(15, ["hip", "knee", "ankle"])
    files = export.safetensors(policy), export.onnx(policy, space), export.engine_json(policy, space)
    golden = parity.golden_from_seed(15)
    assert max(parity.check(*files, golden).values()) <= 1e-5
    assert "Tanh" not in {node.op_type for node in onnx.load_from_string(files[1]).graph.node}
    assert parity.golden_outputs(files[0], 50 * golden)["mean"].max() > 1


def test_only_an_identity_mean_is_spelled():
    tanh, identity = (jittered(mean=mean) for mean in ("tanh", "identity"))
    assert "mean_activation" not in json.loads(tanh.to_json())["network_config"]
    assert json.loads(identity.to_json())["network_config"]["mean_activation"] == "identity"
    assert (metadata(tanh.to_safetensors()), metadata(identity.to_safetensors())) == (
        {},
        {"mean_activation": "identity"},
    )
    assert torch.equal(tanh.flat, identity.flat) and tanh.fingerprint != identity.fingerprint


def test_an_identity_mean_is_refused_for_the_racing_engine():
    with pytest.raises(PolicyRejected, match="the racing engine applies tanh"):
        export.engine_json(jittered(mean="identity"), Space.of(15, ACTIONS))


def test_an_unknown_mean_is_rejected():
    raw = jittered(mean="identity").to_safetensors().replace(b'"identity"', b'"sigmoid!"')
    with pytest.raises(PolicyRejected, match="mean_activation is 'sigmoid!', wanted tanh or identity"):
        Policy.from_safetensors(raw)


@pytest.mark.parametrize("mean", ["tanh", "identity"])
def test_the_error_that_float32_leaves_covers_what_it_does(mean):
    policy, states = jittered(hidden=(64, 64), mean=mean), torch.randn(500, 15)
    prediction = predict(policy, states.double().numpy())
    off = (policy(states)[0].numpy() - prediction.mean) / prediction.mean_error
    assert 0.1 < np.sqrt(np.square(off).mean()) < 2  # about one standard error, neither blind nor deaf


def test_the_onnx_action_is_clamped_to_each_columns_range():
    import onnxruntime

    policy, space = jittered(seed=2), Space.of(15, ["throttle", "steer", "brake"])
    session = onnxruntime.InferenceSession(export.onnx(policy, space), providers=["CPUExecutionProvider"])
    states = 9 * np.random.default_rng(0).standard_normal((50, 15)).astype(np.float32)
    action, mean, _ = session.run(None, {"observation": states})
    assert np.array_equal(action, np.clip(mean, [0, -1, 0], [1, 1, 1]).astype(np.float32))
    assert (mean < 0).any()


def test_parity_names_what_is_broken():
    policy, space = jittered(), Space.of(15, ACTIONS)
    other = export.engine_json(jittered(seed=9), space)
    with pytest.raises(ParityBroken, match=r"torch and json disagree: mean of golden row \d+"):
        parity.check(export.safetensors(policy), export.onnx(policy, space), other, parity.golden_from_seed(15))


def test_a_damaged_safetensors_file_is_rejected():
    for raw in (b"", b"x" * 100, jittered().to_safetensors()[:-9]):
        with pytest.raises(PolicyRejected):
            Policy.from_safetensors(raw)


def test_parity_grants_the_rounding_of_folded_weights_and_no_more():
    """A feature that hardly moves is folded to large weights that cancel: float32 itself is off there."""
    policy, space = Policy.fresh(15, 3, seed=4), Space.of(15, ACTIONS)
    golden = parity.golden_from_seed(15)
    golden[:, 0] = 1000 + golden[:, 0] * 1e-2
    policy = dataclasses.replace(policy, normaliser=Normaliser.identity(15).seen(torch.from_numpy(golden)))
    files = [policy.to_safetensors(), export.onnx(policy, space), export.engine_json(policy, space)]
    assert max(parity.check(*files, golden).values()) > 1e-5
    other = dataclasses.replace(policy, flat=policy.flat * 1.01)
    with pytest.raises(ParityBroken):
        parity.check(other.to_safetensors(), *files[1:], golden)
