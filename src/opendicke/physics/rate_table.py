"""All flip rates of a model as tables, ready for fast look-up (strong coupling, fiorelli2020)."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from math import comb
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from opendicke.errors import InputError, shown
from opendicke.model.checks import (
    Array,
    affordable,
    choice,
    frozen,
    integer,
    numeric_array,
    real,
    vector,
)
from opendicke.model.dicke import spin_table
from opendicke.physics.rate_pieces import DEGREE, Pieces
from opendicke.physics.rate_surface import distinct, fitted_rows, one_each, panels

FORMS = ("auto", "rows", "nodes")
# Distinct rows from which nodes are cheaper than a table row each.
MANY_ROWS = 1000
# Smaller couplings, in units of the modes, make lines whose squared widths are lost.
LEAST = 1e-70
_NO_NODES: dict[str, Any] = {"form": "rows", "nodes": 0, "node_error": 0.0}


class RateArrays(NamedTuple):
    """What the compiled functions read; see `FlipRates`."""

    first: Array
    weights: Array
    offsets: Array
    left: Array
    scale: Array
    coefficients: Array
    extremes: Array
    buckets: Array
    bucket_scale: Array
    lowest: Array
    highest: Array


def _bernstein() -> Array:
    """Matrix from powers of u in [−1, 1] to Bernstein coefficients, which enclose the values."""
    matrix = np.zeros((DEGREE + 1, DEGREE + 1))
    for k in range(DEGREE + 1):
        # u = 2v − 1 with v in [0, 1]; v^m = Σ_j C(j, m)/C(DEGREE, m) B_j.
        for m in range(k + 1):
            power = comb(k, m) * 2.0**m * (-1.0) ** (k - m)
            for j in range(m, DEGREE + 1):
                matrix[j, k] += power * comb(j, m) / comb(DEGREE, m)
    return matrix


_BERNSTEIN = frozen(_bernstein())

# The small functions are inlined by force: handing `arrays` on costs more than they do.


@njit(cache=True, nogil=True, forceinline=True)
def find_piece(arrays: Any, row: int, energy: float) -> int:
    """The piece of a table row that holds an energy; the first or the last one outside."""
    last = arrays.buckets.shape[1] - 2
    bucket = min(last, int((energy - arrays.lowest[row]) * arrays.bucket_scale[row]))
    low = arrays.buckets[row, bucket]
    high = arrays.buckets[row, bucket + 1]
    while low < high:
        middle = (low + high + 1) >> 1
        if arrays.left[middle] <= energy:
            low = middle
        else:
            high = middle - 1
    found: int = low
    return found


@njit(cache=True, nogil=True, forceinline=True)
def _power_sum(coefficients: Array, piece: int, u: float) -> float:
    """A polynomial at u, in pairs: its chain of operations is half as long as Horner's."""
    c = coefficients[piece]
    uu = u * u
    lower = c[0] + c[1] * u + (c[2] + c[3] * u) * uu
    upper = c[4] + c[5] * u + (c[6] + c[7] * u) * uu
    value: float = lower + upper * (uu * uu)
    return value


@njit(cache=True, nogil=True)
def _between(
    coefficients: Array, weights: Array, spin: int, piece: int, stride: int, u: float
) -> float:
    """Weighted sum of the rows between which a spin interpolates; they share their mesh."""
    total = 0.0
    for k in range(weights.shape[1]):
        weight = weights[spin, k]
        if weight != 0.0:
            total += weight * _power_sum(coefficients, piece + k * stride, u)
    sum_of_rows: float = total
    return sum_of_rows


@njit(cache=True, nogil=True, forceinline=True)
def look_up(arrays: Any, spin: int, energy: float) -> float:
    """W_i(ε) of a spin, field included; energies outside the table count as its nearest end."""
    row = arrays.first[spin]
    energy = min(max(energy, arrays.lowest[row]), arrays.highest[row])
    piece = find_piece(arrays, row, energy)
    u = (energy - arrays.left[piece]) * arrays.scale[piece] - 1.0
    if arrays.weights.shape[1] == 1:
        rate = arrays.weights[spin, 0] * _power_sum(arrays.coefficients, piece, u)
    else:
        stride = arrays.offsets[row + 1] - arrays.offsets[row]
        rate = _between(arrays.coefficients, arrays.weights, spin, piece, stride, u)
    clipped: float = max(rate, 0.0)
    return clipped


@njit(cache=True, nogil=True)
def _evaluate(arrays: Any, spins: Array, energies: Array, out: Array) -> None:
    for k in range(len(energies)):
        out[k] = look_up(arrays, spins[k], energies[k])


@njit(cache=True, nogil=True)
def _above(c: Array, a: float, b: float, work: Array) -> float:
    """Largest Bernstein coefficient of a polynomial on a ≤ u ≤ b, and what round-off may add."""
    n = len(c)
    middle, half = 0.5 * (a + b), 0.5 * (b - a)
    for k in range(n):
        work[k] = c[k]
    for k in range(n - 1):
        for j in range(n - 2, k - 1, -1):
            work[j] += middle * work[j + 1]
    power = 1.0
    size = 0.0
    for k in range(n):
        size += abs(c[k])
        work[k] *= power
        power *= half
    most = -np.inf
    for j in range(n):
        value = 0.0
        for k in range(n):
            value += _BERNSTEIN[j, k] * work[k]
        most = max(most, value)
    return most + 1e-14 * size


@njit(cache=True, nogil=True)
def enclose(arrays: Any, spin: int, edges: Array, upper: Array) -> None:
    """Upper bounds (K,) of W_i, field included, on each interval between ascending edges (K + 1,).

    The largest Bernstein coefficient of each piece, or part of a piece, in the interval, of the
    sum over the rows between which the spin interpolates.
    """
    row = arrays.first[spin]
    lowest, highest = arrays.lowest[row], arrays.highest[row]
    end = arrays.offsets[row + 1]
    stride = end - arrays.offsets[row]
    size = arrays.coefficients.shape[1]
    order = arrays.weights.shape[1]
    sum_of_rows, work = np.empty(size), np.empty(size)
    piece = find_piece(arrays, row, min(max(edges[0], lowest), highest))
    known = -1
    for k in range(len(edges) - 1):
        low = min(max(edges[k], lowest), highest)
        high = min(max(edges[k + 1], lowest), highest)
        while piece + 1 < end and arrays.left[piece + 1] <= low:
            piece += 1
        most = 0.0
        current = piece
        while True:
            left, scale = arrays.left[current], arrays.scale[current]
            a = max((low - left) * scale - 1.0, -1.0)
            b = min((high - left) * scale - 1.0, 1.0)
            if known != current:
                for j in range(size):
                    sum_of_rows[j] = 0.0
                for n in range(order):
                    weight = arrays.weights[spin, n]
                    if weight != 0.0:
                        for j in range(size):
                            sum_of_rows[j] += weight * arrays.coefficients[current + n * stride, j]
                known = current
            most = max(most, _above(sum_of_rows, a, max(a, b), work))
            current += 1
            if current >= end or arrays.left[current] > high:
                break
        upper[k] = most


@dataclass(frozen=True, eq=False)
class FlipRates:
    r"""All flip rates of a model, ready for fast look-up.

    .. math::
        W_i(\epsilon) = \max\left(0, \sum_{l<L} w_{il}\,P_{f_i+l}(\epsilon)\right)

    with piecewise polynomials P of one table row each, first rows f and weights w that hold the
    squared field. L is 1 where every distinct row of couplings has a table row of its own.

    Parameters
    ----------
    arrays : RateArrays
        `first` (N,) and `weights` (N, L) of the spins; `lowest`, `highest`, `bucket_scale` (R,)
        of the table rows, in units of energy; pieces `offsets[r]` to `offsets[r + 1]` of row r
        with `left`, `scale` (P,), `coefficients` (P, 8) of powers of
        u = (ε − left)·scale − 1 and `extremes` (P, 2), bounds of each polynomial from below and
        above; `buckets` (R, B + 1): the first piece that touches each of B equal parts of the
        row's range. The L rows of a spin with more than one weight share their mesh.
    report : dict
        What was resolved: `form` ("rows" or, where some spins interpolate, "nodes"), the numbers
        of `rows`, `nodes` among them and `pieces`, the `bytes` of all arrays, and the largest
        errors estimated relative to the rate, `row_error` and `node_error`.
    """

    arrays: RateArrays
    report: dict[str, Any]

    @property
    def spins(self) -> int:
        """Number of spins `N`."""
        return len(self.arrays.first)

    def evaluate(self, spins: Any, energies: Any) -> Array:
        """Rates of spins at energies, field included, in units of energy.

        Parameters
        ----------
        spins : int or array of integers
            Numbers of the spins, broadcast against the energies.
        energies : float or array
            ε, in units of energy. Beyond the range of a spin's row the nearest end counts.

        Raises
        ------
        InputError
            If a spin is unknown or an energy not a finite number.
        """
        energies = numeric_array("energies", energies)
        spins = np.asarray(spins)
        if spins.dtype.kind not in "iu" or (
            spins.size and (spins.min() < 0 or spins.max() >= self.spins)
        ):
            raise InputError(
                "spins", f"be integers from 0 to {self.spins - 1}", f"was {shown(spins)}"
            )
        shape = np.broadcast_shapes(spins.shape, energies.shape)
        flat = np.ascontiguousarray(np.broadcast_to(energies, shape)).ravel()
        who = np.ascontiguousarray(np.broadcast_to(spins.astype(np.int64), shape)).ravel()
        out = np.empty(flat.shape)
        _evaluate(self.arrays, who, flat, out)
        return out.reshape(shape)

    def bounds(self, spin: int, edges: Any) -> Array:
        """Upper bounds of the rate of a spin between neighbouring energies, field included.

        They bound what `evaluate` returns, by the Bernstein coefficients of each piece or part of
        a piece in an interval, and lie little above its largest value there.

        Parameters
        ----------
        spin : int
            Number of the spin.
        edges : array (K + 1,)
            Ascending energies, in units of energy.

        Returns
        -------
        array (K,)
            One bound for each interval.

        Raises
        ------
        InputError
            If the spin is unknown or the edges do not ascend.
        """
        spin = integer("spin", spin)
        if spin >= self.spins:
            raise InputError("spin", f"be below the number of spins ({self.spins})", f"was {spin}")
        edges = numeric_array("edges", edges)
        if edges.ndim != 1 or len(edges) < 2 or (np.diff(edges) < 0).any():
            raise InputError("edges", "be two or more ascending energies", f"was {shown(edges)}")
        upper = np.empty(len(edges) - 1)
        enclose(self.arrays, spin, edges, upper)
        return upper


def tabulate(
    couplings: Any,
    frequencies: Any,
    loss: Any,
    gain: Any,
    field: Any,
    *,
    tolerance: float = 1e-9,
    form: str = "auto",
    workers: int | None = None,
) -> FlipRates:
    r"""Tables of the flip rates of all spins.

    .. math::
        W_i(\epsilon) = 2h_i^2\,\mathrm{Re}\int_0^\infty C_i(t)\,e^{i\epsilon t}\,dt, \qquad
        |\epsilon| \le \sum_\lambda |c_\lambda g_{i\lambda}| \sum_{l\ne i} |g_{l\lambda}|

    with :math:`c_\lambda = 16\omega_\lambda/(4\omega_\lambda^2 + \Gamma_\lambda^2)`. Spins whose
    couplings differ in sign, or among modes of equal frequency, loss and gain in direction only,
    share a table row.

    Parameters
    ----------
    couplings : array (N, M)
        :math:`g_{i\lambda}`, in units of energy.
    frequencies, loss, gain : float or array (M,)
        Of the modes, in units of energy; loss above gain in every mode that couples.
    field : float or array (N,)
        :math:`h_i`, in units of energy. Spins without field have rate 0 and need no row.
    tolerance : float
        Largest error of a table row relative to the rate, and a tenth of that of interpolation
        between nodes. Errors below 1e-14 of the largest rate of a row are not resolved.
    form : {"auto", "rows", "nodes"}
        Whether every distinct row has a table row of its own, or rows interpolate between nodes
        of :math:`(\sum_\lambda g_{i\lambda}^2)^{1/2}`, which needs all coupled modes to have equal
        frequency, loss and gain. Left to itself, more than 1,000 distinct rows make nodes.
    workers : int, optional
        Rows made at a time, by default as many as there are cores. Results do not depend on it.

    Returns
    -------
    FlipRates
        Its `report` says what was resolved.

    Raises
    ------
    InputError
        If shapes disagree, entries are not finite, a mode that couples is not damped, a spin with
        a field couples to no mode, nodes are asked for where modes differ, or the table exceeds
        the memory. Source: fiorelli2020 Eq. (3), for any number of modes.
    """
    couplings = spin_table("couplings", couplings, "mode")
    spins, modes = couplings.shape
    frequencies = vector("frequencies", frequencies, modes, "mode")
    loss, gain = vector("loss", loss, modes, "mode"), vector("gain", gain, modes, "mode")
    field = vector("field", field, spins, "spin")
    tolerance = real("tolerance", tolerance, least=1e-13, most=1e-2)
    choice("form", form, FORMS)
    count = (os.cpu_count() or 1) if workers is None else integer("workers", workers, least=1)
    used = couplings.any(axis=0)
    short = used & (loss <= gain)
    if short.any():
        mode = int(np.argmax(short))
        raise InputError(
            "loss",
            "exceed `gain` in every mode that couples to spins",
            f"mode {mode} has loss={loss[mode]:g}, gain={gain[mode]:g}",
        )
    counted = field != 0
    idle = counted & (np.abs(couplings).max(axis=1) <= LEAST * np.hypot(frequencies, loss).max())
    if idle.any():
        spin = int(np.argmax(idle))
        raise InputError(
            "couplings",
            "couple every spin that has a field to a mode, or its rate would have no width",
            f"those of spin {spin} are at most {np.abs(couplings[spin]).max():g}",
        )
    if not counted.any():
        return _nothing(spins)
    rows = distinct(couplings[:, used], frequencies[used], loss[used], gain[used], counted)
    same = len(rows.frequencies) == 1
    if form == "nodes" and not same:
        raise InputError(
            "form",
            "be `rows` where modes that couple differ in frequency, loss or gain",
            "was `nodes`",
        )
    with ThreadPoolExecutor(count) as pool:
        if form == "nodes" or (form == "auto" and same and len(rows.couplings) > MANY_ROWS):
            surface = panels(rows, 10 * tolerance, pool.map)
        else:
            surface = one_each(rows)
        tables = _in_order(
            pool, lambda group: fitted_rows(rows, group[0], group[1], tolerance), surface.groups
        )
    first = np.where(counted, surface.first[rows.owner], 0)
    weights = surface.weights[rows.owner] * (field**2)[:, None]
    report = {
        "form": "nodes" if surface.nodes else "rows",
        "nodes": surface.nodes,
        "node_error": surface.error,
    }
    return _assembled(first, weights, tables, report)


def _in_order(
    pool: ThreadPoolExecutor, task: Callable[[Any], Pieces], groups: list[Any]
) -> list[Pieces]:
    """Tables in order; refuses once they show that all of them would exceed the memory."""
    results: list[Pieces] = []
    size = 0
    for start in range(0, len(groups), 256):
        for result in pool.map(task, groups[start : start + 256]):
            results.append(result)
            # Twice: the tables, and the arrays into which they are joined.
            size += 2 * (result.coefficients.nbytes + 5 * result.left.nbytes)
        affordable("couplings", "tables of all rates", size * len(groups) // len(results))
    return results


def _assembled(
    first: Array, weights: Array, tables: list[Pieces], report: dict[str, Any]
) -> FlipRates:
    """The arrays of `FlipRates` from tables of one or more rows each."""
    shared = np.array([len(table.coefficients) for table in tables])
    counts = np.repeat([len(table.left) for table in tables], shared)
    offsets = np.append(0, np.cumsum(counts))
    lowest = np.repeat([table.lowest for table in tables], shared)
    highest = np.repeat([table.highest for table in tables], shared)
    # A bucket for each piece, on average, up to a bound.
    parts = int(2 ** np.clip(np.ceil(np.log2(counts.mean())), 3, 10))
    bucket_scale = parts / (highest - lowest)
    buckets = np.empty((len(counts), parts + 1), dtype=np.int32)
    rows = (table for table in tables for _ in table.coefficients)
    for r, (table, (start, end)) in enumerate(zip(rows, pairwise(offsets), strict=True)):
        # The same arithmetic as in the look-up, which is monotonic: no energy is misplaced.
        place = ((table.left[1:] - lowest[r]) * bucket_scale[r]).astype(np.int64)
        place = np.minimum(place, parts - 1)
        buckets[r, :-1] = start + np.searchsorted(place, np.arange(parts), side="left")
        buckets[r, -1] = end - 1
    coefficients = np.concatenate([table.coefficients.reshape(-1, DEGREE + 1) for table in tables])
    enclosing = coefficients @ _BERNSTEIN.T
    slack = 1e-14 * np.abs(coefficients).sum(axis=1)
    arrays = RateArrays(
        first=np.ascontiguousarray(first, dtype=np.int64),
        weights=np.ascontiguousarray(weights, dtype=float),
        offsets=offsets.astype(np.int64),
        left=np.concatenate([np.tile(table.left, len(table.coefficients)) for table in tables]),
        scale=np.concatenate([np.tile(table.scale, len(table.coefficients)) for table in tables]),
        coefficients=coefficients,
        extremes=np.stack([enclosing.min(axis=1) - slack, enclosing.max(axis=1) + slack], axis=1),
        buckets=buckets,
        bucket_scale=bucket_scale,
        lowest=lowest,
        highest=highest,
    )
    return FlipRates(
        arrays,
        {
            **report,
            "rows": len(counts),
            "pieces": int(offsets[-1]),
            "bytes": sum(array.nbytes for array in arrays),
            "row_error": max(table.error for table in tables),
        },
    )


def _nothing(spins: int) -> FlipRates:
    """The table of spins that all lack a field: one row of zeros, of weight zero."""
    empty = Pieces(np.array([-1.0]), np.array([1.0]), np.zeros((1, 1, DEGREE + 1)), -1.0, 1.0, 0.0)
    return _assembled(np.zeros(spins), np.zeros((spins, 1)), [empty], _NO_NODES)
