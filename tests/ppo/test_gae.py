import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ppo.gae import gae
from tests.ppo import oracle


def estimate(arrays, gamma, lam):
    advantage, returns = gae(*(torch.from_numpy(array) for array in arrays), gamma, lam)
    return advantage.numpy(), returns.numpy()


@pytest.mark.parametrize("name", oracle.CASES)
def test_advantages_agree_with_a_float64_loop_in_every_case(name):
    shape, gamma, lam = oracle.CASES[name]
    arrays = oracle.ragged(7, **shape)
    advantage, returns = estimate(arrays, gamma, lam)
    wanted = oracle.advantages(*arrays, gamma, lam)
    scale = max(1.0, np.abs(wanted).max())
    assert np.abs(advantage - wanted).max() / scale <= 1e-6
    assert np.abs(returns - (wanted + arrays[1])).max() / scale <= 1e-6


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


def test_no_rows_have_no_advantages():
    empty = [torch.zeros(0)] * 3 + [torch.zeros(0, dtype=torch.bool)] * 2
    assert gae(*empty, 0.99, 0.95)[0].shape == (0,)
