import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from racing.decimals import decimals


def texts(column):
    return [bytes(characters).replace(b"\0", b"").decode() for characters in decimals(column)]


def one_by_one(column):
    return [f"{number:.17g}" for number in column.tolist()]


@given(
    arrays.arrays(np.float32, st.integers(1, 20), elements=st.floats(width=32, allow_nan=False, allow_infinity=False))
)
def test_numbers_are_spelled_as_the_engine_spells_them(column):
    assert texts(column) == one_by_one(column)


@pytest.mark.parametrize("scale", [1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1, 100, 1e6])
def test_so_are_many_thousands_of_every_size(scale):
    random = np.random.default_rng(0)
    for column in (random.standard_normal(50_000) * scale, random.integers(0, 2**24, 50_000) * scale / 2**20):
        assert texts(column.astype(np.float32)) == one_by_one(column.astype(np.float32))


def test_every_bit_pattern_has_its_text():
    column = np.random.default_rng(1).integers(0, 2**32, 50_000, np.uint32).view(np.float32)
    column = column[np.isfinite(column)]
    assert texts(column) == one_by_one(column)


def test_numbers_at_the_edges():
    column = [0.0, -0.0, 1, -1, 0.5, 0.1, 0.01, 0.001, 10, 100, 511.99997, 512, 0.099999994, 9.999999, 99.99999, 1e10]
    column = np.array([*column, *np.nextafter(np.float32(column), np.float32(0))], np.float32)
    assert texts(column) == one_by_one(column)
    assert texts(np.float32([0.5, -0.0, 1, 0.1])) == ["0.5", "-0", "1", "0.10000000149011612"]
