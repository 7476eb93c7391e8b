"""Which rows of couplings have the same rate, and nodes between which many rows interpolate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from opendicke.model.checks import Array
from opendicke.physics.flip_rates import Spectrum
from opendicke.physics.rate_pieces import Pieces, distinguished, fitted, graded
from opendicke.physics.sidebands import lines_of

# Couplings closer than this are equal: what sums of squares lose to round-off.
SAME = 1e-13
# Rates below this part of the largest of their row are not resolved.
FLOOR = 1e-14
# Nodes of a panel; the widest panel in log G, and the narrowest tried for few rows.
ORDER = 8
WIDEST = 0.5
NARROWEST = 1e-3

Mapping = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Rows:
    """Distinct table rows of a model.

    `couplings` (R, K) on modes with `frequencies`, `loss`, `gain` (K,), `owner` (N,) the row of
    each spin or −1 for one without a rate, `reach` (R,) the largest energy of its spins.
    """

    couplings: Array
    frequencies: Array
    loss: Array
    gain: Array
    owner: Array
    reach: Array


def stiffness(frequencies: Array, loss: Array, gain: Array) -> Array:
    """c = 16ω/(4ω² + Γ²), which turns products of couplings into the cost of a flip, (M,)."""
    damping = loss - gain
    size = np.hypot(frequencies, damping / 2)
    return np.asarray(4.0 * (frequencies / size) / size)


def distinct(
    couplings: Array, frequencies: Array, loss: Array, gain: Array, counted: Array
) -> Rows:
    """The rows whose rates differ, for the spins that are `counted` (N,).

    Modes of equal frequency, loss and gain act as one: the rate depends on the sum of the squared
    couplings. Couplings that differ by round-off are equal.
    """
    size = np.abs(couplings)
    others = size.sum(axis=0) - size
    reach = (np.abs(stiffness(frequencies, loss, gain)) * size * others).sum(axis=1)
    kinds, kind = np.unique(np.stack([frequencies, loss, gain]), axis=1, return_inverse=True)
    merged = np.stack(
        [np.linalg.norm(size[:, kind.ravel() == k], axis=1) for k in range(kinds.shape[1])],
        axis=1,
    )
    label = np.stack([_clusters(column) for column in merged.T], axis=1)
    chosen = np.flatnonzero(counted)
    if label.shape[1] == 1:
        label = label[:, 0]
    _, sample, inverse = np.unique(label[chosen], axis=0, return_index=True, return_inverse=True)
    owner = np.full(len(couplings), -1, dtype=np.int64)
    owner[chosen] = inverse.ravel()
    largest = np.zeros(len(sample))
    np.maximum.at(largest, owner[chosen], reach[chosen])
    return Rows(merged[chosen[sample]], kinds[0], kinds[1], kinds[2], owner, largest)


def _clusters(values: Array) -> Array:
    """Number of the cluster of each value, ascending; neighbours within round-off share one."""
    order = np.argsort(values)
    sorted_values = values[order]
    apart = np.diff(sorted_values) > SAME * sorted_values[1:]
    label = np.empty(len(values), dtype=np.int64)
    label[order] = np.append(0, np.cumsum(apart))
    return label


def fitted_rows(rows: Rows, couplings: Array, reach: float, tolerance: float) -> Pieces:
    """The rates over unit field of rows of couplings (C, K) on one mesh, up to energies ±reach."""
    spectra = [Spectrum(row, rows.frequencies, rows.loss, rows.gain) for row in couplings]
    order = np.argsort(np.linalg.norm(couplings, axis=1))
    # The smallest couplings have the narrowest lines, the largest the most.
    extreme = sorted({int(order[0]), int(order[-1])})
    mean, deviation = _envelope(rows, couplings[order[0]])
    wide = reach * (1 + 1e-6) + 1e-6 * deviation
    mesh = _first_mesh([spectra[k] for k in extreme], mean, deviation, wide)
    floors = FLOOR * np.array([spectrum.peak for spectrum in spectra])
    return fitted([spectrum.at for spectrum in spectra], mesh, tolerance, floors)


def _envelope(rows: Rows, row: Array) -> tuple[float, float]:
    """Mean −4Σg²ω/(ω² + Γ²/4) and deviation of the rate as a function of energy.

    They are the first two derivatives of the logarithm of the coherence at t = 0; the variance is
    4Σg²(2n̄ + 1), and 2n̄ + 1 = (loss + gain)/(loss − gain).
    """
    damping = rows.loss - rows.gain
    mean = -np.sum(stiffness(rows.frequencies, rows.loss, rows.gain) * row**2)
    return float(mean), float(np.sqrt(4.0 * np.sum(row**2 * (rows.loss + rows.gain) / damping)))


def _first_mesh(spectra: list[Spectrum], mean: float, deviation: float, wide: float) -> Array:
    """Breakpoints of a first mesh between ±wide, around lines and over the envelope.

    Lines down to the floor are listed: one that lies between the samples would go unnoticed.
    """
    lines = [distinguished(*lines_of(spectrum.bath, FLOOR)) for spectrum in spectra]
    centres, half_widths = (np.concatenate(parts) for parts in zip(*lines, strict=True))
    mesh = graded(-wide, wide, centres, half_widths)
    steps = 2.0 ** np.arange(max(1.0, np.log2((wide + abs(mean)) / deviation)))
    around = mean + deviation * np.concatenate([-steps, [0.0], steps])
    around = around[np.abs(around) < wide]
    # Only where the lines leave gaps wider than the envelope.
    gap = np.diff(mesh)[np.searchsorted(mesh, around, side="right") - 1]
    return np.unique(np.concatenate([mesh, around[gap > deviation]]))


@dataclass(frozen=True)
class Surface:
    """Table rows of a model whose rates depend on one coupling G and the energy alone.

    `groups` hold the couplings (C, 1) and the largest energy of table rows that share a mesh:
    single rows first, then the panels in log G with L Chebyshev points each. `first` and
    `weights` (rows, L) belong to the distinct rows of the model. `error` is the largest estimated
    at the ends and the middle of each panel, relative to the rate.
    """

    groups: list[tuple[Array, float]]
    first: Array
    weights: Array
    nodes: int
    error: float


def one_each(rows: Rows) -> Surface:
    """A table row of its own for every distinct row, each on its own mesh."""
    count = len(rows.couplings)
    groups = [
        (row[None], float(reach)) for row, reach in zip(rows.couplings, rows.reach, strict=True)
    ]
    return Surface(groups, np.arange(count), np.ones((count, 1)), 0, 0.0)


def panels(rows: Rows, tolerance: float, each: Mapping = map, order: int = ORDER) -> Surface:
    """Nodes in log G between which the rates at each energy interpolate to `tolerance`.

    From the largest coupling downwards, each panel is as wide as the error allows. A line of width
    proportional to G² is as smooth in log G at all G: of the shape of sech at a fixed energy.
    Where a panel would serve no more rows than it has nodes, these rows stay single: the smallest
    couplings, where draws are sparse. `each` maps a function over the spectra of one panel.
    """
    position = np.log(rows.couplings[:, 0])
    width, settled = 0.1, np.inf
    single: list[Array] = []
    found: list[tuple[int, int, float, float]] = []
    error = 0.0
    end = len(position)
    while end > 0:
        top = position[end - 1]
        start = int(np.searchsorted(position, top - width))
        few = end - start <= order
        # The width that the error allows changes slowly with G: it need not be tried again
        # where nothing is gained.
        if few and (
            settled - top < 0.5
            or width < NARROWEST
            or end - np.searchsorted(position, top - WIDEST) <= order
        ):
            single.append(np.arange(start, end))
            end = start
            continue
        reach = float(rows.reach[start:end].max())
        excess = _panel_error(rows, top - width / 2, width / 2, reach, tolerance, each, order)
        change = 0.85 * max(excess, 1e-14) ** (-1.0 / order)
        if excess > 1:
            width *= min(max(change, 0.25), 0.9)
            continue
        if few and width < WIDEST and change > 1.2:
            width = min(width * min(change, 2.0), WIDEST)
            continue
        settled = top
        if few:
            continue
        found.append((start, end, top - width / 2, width / 2))
        error = max(error, excess * tolerance)
        end = start
        width = min(width * min(change, 2.0), WIDEST)
    return _surface(rows, single, found, error, order) if found else one_each(rows)


def _panel_error(
    rows: Rows,
    middle: float,
    half: float,
    reach: float,
    tolerance: float,
    each: Mapping,
    order: int,
) -> float:
    """Largest error of a panel at its ends and its middle, in units of what is allowed."""

    def spectrum_at(u: float) -> Spectrum:
        row = np.array([np.exp(middle + half * u)])
        return Spectrum(row, rows.frequencies, rows.loss, rows.gain)

    centre = np.array([np.exp(middle)])
    mean, deviation = _envelope(rows, centre)
    mesh = _first_mesh([spectrum_at(0.0)], mean, deviation, reach + 1e-6 * deviation)
    bulk = mean + deviation * np.linspace(-9.0, 9.0, 91)
    energies = np.concatenate([mesh, (mesh[1:] + mesh[:-1]) / 2, bulk[np.abs(bulk) < reach]])
    between = np.array([-1.0, 0.0 if order % 2 == 0 else np.sin(np.pi / 2 / order), 1.0])

    def values_at(u: float) -> tuple[Array, float]:
        spectrum = spectrum_at(u)
        return spectrum.at(energies), spectrum.peak

    values, peaks = zip(*each(values_at, np.concatenate([_points(order), between])), strict=True)
    nodes, exact = np.stack(values[:order]), np.stack(values[order:])
    error = np.abs(_lagrange(between, order) @ nodes - exact)
    return float((error / np.maximum(tolerance * exact, FLOOR * max(peaks))).max())


def _points(order: int) -> Array:
    """Chebyshev points of the first kind on [−1, 1], descending."""
    return np.asarray(np.cos(np.pi * (np.arange(order) + 0.5) / order))


def _lagrange(u: Array, order: int) -> Array:
    """Weights (len(u), order) of interpolation between Chebyshev points."""
    k = np.arange(1, order)
    angle = np.arccos(np.clip(u, -1.0, 1.0))
    own = np.pi * (np.arange(order) + 0.5) / order
    return np.asarray((1.0 + 2.0 * np.cos(np.outer(angle, k)) @ np.cos(np.outer(k, own))) / order)


def _surface(
    rows: Rows,
    single: list[Array],
    found: list[tuple[int, int, float, float]],
    error: float,
    order: int,
) -> Surface:
    """Table rows, first single ones, then those of the panels."""
    strengths, count = rows.couplings[:, 0], len(rows.couplings)
    first, weights = np.empty(count, dtype=np.int64), np.zeros((count, order))
    alone = np.concatenate([np.zeros(0, dtype=np.int64), *single])
    first[alone] = np.arange(len(alone))
    weights[alone, 0] = 1.0
    groups = [(rows.couplings[row, None], float(rows.reach[row])) for row in alone]
    for start, end, middle, half in found:
        inside = slice(start, end)
        first[inside] = len(alone) + order * (len(groups) - len(alone))
        weights[inside] = _lagrange((np.log(strengths[inside]) - middle) / half, order)
        nodes = np.exp(middle + half * _points(order))
        groups.append((nodes[:, None], float(rows.reach[inside].max())))
    return Surface(groups, first, weights, order * len(found), error)
