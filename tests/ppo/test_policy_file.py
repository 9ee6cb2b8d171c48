import codecs
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from schemas.errors import PolicyRejected
from schemas.policy_file import Layer, PolicyFile, read_policy, write_policy
from tests.ppo.tables import policy_json

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


def small(**changes):
    """Two observations, one hidden layer of three, one action."""
    layer = {"weights": [1, 2, 3, 4, 5, 6], "biases": [0.1, 0.2, 0.3]}
    head = {"weights": [1, 2, 3], "biases": [0.5]}
    config = {"input_size": 2, "hidden_layers": [3], "policy_output_size": 1, "value_output_size": 1}
    return {
        "network_config": config, "policy_layers": [layer], "value_layers": [layer], "policy_head": head,
        "value_head": head, "action_log_std": [-0.7], **changes,
    }  # fmt: skip


def encoded(document):
    return json.dumps(document).encode()


def numbers(policy):
    layers = [*policy.policy_layers, policy.policy_head, *policy.value_layers, policy.value_head]
    return [*(array for layer in layers for array in (layer.weights, layer.biases)), policy.log_std]


def test_the_sample_policy_is_the_same_after_a_round_trip_and_half_the_size():
    raw = policy_json()
    again = write_policy(read_policy(raw))
    assert all(map(np.array_equal, numbers(read_policy(again)), numbers(read_policy(raw))))
    assert len(again) < 0.6 * len(raw)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
def test_every_float32_comes_back_bit_for_bit(data, inputs, hidden, actions):
    def layer(rows, columns):
        return Layer(*(data.draw(arrays(np.float32, shape, elements=finite)) for shape in ((rows, columns), (rows,))))

    policy = PolicyFile(
        policy_layers=(layer(hidden, inputs),), value_layers=(layer(hidden, inputs),),
        policy_head=layer(actions, hidden), value_head=layer(1, hidden),
        log_std=data.draw(arrays(np.float32, actions, elements=st.floats(-4.5, 0.625, width=32))),
    )  # fmt: skip
    for wanted, was in zip(numbers(policy), numbers(read_policy(write_policy(policy))), strict=True):
        assert wanted.tobytes() == was.tobytes()


@pytest.mark.parametrize("encode", [
    lambda text: text.encode(), lambda text: codecs.BOM_UTF8 + text.encode(), lambda text: text.encode("utf-16"),
    lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
])  # fmt: skip
def test_every_encoding_of_the_engine_is_read(encode):
    assert read_policy(encode(json.dumps(small(pitwall={"name": "Ümläut"})))).pitwall == {"name": "Ümläut"}


def test_nested_weights_are_read_like_flat_ones():
    nested = small(policy_layers=[{"weights": [[1, 2], [3, 4], [5, 6]], "biases": [0.1, 0.2, 0.3]}])
    assert np.array_equal(read_policy(encoded(nested)).policy_layers[0].weights, [[1, 2], [3, 4], [5, 6]])


@pytest.mark.parametrize(("change", "address"), [
    ({"policy_layers": [{"weights": [1] * 5, "biases": [0] * 3}]}, "policy_layers[0].weights has 5 numbers, wanted"),
    ({"value_layers": [{"weights": [[1, 2], [3], [5, 6]], "biases": [0] * 3}]}, "value_layers[0].weights[1] has 1"),
    ({"value_head": {"weights": [1, 2, 3], "biases": [0, 0]}}, "value_head.biases has 2 numbers, wanted 1"),
    ({"policy_head": {"weights": [1, 1e39, 3], "biases": [0]}}, "policy_head.weights[1] has 1e+39, wanted a finite"),
    ({"policy_head": {"weights": [1, 2, 3], "bias": [0]}}, "biases"),
    ({"value_layers": []}, "value_layers has 0 layers, wanted 1"),
    ({"action_log_std": [0.5, 0.5]}, "action_log_std has 2 numbers, wanted 1"),
    ({"action_log_std": [math.log(2) + 1e-4]}, "action_log_std"),
    ({"network_config": {**small()["network_config"], "hidden_layers": []}}, "sizes [2] -> 1"),
    ({"network_config": {**small()["network_config"], "value_output_size": 2}}, "value_output_size has 2, wanted 1"),
    ({"network_config": {**small()["network_config"], "mean_activation": "relu"}}, "$.network_config.mean_activation"),
])  # fmt: skip
def test_what_the_engine_would_skip_is_rejected_with_its_address(change, address):
    with pytest.raises(PolicyRejected) as caught:
        read_policy(encoded(small(**change)))
    assert address in str(caught.value)


@pytest.mark.parametrize("raw", [
    b"", b"{}", b"[1]", b"\xff\xfe\x00", b"[" * 100_000, b'{"network_config":' + b"[" * 100_000,
    encoded(small()).replace(b"[1, 2, 3]", b"[1, NaN, 3]"), encoded(small()).replace(b"[1, 2, 3]", b"[1, 1e999, 3]"),
    encoded(small()).replace(b"[1, 2, 3]", b"[" * 50_000 + b"]" * 50_000),
])  # fmt: skip
def test_garbage_is_rejected_and_nothing_else_happens(raw):
    with pytest.raises(PolicyRejected):
        read_policy(raw)


def test_the_bounds_of_log_std_may_miss_by_a_rounding():
    for bound in (math.log(0.01), math.log(2)):
        assert read_policy(encoded(small(action_log_std=[bound]))).policy_output_size == 1


def test_a_policy_that_is_not_finite_is_not_written():
    policy = read_policy(encoded(small()))
    policy.value_head.biases[0] = np.inf
    with pytest.raises(PolicyRejected, match=r"value_head.biases\[0\] has inf"):
        write_policy(policy)
