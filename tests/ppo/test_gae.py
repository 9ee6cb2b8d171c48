import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ppo.gae import BLOCK, gae, log_step
from tests.ppo import oracle


def tensors(arrays):
    return [torch.from_numpy(array) for array in arrays]


def estimate(arrays, gamma, lam):
    found = gae(*tensors(arrays), gamma, lam)
    return found.advantage.numpy(), found.returns.numpy()


def errors(found, arrays, gamma, lam):
    """The largest error of advantages, returns, mean and deviation, beside the largest advantage or 1."""
    wanted = oracle.advantages(*arrays, gamma, lam)
    expected = (wanted, wanted + arrays[1], wanted.mean(), wanted.std())
    scale = max(1.0, np.abs(wanted).max())
    return [float(np.abs(one.numpy() - other).max() / scale) for one, other in zip(found, expected, strict=True)]


@pytest.mark.parametrize("name", oracle.CASES)
def test_estimates_agree_with_a_float64_loop_in_every_case(name):
    shape, gamma, lam = oracle.CASES[name]
    arrays = oracle.ragged(7, **shape)
    assert max(errors(gae(*tensors(arrays), gamma, lam), arrays, gamma, lam)) <= 5e-7
    assert max(errors(log_step(*tensors(arrays), gamma, lam, block=1000), arrays, gamma, lam)) <= 1e-6


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(0, 2**31), st.integers(1, 50))
@pytest.mark.parametrize("gamma, lam", [(0.99, 0.95), (1.0, 1.0), (0.5, 0.0)])
def test_estimates_do_not_depend_on_where_blocks_end(gamma, lam, lengths, seed, block):
    arrays = oracle.ragged(seed, lengths)
    assert max(errors(log_step(*tensors(arrays), gamma, lam, block=block), arrays, gamma, lam)) <= 1e-6


def test_rows_of_more_than_one_block_are_as_right_and_repeat_to_the_bit():
    arrays = oracle.ragged(3, [5000, 1, 70_000, 200, 60_000, 7] * 2)
    assert len(arrays[0]) > 4 * BLOCK
    once, again = (gae(*tensors(arrays), 0.99, 0.95) for _ in range(2))
    assert max(errors(once, arrays, 0.99, 0.95)) <= 5e-7
    assert all(torch.equal(one, other) for one, other in zip(once, again, strict=True))


@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_number_that_is_not_finite_is_never_hidden(column):
    arrays = oracle.ragged(3, [50, 50], ends=0)
    arrays[column][30] = math.nan
    found = gae(*tensors(arrays), 0.99, 0.95)
    assert found.advantage[:31].isnan().all() and found.advantage[50:].isfinite().all()
    assert found.mean.isnan() and found.deviation.isnan()


def test_three_rows_in_the_head():
    no, yes = [False] * 3, [False, False, True]
    columns = ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 8.0])
    arrays = (*(np.array(column, np.float32) for column in columns), np.array(no), np.array(yes))
    # gamma 1/2, lambda 1: 1 + 8/2 = 5, then 1 + 5/2 = 3.5, then 1 + 3.5/2 = 2.75
    assert estimate(arrays, 0.5, 1.0)[0].tolist() == [2.75, 3.5, 5.0]


def test_a_time_limit_bootstraps_and_an_end_does_not():
    arrays = [np.array([1.0, 1.0], np.float32), np.zeros(2, np.float32), np.array([10.0, 10.0], np.float32)]
    flags = [np.array([True, False]), np.array([True, True])]
    assert estimate((*arrays, *flags), 0.5, 0.95)[0].tolist() == [1.0, 6.0]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(0, 2**31))
def test_segments_do_not_see_each_other(lengths, seed):
    arrays = oracle.ragged(seed, lengths)
    together = estimate(arrays, 0.99, 0.95)[0]
    cuts = np.cumsum(lengths)[:-1]
    apart = [estimate(piece, 0.99, 0.95)[0] for piece in zip(*(np.split(array, cuts) for array in arrays), strict=True)]
    np.testing.assert_allclose(together, np.concatenate(apart), rtol=1e-5, atol=1e-5)


def test_no_rows_have_no_advantages_and_no_moments():
    empty = [torch.zeros(0)] * 3 + [torch.zeros(0, dtype=torch.bool)] * 2
    found = gae(*empty, 0.99, 0.95)
    assert found.advantage.shape == found.returns.shape == (0,)
    assert found.mean.isnan() and found.deviation.isnan()
