"""Kinetic Monte Carlo by plain rejection: one bound of each rate for all energies there are.

Spins are tried at the rate of their largest rate at all, from an alias table, and flip with the
share that their rate now has of it. What a trial costs does not grow with the number of spins; it
pays where rates hardly vary, in hot systems whose couplings are of one size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from opendicke.methods.chain_state import LIFE, refresh
from opendicke.methods.rate_bounds import Peaks, first_piece, rate_bound, rate_from
from opendicke.methods.streams import uniform, waiting
from opendicke.model.checks import Array
from opendicke.physics.rate_table import RateArrays


class Alias(NamedTuple):
    """Bounds of all spins (N,), their sum (1,), and the alias table (Walker, Vose).

    A column k in 0..N−1 is chosen uniformly; spin k with probability `keep[k]`, else `other[k]`.
    """

    bounds: Array
    total: Array
    keep: Array
    other: Array


def alias(arrays: RateArrays, peaks: Peaks) -> Alias:
    """The alias table of the largest rates."""
    scratch = np.empty(arrays.weights.shape[1])
    bounds = np.array(
        [rate_bound(arrays, peaks, i, -np.inf, np.inf, scratch) for i in range(len(arrays.first))]
    )
    total = bounds.sum()
    keep, other = np.ones(len(bounds)), np.arange(len(bounds))
    share = bounds * len(bounds) / total if total > 0 else np.ones(len(bounds))
    small = [i for i, x in enumerate(share) if x < 1]
    large = [i for i, x in enumerate(share) if x >= 1]
    while small and large:
        low, high = small.pop(), large.pop()
        keep[low], other[low] = share[low], high
        share[high] -= 1 - share[low]
        (small if share[high] < 1 else large).append(high)
    return Alias(bounds, np.array([total]), keep, other)


@njit(cache=True, nogil=True)
def advance_plain(arrays, alias, model, block, log, until, factor):  # type: ignore[no-untyped-def]
    """All chains of a block to the time `until`; a chain whose record is full waits."""
    first, weights, offsets = arrays.first, arrays.weights, arrays.offsets
    left, scale, coefficients = arrays.left, arrays.scale, arrays.coefficients
    own, strengths, couplings = model.own, model.strengths, model.couplings
    bounds, keep, others = alias.bounds, alias.keep, alias.other
    total = alias.total[0] * factor
    chains, count = block.spins.shape
    modes, room = len(strengths), log.times.shape[1]
    for chain in range(chains):
        spins, stream, totals = block.spins[chain], block.streams[chain], block.sums[chain]
        times, flipped, recorded = log.times[chain], log.flipped[chain], log.filled[chain]
        now, due, age = block.clock[chain], block.due[chain], block.age[chain]
        events = trials = 0
        if np.isnan(due):
            due = now + waiting(stream, total)
        while due <= until and (room == 0 or recorded < room):
            now = due
            trials += 1
            place = uniform(stream) * count
            spin = min(int(place), count - 1)
            if place - spin >= keep[spin]:
                spin = others[spin]
            energy = 0.0
            for mode in range(modes):
                energy += strengths[mode] * couplings[spin, mode] * totals[mode]
            energy = spins[spin] * energy - own[spin]
            piece = first_piece(arrays, first[spin], energy)
            rate = rate_from(
                first, weights, offsets, left, scale, coefficients, spin, piece, energy
            )
            if uniform(stream) * bounds[spin] < rate:
                value = -spins[spin]
                spins[spin] = value
                events += 1
                if room > 0:
                    times[recorded], flipped[recorded] = now, spin
                    recorded += 1
                for mode in range(modes):
                    totals[mode] += 2.0 * value * couplings[spin, mode]
                age += 1
                if age >= LIFE:
                    age = 0
                    refresh(model, block, chain)
            due = now + waiting(stream, total)
        block.age[chain] = age
        block.clock[chain], block.due[chain] = until if due > until else now, due
        block.counts[chain, 0] += events
        block.counts[chain, 1] += trials
        log.filled[chain] = recorded
