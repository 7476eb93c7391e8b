"""Upper bounds of flip rates over intervals of energy, for thinning."""

from __future__ import annotations

from math import comb
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from opendicke.model.checks import Array
from opendicke.physics.rate_table import FlipRates

_PARTS = 4
_BLOCK = 16
# Rates and bounds are rounded apart; the table itself is worse than this.
_SLACK = 1.0 + 1e-9
# The end of a piece, and what round-off may add to it.
_BEYOND = 1.0 + 1e-9


class Peaks(NamedTuple):
    """Upper bounds on all quarters of pieces of a table, (4P,), and on each 16 neighbours."""

    parts: Array
    blocks: Array


def peaks(rates: FlipRates) -> Peaks:
    """Upper bounds of all table rows on each quarter of a piece, over unit field, not negative.

    They are the largest Bernstein coefficient, which bounds a polynomial rigorously.
    """
    coefficients = rates.arrays.coefficients
    degree = coefficients.shape[1] - 1
    slack = 1e-14 * np.abs(coefficients).sum(axis=1)
    upper = np.empty((len(coefficients), _PARTS))
    for part in range(_PARTS):
        upper[:, part] = (coefficients @ _bernstein(degree, part).T).max(axis=1) + slack
    flat = np.maximum(upper.ravel(), 0.0) * _SLACK
    padded = np.zeros(-(-len(flat) // _BLOCK) * _BLOCK)
    padded[: len(flat)] = flat
    return Peaks(flat, padded.reshape(-1, _BLOCK).max(axis=1))


def _bernstein(degree: int, part: int) -> Array:
    """Matrix from powers of u in [−1, 1] to Bernstein coefficients on one part of that range."""
    low, step = -1.0 + 2.0 * part / _PARTS, 2.0 / _PARTS
    matrix = np.zeros((degree + 1, degree + 1))
    for k in range(degree + 1):
        # u = low + step·v; v^m = Σ_j C(j, m)/C(degree, m) B_j.
        for m in range(k + 1):
            power = comb(k, m) * step**m * low ** (k - m)
            for j in range(m, degree + 1):
                matrix[j, k] += power * comb(j, m) / comb(degree, m)
    return matrix


@njit(cache=True, nogil=True)
def first_piece(arrays: Any, row: int, energy: float) -> int:
    """The piece of a row that holds an energy, the first or last one beyond the range.

    A search without branches, as many of them are under way at once when bounds are made.
    """
    low: int = arrays.offsets[row]
    count = arrays.offsets[row + 1] - low
    while count > 1:
        half = count >> 1
        low += half if arrays.left[low + half] <= energy else 0
        count -= half
    return low


@njit(inline="always")
def rate_from(first, weights, offsets, left, scale, coefficients, spin, piece, energy):  # type: ignore[no-untyped-def]
    """W_i(ε), field included, where the energy is in `piece` or above it, but in its row.

    Takes the arrays of a table one by one: in a loop, a tuple of them costs more than the rate.
    """
    u = (energy - left[piece]) * scale[piece] - 1.0
    while u > _BEYOND:
        piece += 1
        u = (energy - left[piece]) * scale[piece] - 1.0
    uu = u * u
    total = 0.0
    nodes = weights.shape[1]
    stride = 0
    if nodes > 1:
        stride = offsets[first[spin] + 1] - offsets[first[spin]]
    for k in range(nodes):
        c = coefficients[piece + k * stride]
        even = c[0] + c[1] * u + (c[2] + c[3] * u) * uu
        odd = c[4] + c[5] * u + (c[6] + c[7] * u) * uu
        total += weights[spin, k] * (even + odd * (uu * uu))
    return total


@njit(cache=True, nogil=True)
def _part(arrays: Any, piece: int, energy: float) -> int:
    """The quarter of a piece that holds an energy."""
    place = int(0.5 * _PARTS * (energy - arrays.left[piece]) * arrays.scale[piece])
    return _PARTS * piece + min(max(place, 0), _PARTS - 1)


@njit(cache=True, nogil=True)
def _largest(peaks: Any, first: int, last: int) -> float:
    most = 0.0
    part = first
    while part <= last:
        if part & 15 == 0 and part + 15 <= last:
            most = max(most, peaks.blocks[part >> 4])
            part += 16
        else:
            most = max(most, peaks.parts[part])
            part += 1
    return most


@njit(cache=True, nogil=True)
def row_bounds(arrays: Any, peaks: Any, row: int, low: float, high: float, most: Array) -> int:
    """Upper bounds `most` (L,) of a table row and the L − 1 that follow, between two energies.

    Rows between which a spin interpolates share their mesh. Returns the piece of the lower energy.
    """
    low = min(max(low, arrays.lowest[row]), arrays.highest[row])
    high = min(max(high, arrays.lowest[row]), arrays.highest[row])
    piece = first_piece(arrays, row, low)
    end = arrays.offsets[row + 1] - 1
    beyond = piece
    if piece < end and arrays.left[piece + 1] <= high:
        beyond = first_piece(arrays, row, high)
    first, last = _part(arrays, piece, low), _part(arrays, beyond, high)
    stride = _PARTS * (end + 1 - arrays.offsets[row])
    for k in range(len(most)):
        most[k] = _largest(peaks, first + k * stride, last + k * stride)
    return piece


@njit(cache=True, nogil=True)
def weighted(weights: Array, spin: int, most: Array) -> float:
    """Bound of a rate from bounds of table rows, where negative weights may be left out."""
    total = 0.0
    for k in range(len(most)):
        total += max(weights[spin, k], 0.0) * most[k]
    return total


@njit(cache=True, nogil=True)
def rate_bound(arrays: Any, peaks: Any, spin: int, low: float, high: float, most: Array) -> float:
    """Upper bound of W_i between two energies, field included; `most` (L,) is scratch."""
    row_bounds(arrays, peaks, arrays.first[spin], low, high, most)
    return weighted(arrays.weights, spin, most)
