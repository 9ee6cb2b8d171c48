"""Many float32 numbers as text at once, to the byte what `%.17g` makes of the double of each.

Arrives: numbers. Leaves: a field of characters for each, with zero bytes where nothing stands.
Spelled one by one, the numbers of a rollout take longer than driving it. Here 17 digits are one exact integer D:
    |x| = M 2^E = D 10^-k,  1e16 <= D < 1e17,  so  D = M 5^k 2^(E + k), rounded half to even,
where M 5^k has up to 85 bits and is held in two words.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
WIDTH = 28
"""Characters of a field: sign and three digits, point and three digits, four times four digits, digit or exponent."""
_LEAST, _MOST = 1e-10, 512
"""Sizes that are spelled at once; so many bits are rounded away that two words hold the rest: 1 to 31."""
_DECADES = np.array([float(f"1e{power}") for power in range(-9, 3)])
_FIVES, _TENS = (np.array([base**power for power in range(powers)], np.uint64) for base, powers in ((5, 28), (10, 20)))
_HALF_WORD, _ONE, _TEN, _FOUR_DIGITS = (np.uint64(number) for number in (32, 1, 10, 10_000))


def decimals(numbers: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Finite numbers (...) -> characters (..., WIDTH)."""
    column = numbers.reshape(-1)
    size = np.abs(column).astype(np.float64)
    usual = (size >= _LEAST) & (size < _MOST)
    size[~usual] = 0  # becomes 0 or -0; what is something else is spelled by itself below
    power = np.where(usual, np.searchsorted(_DECADES, size, side="right") - 10, 0)
    places = np.where(power < -4, 16, 16 - power)  # after the point, to the left of an exponent: 14 to 20
    digits = _rounded(size, 16 - power)
    whole = np.where(power < -4, digits // _TENS[16], size.astype(np.uint64))
    rest = digits - whole * _TENS[np.minimum(places, 19)]
    tail = np.where(places == 20, rest // _TEN, rest * _TENS[np.maximum(19 - places, 0)])
    last = np.where(places == 20, rest - tail * _TEN, 0).astype(np.intp)
    field = np.empty((len(column), WIDTH // 4), np.uint32)
    field[:, 6] = _END[np.where(power < -4, 5 - power, last)]
    nothing_behind = last == 0
    for at in (5, 4, 3, 2):
        above = tail // _FOUR_DIGITS
        four = tail - above * _FOUR_DIGITS
        field[:, at] = _FOUR[four + _FOUR_DIGITS * nothing_behind]
        nothing_behind &= four == 0
        tail = above
    field[:, 1] = _POINT[tail + np.uint64(1000) * nothing_behind]
    field[:, 0] = _WHOLE[whole + np.uint64(_MOST) * np.signbit(column)]
    characters: NDArray[np.uint8] = field.view(np.uint8)
    if len(alone := np.flatnonzero(~usual & (column != 0))):
        texts = np.array([f"{number:.17g}" for number in column[alone].tolist()], f"S{WIDTH}")
        characters[alone] = texts.view(np.uint8).reshape(-1, WIDTH)
    return characters.reshape(*numbers.shape, WIDTH)


def _rounded(size: NDArray[np.float64], power: NDArray[np.intp]) -> Words:
    """|x| 10^k, to the nearest integer, half to even."""
    mantissa, exponent = np.frexp(size)
    number, five = (mantissa * 2**24).astype(np.uint64), _FIVES[power]
    right = (24 - exponent - power).astype(np.uint64)
    high, low = number * (five >> _HALF_WORD), number * (five & ((_ONE << _HALF_WORD) - _ONE))
    floor = (high << (_HALF_WORD - right)) + (low >> right)
    half = _ONE << (right - _ONE)
    remainder = low & (half + half - _ONE)
    rounded: Words = floor + (remainder + (floor & _ONE) > half)
    return rounded


def _table(texts: Iterable[str]) -> NDArray[np.uint32]:
    return np.frombuffer(b"".join(text.encode().ljust(4, b"\0") for text in texts), np.uint32)


_WHOLE = _table([*(f"{n}" for n in range(_MOST)), *(f"-{n}" for n in range(_MOST))])
_POINT = _table([*(f".{n:03d}" for n in range(1000)), *(f".{n:03d}".rstrip("0").rstrip(".") for n in range(1000))])
_FOUR = _table([*(f"{n:04d}" for n in range(10_000)), *(f"{n:04d}".rstrip("0") for n in range(10_000))])
"""Four digits; from 10,000 on the same at a number's end, where zeros are left out. _POINT likewise."""
_END = _table(["", *"123456789", *(f"e-{n:02d}" for n in range(5, 11))])
