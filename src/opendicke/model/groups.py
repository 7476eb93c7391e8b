"""Exact reduction 1: spins with equal couplings and field turn together (large spins)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from opendicke.model.checks import Array


class Groups(NamedTuple):
    """Which spins share one rotation."""

    rows: Array
    """Couplings of each group, (K, M)."""
    field: Array
    """Field of each group, (K,)."""
    member: Array
    """Group of each spin, (N,)."""
    sign: Array
    """±1 per spin, (N,): −1 where the spin is described after Z → −Z, Y → −Y."""


def each_alone(couplings: Array, field: Array) -> Groups:
    """No grouping: every spin is its own group."""
    return Groups(couplings, field, np.arange(len(field)), np.ones(len(field)))


def group_spins(couplings: Array, field: Array, *, gauge: bool = True) -> Groups:
    """Groups of spins whose rows of couplings (N, M) and fields (N,) are equal.

    With `gauge`, rows that differ by a global sign are equal too (carollo2021, Fig. 2).
    """
    sign = np.ones(len(field))
    rows = couplings
    if gauge:
        leading = np.argmax(couplings != 0, axis=1)
        negative = couplings[np.arange(len(field)), leading] < 0
        if negative.any():
            sign = np.where(negative, -1.0, 1.0)
            rows = couplings * sign[:, None]
    # Adding zero turns −0.0 into 0.0, so that equal numbers have equal bits.
    keyed = np.concatenate([rows, field[:, None]], axis=1) + 0.0
    first, member = _unique_rows(keyed)
    return Groups(np.ascontiguousarray(rows[first]), field[first], member, sign)


def _unique_rows(table: Array) -> tuple[Array, Array]:
    """First occurrence of each distinct row, in order of appearance, and the row of each entry."""
    bits = np.ascontiguousarray(table).view(np.uint64)
    code = np.zeros(len(table), np.uint64)
    for column in range(bits.shape[1]):
        code ^= bits[:, column]
        code *= np.uint64(0x9E3779B97F4A7C15)
        code ^= code >> np.uint64(29)
        code *= np.uint64(0xBF58476D1CE4E5B9)
        code ^= code >> np.uint64(32)
    _, first, index = np.unique(code, return_index=True, return_inverse=True)
    if (bits[first[index]] != bits).any():  # two rows share a code: sort the rows themselves
        _, first, index = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[np.ravel(index)]
