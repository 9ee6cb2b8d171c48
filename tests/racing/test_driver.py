import codecs
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from racing.driver import Driver
from racing.errors import DriverRejected
from tests.ppo.contract import engine, leaves_files_open
from tests.racing import policies

pytestmark = leaves_files_open


def clamp(action):
    return np.clip(action, engine.ACTION_LOW, engine.ACTION_HIGH)


@pytest.fixture
def pair(tmp_path):
    """Our driver and the contract's network of one file."""

    def load(text):
        path = tmp_path / "policy.json"
        path.write_bytes(text)
        return Driver.load(path), policies.oracle(path)

    return load


@pytest.mark.parametrize("agents", [1, 4, 256])
@pytest.mark.parametrize("hidden", [(16,), (64, 64), (128, 64, 32)])
def test_the_driver_computes_what_the_engine_computes(pair, agents, hidden):
    driver, network = pair(policies.raw(hidden=hidden))
    states = np.random.default_rng(1).uniform(-1, 1, (agents, 15)).astype(np.float32)
    for ours, theirs in zip(driver.forward(states), network.forward(states), strict=True):
        assert ours.dtype == np.float32 and ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=5e-7)


@given(
    states=arrays.arrays(np.float32, (5, 15), elements=st.floats(-10, 10, width=32)),
    noise=arrays.arrays(np.float64, 5, elements=st.floats(0, 1)),
    seed=st.integers(0, 99),
)
def test_a_recorded_step_has_the_contract_s_density(tmp_path_factory, states, noise, seed):
    path = tmp_path_factory.mktemp("policy") / "policy.json"
    path.write_bytes(policies.raw(seed=seed))
    driver, network = Driver.load(path), policies.oracle(path)
    action, log_prob, value = driver.act(states, driver.spread(noise), np.random.default_rng(seed), clamp)
    assert (np.abs(action[:, 0]) <= 1).all() and (action[:, 1:] >= 0).all() and (action <= 1).all()
    np.testing.assert_allclose(value, network.forward(states)[1], atol=1e-5)
    # the density is steep where the noise is small: a float32 step of the mean is 1e-7 / 0.005 standard deviations
    theirs = network.log_prob(states, action, noise)
    np.testing.assert_allclose(log_prob, theirs, rtol=1e-4, atol=1e-3)


def test_actions_are_drawn_with_the_noise_in_the_standard_deviation(pair):
    driver, _ = pair(policies.raw())
    states, noise = np.zeros((20_000, 15), np.float32), np.full(20_000, 0.2)
    action, _, _ = driver.act(states, driver.spread(noise), np.random.default_rng(0), lambda x: x)
    np.testing.assert_allclose(action.std(0), 0.5 * 0.2, rtol=0.03)
    np.testing.assert_allclose(action.mean(0), driver.forward(states[:1])[0][0], atol=0.005)


def test_noise_below_a_hundredth_counts_as_a_hundredth(pair):
    driver, _ = pair(policies.raw())
    assert (driver.spread(np.zeros(1)).std == driver.spread(np.full(1, 0.01)).std).all()


def test_nested_weights_and_every_spelling_of_text_are_read_alike(pair):
    document = policies.document()
    flat = json.dumps(document)
    for layer in [*document["policy_layers"], document["value_head"]]:
        layer["weights"] = np.reshape(layer["weights"], (len(layer["biases"]), -1)).tolist()
    states = np.ones((1, 15), np.float32)
    wanted = Driver.read(flat.encode()).forward(states)
    spellings = [
        json.dumps(document).encode(),
        codecs.BOM_UTF8 + flat.encode(),
        codecs.BOM_UTF16_LE + flat.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + flat.encode("utf-16-be"),
    ]
    for spelling in spellings:
        for ours, theirs in zip(Driver.read(spelling).forward(states), wanted, strict=True):
            assert (ours == theirs).all()


def test_an_identity_mean_is_the_tanh_left_out():
    states = np.full((1, 15), 3, np.float32)
    plain = Driver.read(policies.raw()).forward(states)
    identity = Driver.read(policies.raw(mean_activation="identity")).forward(states)
    np.testing.assert_allclose(np.tanh(identity[0]), plain[0], atol=1e-6)
    assert (identity[1] == plain[1]).all() and (identity[0] != plain[0]).all()


def test_the_version_is_read_where_it_is_written():
    document = policies.document()
    assert Driver.read(json.dumps(document).encode()).version is None
    assert Driver.read(json.dumps(document | {"pitwall": {"version": 7}}).encode()).version == 7
    assert Driver.read(json.dumps(document | {"pitwall": {"version": "seven"}}).encode()).version is None


def test_deterministic_driving_is_the_same_in_any_company():
    driver = Driver.read(policies.raw(hidden=(128, 128)))
    states = np.random.default_rng(0).uniform(-1, 1, (97, 15)).astype(np.float32)
    together, order = driver.steady(states), np.random.default_rng(1).permutation(97)
    np.testing.assert_allclose(together, driver.forward(states)[0], atol=1e-6)
    assert (driver.steady(states[order]) == together[order]).all()
    assert (np.concatenate([driver.steady(states[at : at + 1]) for at in range(97)]) == together).all()


def change(path, value):
    """The policy file with one place of it changed."""
    document = policies.document()
    *where, last = path
    node = document
    for key in where:
        node = node[key]
    node[last] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "JSON|truncated|empty"),
        (b"[1]", "Expected `object`"),
        (change(["network_config", "input_size"], 14), r"policy_layers\[0\].weights has 240 numbers, wanted 224"),
        (change(["network_config", "hidden_layers"], []), "sizes"),
        (change(["network_config", "value_output_size"], 2), "value_output_size has 2, wanted 1"),
        (change(["network_config", "mean_activation"], "relu"), "mean_activation"),
        (change(["policy_layers"], []), "policy_layers has 0 layers, wanted 2"),
        (change(["policy_head", "biases"], [0.0]), "policy_head.biases has 1 numbers, wanted 3"),
        (change(["policy_head", "biases"], None), "policy_head.biases"),
        (change(["value_head", "biases"], [1e39]), r"value_head.biases\[0\] has 1e\+39, wanted a finite float32"),
        (change(["value_head", "biases"], ["1"]), "value_head.biases"),
        (change(["value_head", "weights"], [[0.0] * 15]), r"value_head.weights\[0\] has 15 numbers, wanted 16"),
        (change(["action_log_std"], [0.0, 0.0]), "action_log_std has 2 numbers, wanted 3"),
        (change(["action_log_std"], [0.0, 0.0, 1.0]), "the engine's range"),
        (policies.raw().replace(b'"biases": [', b'"bias": [', 1), "biases"),
        (policies.raw().replace(b'"biases": [', b'"biases": [NaN, ', 1), "malformed"),
    ],
)
def test_what_the_engine_would_skip_in_silence_is_refused(tmp_path, text, told):
    path = tmp_path / "policy.json"
    path.write_bytes(text)
    with pytest.raises(DriverRejected, match=told) as refused:
        Driver.load(path)
    assert str(refused.value).startswith("policy.json: ") and "export the policy again" in str(refused.value)


def test_a_policy_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DriverRejected, match=r"missing\.json: cannot be read"):
        Driver.load(tmp_path / "missing.json")


@given(seed=st.integers(0, 10_000), observations=st.integers(1, 20), actions=st.integers(1, 6))
def test_every_policy_that_the_engine_loads_whole_is_loaded(tmp_path_factory, seed, observations, actions):
    path = tmp_path_factory.mktemp("policy") / "policy.json"
    path.write_bytes(policies.raw(observations, actions, hidden=(8,), seed=seed))
    problems, _ = engine.read_policy(path)
    driver = Driver.load(path)
    assert problems == [] and (driver.observations, driver.actions) == (observations, actions)
