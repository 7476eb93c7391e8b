"""Random numbers inside compiled loops: one generator for each chain, addressed by its number."""

from __future__ import annotations

import numpy as np
from numba import njit

from opendicke.model.checks import Array

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mixed(value: Array) -> Array:
    # The finalizer of splitmix64: a bijection of 64-bit words in which every bit depends on all.
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)))


def streams(words: Array, first: int, count: int, purpose: int = 0) -> Array:
    """States of xoshiro256++, one for each of `count` chains from number `first` on.

    Parameters
    ----------
    words : array (2,) of uint32
        What tells one run from another.
    first, count : int
        Numbers of the chains.
    purpose : int
        Streams of different purposes have nothing to do with each other.

    Returns
    -------
    array (count, 4) of uint64
    """
    run = np.uint64((int(words[0]) << 32) | int(words[1]))
    numbers = np.arange(first, first + count, dtype=np.uint64)
    with np.errstate(over="ignore"):
        root = _mixed(np.array([run + _GOLDEN, np.uint64(purpose) + np.uint64(1)]))
        base = _mixed(_mixed(numbers + root[1]) ^ root[0])
        places = _GOLDEN * np.arange(1, 5, dtype=np.uint64)
        return np.ascontiguousarray(_mixed(base[:, None] + places))


@njit(inline="always")
def uniform(stream):  # type: ignore[no-untyped-def]
    """The next number of a stream (4,), in [0, 1), on 53 bits."""
    s0, s1, s2, s3 = stream[0], stream[1], stream[2], stream[3]
    total = s0 + s3
    result = ((total << np.uint64(23)) | (total >> np.uint64(41))) + s0
    shifted = s1 << np.uint64(17)
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    stream[0], stream[1], stream[2], stream[3] = s0, s1, s2, s3
    return (result >> np.uint64(11)) * 2.0**-53


@njit(inline="always")
def waiting(stream, rate):  # type: ignore[no-untyped-def]
    """An exponentially distributed waiting time of the given rate; infinite where that is zero."""
    time = np.inf
    if rate > 0.0:
        time = -np.log(1.0 - uniform(stream)) / rate
    return time
