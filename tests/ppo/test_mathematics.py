"""What must hold whatever the numbers are: advantages, folding, and float32 through JSON; oracles in float64."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppo.batch import Batch
from ppo.gae import gae
from ppo.normaliser import DEVIATION_MIN, Normaliser
from schemas.policy_file import Layer, PolicyFile, read_policy, write_policy
from schemas.window import Window
from tests.ppo import oracle
from tests.warehouse.rollouts import experience, name, write_json
from warehouse.ingest import ingest
from warehouse.window_rows import window_rows
from warehouse.windows import select

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=8)
SEEDS = st.integers(0, 2**32 - 1)
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here")),
]


def tensors(arrays, dtype=np.float32, device="cpu"):
    return [torch.from_numpy(a.astype(dtype) if a.dtype != bool else a).to(device) for a in arrays]


@given(LENGTHS, SEEDS, st.sampled_from([0.9, 0.99, 1.0]))
def test_lambda_one_telescopes_to_the_discounted_return_less_the_value(lengths, seed, gamma):
    reward, value, next_value, terminated, _ = arrays = oracle.ragged(seed, lengths)
    advantage, returns, *_ = gae(*tensors(arrays, np.float64), gamma, 1.0)
    first = 0
    for length in lengths:  # Monte Carlo, segment by segment: every later value cancels but the last one's bootstrap
        rows = range(first, first + length)
        last = first + length - 1
        tail = 0.0 if terminated[last] else float(next_value[last])
        for row in rows:
            powers = gamma ** np.arange(last - row + 1)
            collected = float(powers @ reward[row : last + 1].astype(np.float64)) + gamma ** (last - row + 1) * tail
            assert advantage[row].item() == pytest.approx(collected - float(value[row]), abs=1e-9)
            assert returns[row].item() == pytest.approx(collected, abs=1e-9)
        first += length


@given(LENGTHS, SEEDS, st.floats(0, 1))
def test_lambda_zero_is_the_temporal_difference(lengths, seed, gamma):
    reward, value, next_value, terminated, _ = arrays = oracle.ragged(seed, lengths)
    future = np.where(terminated, 0.0, gamma * np.nan_to_num(next_value.astype(np.float64)))
    advantage = gae(*tensors(arrays, np.float64), gamma, 0.0)[0].numpy()
    np.testing.assert_allclose(advantage, reward.astype(np.float64) + future - value, atol=1e-12)


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=40)
@given(lengths=LENGTHS, seed=SEEDS, lam=st.floats(0, 1))
def test_float32_on_any_device_is_near_the_float64_loop(device, lengths, seed, lam):
    arrays = oracle.ragged(seed, lengths)
    wanted = oracle.advantages(*arrays, 0.99, lam)
    found = gae(*tensors(arrays, device=device), 0.99, lam)[0].cpu().numpy()
    np.testing.assert_allclose(found, wanted, atol=2e-6 * max(1.0, np.abs(wanted).max()))


@given(LENGTHS, SEEDS, st.floats(0, 1), st.integers(-20, 20))
def test_rewards_and_values_of_another_unit_give_advantages_of_that_unit(lengths, seed, lam, exponent):
    arrays, scale = oracle.ragged(seed, lengths), 2.0**exponent
    scaled = [array * np.float32(scale) for array in arrays[:3]]
    plain, other = (gae(*tensors([*some, *arrays[3:]], np.float64), 0.99, lam)[0] for some in (arrays[:3], scaled))
    assert torch.equal(plain * scale, other)


def drive(agents, steps, seed):
    """Experiences of cars that drive side by side; by car, in time order. Every reward is another."""
    source = np.random.default_rng(seed)
    cars = []
    for agent in range(agents):
        rows = [
            experience(1000 * agent + step, agent, 2, action={"a": float(source.normal())},
                       reward=float(np.float32(source.normal())), value=float(np.float32(source.normal())),
                       done=bool(source.random() < 0.1))
            for step in range(steps)
        ]  # fmt: skip
        rows[-1] |= {"truncated": True, "done": True, "next_value": 0.25}
        cars.append(rows)
    return cars


def learned(lake, folder, files):
    """Advantage by observation, through files, lake, window and batch."""
    for index, rows in enumerate(files):
        document = {"experiences": rows, "rollout_index": index, "run_id": folder.name}
        write_json(folder / name(index), document)
    assert not ingest(lake, [folder]).rejected
    window = select(lake, Window(run=folder.name))
    batch = Batch.from_arrow(window_rows(lake, window), window.space)
    columns = (batch.reward, batch.value, batch.next_value, batch.terminated, batch.segment_end)
    advantage = gae(*columns, 0.99, 0.95)[0]
    return dict(zip(batch.observations[: len(batch), 0].tolist(), advantage.tolist(), strict=True))


def interleaved(cars, source):
    """Rows of all cars in a random order that keeps each car's own."""
    turns = source.permutation(np.repeat(np.arange(len(cars)), [len(rows) for rows in cars]))
    remaining = [iter(rows) for rows in cars]
    return [next(remaining[agent]) for agent in turns]


@pytest.mark.parametrize("seed", range(3))
def test_advantages_do_not_depend_on_how_cars_are_interleaved(lake, tmp_path, seed):
    cars, source = drive(4, 12, seed), np.random.default_rng(seed)
    in_blocks = learned(lake, tmp_path / "blocks", [[row for rows in cars for row in rows]])
    mixed = learned(lake, tmp_path / "mixed", [interleaved(cars, source)])
    assert len(in_blocks) == 48 and mixed == pytest.approx(in_blocks, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_advantages_do_not_depend_on_how_rows_are_split_into_files(lake, tmp_path, seed):
    """Cut where a car's segment ends anyway, or where the row before the cut says what follows it."""
    cars = drive(2, 12, seed)
    whole = learned(lake, tmp_path / "whole", [[row for rows in cars for row in rows]])
    by_car = learned(lake, tmp_path / "by_car", cars)
    assert by_car == pytest.approx(whole, abs=1e-6)
    cars = [[row | {"done": True} if at == 6 else row for at, row in enumerate(rows)] for rows in cars]
    whole = learned(lake, tmp_path / "whole2", [[row for rows in cars for row in rows]])
    halves = [[row for rows in cars for row in rows[:7]], [row for rows in cars for row in rows[7:]]]
    assert learned(lake, tmp_path / "halves", halves) == pytest.approx(whole, abs=1e-6)


@settings(max_examples=60)
@given(SEEDS, st.integers(1, 8), st.integers(1, 8), st.floats(-3, 3), st.floats(-2, 3))
def test_folding_the_normaliser_is_exact_but_for_one_rounding(seed, inputs, outputs, shift, spread):
    source = np.random.default_rng(seed)
    rows = 10**shift + 10**spread * source.standard_normal((50, inputs))
    normaliser = Normaliser.identity(inputs).seen(torch.from_numpy(rows.astype(np.float32)))
    weights, biases = (source.standard_normal(shape).astype(np.float32) for shape in ((outputs, inputs), outputs))
    mean, deviation = normaliser.mean.numpy(), np.maximum(np.sqrt(normaliser.variance.numpy()), DEVIATION_MIN)
    exact_weights = weights.astype(np.float64) / deviation
    exact_biases = biases.astype(np.float64) - exact_weights @ mean
    wanted = ((rows - mean) / deviation) @ weights.astype(np.float64).T + biases
    size = (np.abs(rows) + np.abs(mean)) @ np.abs(exact_weights).T + np.abs(biases)
    assert (np.abs(rows @ exact_weights.T + exact_biases - wanted) <= 1e-14 * size * inputs).all()
    folded_weights, folded_biases = normaliser.fold(weights, biases)
    assert folded_weights.dtype == folded_biases.dtype == np.float32
    assert np.array_equal(folded_weights, exact_weights.astype(np.float32))
    # One rounding of the exact sum, whose own order of adding may differ by float64's last bits
    apart = np.abs(folded_biases - exact_biases)
    assert (apart <= np.spacing(np.abs(folded_biases)) * 0.5 + 1e-14 * (np.abs(exact_weights) @ np.abs(mean))).all()


def one_layer(numbers):
    """A policy whose weights are these float32 numbers."""
    layer = Layer(numbers.reshape(-1, 1), np.zeros(len(numbers), np.float32))
    head = Layer(np.zeros((1, len(numbers)), np.float32), np.zeros(1, np.float32))
    return PolicyFile(policy_layers=(layer,), value_layers=(layer,), policy_head=head, value_head=head,
                      log_std=np.zeros(1, np.float32))  # fmt: skip


def returned(numbers):
    """The weights after JSON: by our reader, and by Python's doubles cut to float32 as the engine cuts them."""
    raw = write_policy(one_layer(numbers))
    ours = read_policy(raw).policy_layers[0].weights.ravel()
    return ours, np.array(json.loads(raw)["policy_layers"][0]["weights"], np.float64).astype(np.float32)


def same_bits(numbers):
    return all(np.array_equal(numbers.view(np.uint32), back.view(np.uint32)) for back in returned(numbers))


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=300))
def test_any_float32_survives_json_by_its_bits(patterns):
    numbers = np.array(patterns, np.uint32).view(np.float32)
    finite = numbers[np.isfinite(numbers)]
    assert not len(finite) or same_bits(finite)


def test_every_exponent_and_the_edges_of_float32_survive_json():
    exponents = np.arange(255, dtype=np.uint32)[:, None] << 23
    mantissas = np.array([0, 1, 2, 0x3FFFFF, 0x400000, 0x555555, 0x7FFFFE, 0x7FFFFF], np.uint32)
    positive = (exponents | mantissas).ravel()  # exponent 0: zero and subnormals, down to 1e-45
    assert same_bits(np.concatenate([positive, positive | np.uint32(1 << 31)]).view(np.float32))


def test_fifty_thousand_float32_survive_json():
    patterns = np.random.default_rng(0).integers(0, 2**32, 50_000, dtype=np.uint32).view(np.float32)
    assert same_bits(patterns[np.isfinite(patterns)])
