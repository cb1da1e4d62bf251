"""Order statistics of a column that lies in buckets, exactly and without ever having it in one
place: values are counted by their leading bits, four times 16 of them.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from holdfast.arrays import Floats
from holdfast.engine.engines import Engine, Facts, add_counts, gather

_BITS, _DIGITS = 16, 4
ReadValues = Callable[[int], Floats]
"""The values of a bucket; none of them NaN."""


def order_statistics(
    engine: Engine, read: ReadValues, buckets: Sequence[int], places: Sequence[int]
) -> list[float]:
    """The values that would stand at these places (0-based) if all were sorted."""
    values = []
    for place in places:
        prefix = 0
        for digit in range(_DIGITS):
            counted = engine.map(partial(_count_digit, read, prefix, digit), buckets)
            counts = add_counts(gather(counted, "counts"))
            for value in sorted(counts):
                if place < counts[value]:
                    prefix = prefix << _BITS | value
                    break
                place -= counts[value]
        values.append(_value_of(prefix))
    return values


def quantiles(
    engine: Engine,
    read: ReadValues,
    buckets: Sequence[int],
    *,
    n_values: int,
    shares: Sequence[float],
) -> list[float]:
    """The quantiles that `numpy.quantile` gives of all values (linear interpolation)."""
    places = [share * (n_values - 1) for share in shares]
    below = [int(np.floor(place)) for place in places]
    wanted = sorted({each for place in below for each in (place, min(place + 1, n_values - 1))})
    values = dict(zip(wanted, order_statistics(engine, read, buckets, wanted), strict=True))
    pairs = [(values[low], values[min(low + 1, n_values - 1)]) for low in below]
    return [
        float(np.quantile(np.array(pair), place - low))
        for pair, place, low in zip(pairs, places, below, strict=True)
    ]


def _count_digit(read: ReadValues, prefix: int, digit: int, bucket: int) -> Facts:
    """Count the next 16 bits of the values that begin with a prefix."""
    bits = _sortable(read(bucket))
    shift = np.uint64(64 - _BITS * (digit + 1))
    if digit:
        bits = bits[bits >> np.uint64(64 - _BITS * digit) == np.uint64(prefix)]
    digits, counts = np.unique(bits >> shift & np.uint64(2**_BITS - 1), return_counts=True)
    return {"counts": dict(zip(digits.tolist(), counts.tolist(), strict=True))}


_SIGN = np.uint64(1 << 63)


def _sortable(values: Floats) -> np.typing.NDArray[np.uint64]:
    """Bits that sort as the values do."""
    bits = (values + 0.0).view(np.uint64)  # -0.0 becomes 0.0
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _value_of(bits: int) -> float:
    word = np.array([bits], dtype=np.uint64)
    return float(np.where(word & _SIGN, word & ~_SIGN, ~word).view(np.float64)[0])
