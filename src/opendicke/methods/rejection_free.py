"""Kinetic Monte Carlo that looks at all spins for each flip (the n-fold way), without their rates.

All fields are followed from flip to flip. From each energy a small table of single precision gives
an upper bound of the rate, for many spins at once; a spin is chosen by its bound, and flips with
the share that its true rate has of it. Between flips the energies are constant, so that a spin that
was rejected goes on with its true rate: the bounds only need to be cheap.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from opendicke.methods.chain_state import LIFE, refresh
from opendicke.methods.rate_bounds import Peaks, first_piece, rate_from, row_bounds
from opendicke.methods.streams import uniform, waiting
from opendicke.model.checks import Array
from opendicke.physics.rate_table import RateArrays

LANES = 16
"""Spins of one group: those whose numbers leave the same rest by the number of groups."""
_BYTES = 2**24
_MOST_CELLS = 4096
_SINGLE = 1.0 + 1e-6
_LEAST = 1e-45


class Cells(NamedTuple):
    """Upper bounds of table rows on uniform cells of energy, and where each spin finds its own.

    `bounds` (R·C,) over unit field; `start` (N,) first cells; `weights` (L, N), not negative, of
    up to L rows in turn; σ·field·`scale` + `base` (N,) counts cells, `most` = C − 1. All floats
    are of single precision.
    """

    bounds: Array
    start: Array
    weights: Array
    base: Array
    scale: Array
    most: int


class Passes(NamedTuple):
    """Workspace: bounds of all spins (16·G,) and their sums over groups (G,), cells (N,)."""

    leaves: Array
    sums: Array
    found: Array


def cells(arrays: RateArrays, peaks: Peaks, own: Array) -> Cells:
    """Uniform cells as fine as 16 MB of memory allow."""
    rows = len(arrays.lowest)
    # An odd multiple of 16, as rows at a distance of a power of two share their place in caches.
    count = int(np.clip(_BYTES // (4 * rows), 64, _MOST_CELLS)) // 32 * 32 - 16
    bounds = np.empty(rows * count, dtype=np.float32)
    _cover(arrays, peaks, count, bounds)
    low, high = arrays.lowest[arrays.first], arrays.highest[arrays.first]
    scale = count / (high - low)
    return Cells(
        bounds,
        (arrays.first * count).astype(np.uint32),
        np.ascontiguousarray(np.maximum(arrays.weights.T, 0.0).astype(np.float32)),
        (-(own + low) * scale).astype(np.float32),
        scale.astype(np.float32),
        count - 1,
    )


def workspace(spins: int) -> Passes:
    """Empty workspace of a block of chains."""
    groups = -(-spins // LANES)
    return Passes(
        np.zeros(LANES * groups, dtype=np.float32),
        np.zeros(groups),
        np.zeros(spins, dtype=np.uint32),
    )


@njit(cache=True, nogil=True)
def _cover(arrays, peaks, count, bounds):  # type: ignore[no-untyped-def]
    most = np.empty(1)
    for row in range(len(arrays.lowest)):
        low, high = arrays.lowest[row], arrays.highest[row]
        step = (high - low) / count
        # Wider by a little, as single precision may put an energy into the next cell.
        edge = 1e-2 * step
        for k in range(count):
            start = low + k * step
            row_bounds(arrays, peaks, row, start - edge, start + step + edge, most)
            bounds[row * count + k] = most[0] * _SINGLE + (_LEAST if most[0] > 0.0 else 0.0)


@njit(cache=True, nogil=True)
def _locate(spins, fields, base, scale, start, most, found):  # type: ignore[no-untyped-def]
    """The cells of all energies. In a loop of its own, as it works on many spins at once."""
    for i in range(len(spins)):
        place = np.float32(spins[i]) * np.float32(fields[i]) * scale[i] + base[i]
        place = place if place > np.float32(0.0) else np.float32(0.0)
        place = place if place < most else most
        found[i] = start[i] + np.uint32(np.int32(place))


@njit(cache=True, nogil=True)
def _bound(found, bounds, weights, leaves):  # type: ignore[no-untyped-def]
    for i in range(len(found)):
        leaves[i] = weights[i] * bounds[found[i]]


@njit(cache=True, nogil=True)
def _bound_more(found, bounds, weights, shift, leaves):  # type: ignore[no-untyped-def]
    """Adds the bounds of a further node of the table, whose cells are `shift` away."""
    for i in range(len(found)):
        leaves[i] += weights[i] * bounds[found[i] + shift]


@njit(cache=True, nogil=True)
def _sum_groups(leaves: Array, sums: Array) -> float:
    groups = len(sums)
    sums[:] = 0.0
    for lane in range(LANES):
        part = leaves[lane * groups : (lane + 1) * groups]
        for g in range(groups):
            sums[g] += part[g]
    total = 0.0
    for g in range(groups):
        total += sums[g]
    return total


@njit(cache=True, nogil=True)
def advance_free(arrays, cells, model, block, work, log, until, factor):  # type: ignore[no-untyped-def]
    """All chains of a block to the time `until`; a chain whose record is full waits."""
    first, weights, offsets = arrays.first, arrays.weights, arrays.offsets
    left, scale, coefficients = arrays.left, arrays.scale, arrays.coefficients
    own, strengths, pairs = model.own, model.strengths, model.pairs
    couplings, transposed = model.couplings, model.transposed
    bounds, start, shares = cells.bounds, cells.start, cells.weights
    base, density, most = cells.base, cells.scale, cells.most
    last, found = np.float32(most), work.found
    leaves, sums, sums_of_modes = work.leaves, work.sums, block.sums
    groups, nodes = len(sums), len(shares)
    chains, count = block.spins.shape
    modes = len(strengths)
    room, most_known = log.times.shape[1], block.known_spins.shape[1]
    for chain in range(chains):
        spins, fields, stream = block.spins[chain], block.fields[chain], block.streams[chain]
        times, flipped, recorded = log.times[chain], log.flipped[chain], log.filled[chain]
        known = block.known[chain]
        known_spins, known_rates = block.known_spins[chain], block.known_rates[chain]
        now, due, age = block.clock[chain], block.due[chain], block.age[chain]
        events = trials = 0
        fresh = True
        total = 0.0
        while True:
            if fresh:
                _locate(spins, fields, base, density, start, last, found)
                _bound(found, bounds, shares[0], leaves)
                for k in range(1, nodes):
                    _bound_more(found, bounds, shares[k], np.uint32(k * (most + 1)), leaves)
                for k in range(known):
                    leaves[known_spins[k]] = known_rates[k] * _SINGLE
                total = _sum_groups(leaves, sums)
                fresh = False
            if np.isnan(due):
                due = now + waiting(stream, total * factor)
            if due > until or (room > 0 and recorded >= room):
                break
            now = due
            trials += 1
            rest = uniform(stream) * total
            group = 0
            while group < groups - 1 and rest >= sums[group]:
                rest -= sums[group]
                group += 1
            spin = group
            while spin + groups < count and rest >= leaves[spin]:
                rest -= leaves[spin]
                spin += groups
            value = spins[spin]
            energy = value * fields[spin] - own[spin]
            piece = first_piece(arrays, first[spin], energy)
            rate = rate_from(
                first, weights, offsets, left, scale, coefficients, spin, piece, energy
            )
            if uniform(stream) * leaves[spin] < rate:
                spins[spin] = -value
                events += 1
                if room > 0:
                    times[recorded], flipped[recorded] = now, spin
                    recorded += 1
                known = 0
                age += 1
                turn = -2.0 * value
                for mode in range(modes):
                    sums_of_modes[chain, mode] += turn * couplings[spin, mode]
                if age >= LIFE:
                    age = 0
                    refresh(model, block, chain)
                elif len(pairs) > 0:
                    pair = pairs[spin]
                    for i in range(count):
                        fields[i] += turn * pair[i]
                else:
                    for mode in range(modes):
                        step = turn * strengths[mode] * couplings[spin, mode]
                        row = transposed[mode]
                        for i in range(count):
                            fields[i] += step * row[i]
                fresh = True
            elif known < most_known:
                known_spins[known], known_rates[known] = spin, rate
                known += 1
                leaves[spin] = rate * _SINGLE
                part = 0.0
                for place in range(group, len(leaves), groups):
                    part += leaves[place]
                sums[group] = part
                total = 0.0
                for g in range(groups):
                    total += sums[g]
            due = np.nan
        block.age[chain], block.known[chain] = age, known
        block.clock[chain], block.due[chain] = until if due > until else now, due
        block.counts[chain, 0] += events
        block.counts[chain, 1] += trials
        block.counts[chain, 2] += events
        log.filled[chain] = recorded
