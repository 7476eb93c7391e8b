"""Rows of couplings that form a grid: every combination of the values that each mode takes.

The groups of patterns of ±1 are all sign combinations (carollo2021, Figs. 2, S1, S2). Numbered as
``k = k1 * K2 + k2``, with the first modes depending on k1 and the others on k2 alone, a row is
``(first[k1], second[k2])``. Sums over groups then cost one addition for each group and factor
instead of one product for each group and mode, and the turning angle of a group is the sum of two
angles.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from opendicke.model.checks import Array


class Factors(NamedTuple):
    """Rows ``(first[k1], second[k2])`` of the group k1 * K2 + k2."""

    first: Array
    """Couplings to the first modes, (K1, L1)."""
    second: Array
    """Couplings to the other modes, (K2, L − L1)."""

    def rows(self) -> Array:
        """All rows, (K1 K2, L)."""
        left = np.repeat(self.first, len(self.second), axis=0)
        right = np.tile(self.second, (len(self.first), 1))
        return np.concatenate([left, right], axis=1)


def factorise(rows: Array, most: int) -> tuple[Factors, Array] | None:
    """The smallest grid that holds rows (K, L), all distinct, and the place (K,) of each in it.

    Returns
    -------
    tuple or None
        None if the grid would have more than `most` rows, or if two rows are equal.
    """
    values, codes = [], []
    size = 1
    for column in rows.T:
        found, code = np.unique(column, return_inverse=True)
        size *= len(found)
        if size > most:
            return None
        values.append(found[::-1])
        codes.append(len(found) - 1 - np.ravel(code))
    counts = [len(found) for found in values]
    split = _balanced(counts)
    place = np.zeros(len(rows), dtype=np.intp)
    for count, code in zip(counts, codes, strict=True):
        place = place * count + code
    if len(np.unique(place)) < len(place):
        return None
    return Factors(_grid(values[:split]), _grid(values[split:])), place


def _balanced(counts: list[int]) -> int:
    """How many modes the first factor takes, so that the larger factor is small."""
    larger = [
        max(math.prod(counts[:split]), math.prod(counts[split:]))
        for split in range(len(counts) + 1)
    ]
    return int(np.argmin(larger))


def _grid(values: list[Array]) -> Array:
    """All combinations of the values, the last running fastest."""
    if not values:
        return np.zeros((1, 0))
    axes = np.meshgrid(*values, indexing="ij")
    return np.stack([axis.ravel() for axis in axes], axis=1)
