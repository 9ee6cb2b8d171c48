"""The CUDA kernel against the float64 loop: compiled where there is a GPU, else the same source in the interpreter.

The interpreter takes a millisecond a row and more, so rows are few, and chunks small: that still makes many of them.
"""

import json
import logging
import math
import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppo import gae as dispatch
from ppo.gae import disproof
from tests.ppo import oracle
from tests.ppo.test_gae import errors, tensors

pytest.importorskip("triton", reason="Triton has no wheel here")
from ppo.gae_kernel import gae_kernel

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TOLERANCE = 1e-6


def kernel(arrays, gamma, lam, chunk=16, lanes=4):
    columns = [column.to(DEVICE) for column in tensors(arrays)]
    return [found.cpu() for found in gae_kernel(*columns, gamma, lam, chunk=chunk, lanes=lanes)]


def cut_short(shape, rows=150):
    """The case with segments that the interpreter can walk, in the same proportions."""
    total = sum(shape["lengths"])
    return shape | {"lengths": [max(1, length * rows // max(total, rows)) for length in shape["lengths"]][: rows // 2]}


@pytest.mark.parametrize("name", oracle.CASES)
def test_the_kernel_agrees_with_a_float64_loop_in_every_case(name):
    shape, gamma, lam = oracle.CASES[name]
    arrays = oracle.ragged(7, **(shape if DEVICE == "cuda" else cut_short(shape)))
    assert max(errors(kernel(arrays, gamma, lam, chunk=32), arrays, gamma, lam)) <= TOLERANCE


@settings(max_examples=10 if DEVICE == "cpu" else 100)
@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=4),
    st.integers(0, 2**31),
    st.sampled_from([4, 16]),
    st.sampled_from([(0.99, 0.95), (1.0, 1.0), (0.9, 0.3), (0.99, 0.0), (0.0, 1.0), (0.9999, 0.999)]),
)
def test_ragged_rows_agree_wherever_chunks_end(lengths, seed, chunk, factors):
    arrays = oracle.ragged(seed, lengths)
    assert max(errors(kernel(arrays, *factors, chunk=chunk, lanes=2), arrays, *factors)) <= TOLERANCE


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 31, 32, 33])
def test_chunks_that_are_full_nearly_full_or_one_row_long(rows):
    arrays = oracle.ragged(rows, [rows], ends=0)
    assert max(errors(kernel(arrays, 1.0, 1.0, chunk=8), arrays, 1.0, 1.0)) <= TOLERANCE


def test_one_segment_reaches_through_more_chunks_than_a_program_takes_at_a_time():
    arrays = oracle.ragged(5, [70, 20, 60])
    assert max(errors(kernel(arrays, 0.9999, 0.999, chunk=8, lanes=4), arrays, 0.9999, 0.999)) <= TOLERANCE


def test_same_rows_same_bits():
    arrays = oracle.ragged(9, [30, 3, 50])
    once, again = kernel(arrays, 0.99, 0.95), kernel(arrays, 0.99, 0.95)
    assert all(torch.equal(one, other) for one, other in zip(once, again, strict=True))


def test_moments_of_advantages_far_from_zero_keep_their_digits():
    arrays = oracle.ragged(2, [1] * 100)
    arrays[0][:] += 1e4
    wanted = oracle.advantages(*arrays, 0.99, 0.95)
    mean, deviation = kernel(arrays, 0.99, 0.95)[2:]
    assert float(mean) == pytest.approx(wanted.mean(), rel=1e-6)
    assert float(deviation) == pytest.approx(wanted.std(), rel=1e-3)  # float32 has 1e-3 left beside 1e4


def test_next_value_is_never_read_where_terminated_and_nothing_else_that_is_not_finite_is_hidden():
    arrays = oracle.ragged(4, [15, 15, 15], ends=1)
    assert np.isnan(arrays[2]).sum() == 3
    assert all(found.isfinite().all() for found in kernel(arrays, 0.99, 0.95))
    arrays[0][20] = math.nan
    advantage, returns, mean, deviation = kernel(arrays, 0.99, 0.95)
    assert advantage[15:21].isnan().all() and returns[15:21].isnan().all() and advantage[30:].isfinite().all()
    assert mean.isnan() and deviation.isnan()


def test_no_rows_have_no_advantages_and_no_moments():
    advantage, returns, mean, deviation = kernel([column[:0] for column in oracle.ragged(0, [1])], 0.99, 0.95)
    assert advantage.shape == returns.shape == (0,) and mean.isnan() and deviation.isnan()


def test_columns_may_be_cuts_of_a_table():
    arrays = oracle.ragged(6, [40])
    table = torch.from_numpy(np.stack(arrays[:3], axis=1)).to(DEVICE)
    flags = [flag.to(DEVICE) for flag in tensors(arrays[3:])]
    found = gae_kernel(*table.unbind(1), *flags, 0.99, 0.95, chunk=16)
    assert max(errors([each.cpu() for each in found], arrays, 0.99, 0.95)) <= TOLERANCE


small = partial(gae_kernel, chunk=16, lanes=2)


def test_a_kernel_that_is_right_is_trusted():
    assert disproof(small, DEVICE, rows=100) is None


def test_a_kernel_that_is_wrong_is_not_and_the_reason_names_what_is_off():
    def forgets_what_comes_in(*columns_and_factors):
        halves = [[half.clone() for half in column.chunk(2)] for column in columns_and_factors[:5]]
        parts = [small(*half, *columns_and_factors[5:]) for half in zip(*halves, strict=True)]
        return (*(torch.cat(pair) for pair in list(zip(*parts, strict=True))[:2]), *small(*columns_and_factors)[2:])

    assert "advantage at gamma 0.99, lambda 0.95 is off by" in disproof(forgets_what_comes_in, DEVICE, rows=100)

    def fails(*_):
        raise RuntimeError("Failed to find C compiler")

    assert disproof(fails, DEVICE, rows=100) == "it fails here (RuntimeError: Failed to find C compiler)"


@pytest.fixture
def undecided():
    """Nothing is known yet about any device, and nothing is afterwards."""
    dispatch.kernel_on.cache_clear()
    yield
    dispatch.kernel_on.cache_clear()


def test_without_triton_the_reason_is_logged_once(undecided, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "ppo.gae_kernel", None)
    with caplog.at_level(logging.WARNING, "ppo.gae"):
        assert [dispatch.kernel_on(torch.device("cuda", 0), torch.float32) for _ in range(3)] == [None] * 3
    assert len(caplog.messages) == 1 and "Triton is not there" in caplog.messages[0]


def test_other_numbers_than_float32_go_by_the_log_step_scan_and_say_so(undecided, caplog):
    with caplog.at_level(logging.WARNING, "ppo.gae"):
        assert dispatch.kernel_on(torch.device("cuda", 0), torch.float64) is None
    assert "it is for float32, these are torch.float64" in caplog.text


@pytest.mark.slow
def test_for_a_card_that_is_not_here_the_kernel_compiles_without_atomics_and_without_spills(tmp_path):
    """From source to machine code of a Hopper."""
    environment = os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "tests.ppo.compiled", "90"]
    compiled = json.loads(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)
    assert len(compiled) == 4
    for name, facts in compiled.items():
        assert not facts["atomics"] and facts["stack_bytes"] == 0, name
        assert facts["registers"] <= 64, name  # so that 1024 threads are at work on each multiprocessor
    assert compiled["_scan_chunks"]["wide"] and compiled["_scan_chunks"]["barriers"] <= 20
