"""Thinning with bounds over a window of the fields, for several modes; see `windowed`.

A window is a box around the fields that a chain had when it was opened. Boxes do not recur, and so
bounds are made for the spins as they stand, and for a spin that flips when it does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from opendicke.methods.chain_state import LIFE, refresh
from opendicke.methods.rate_bounds import first_piece, rate_bound, rate_from
from opendicke.methods.streams import uniform, waiting
from opendicke.methods.sum_tree import empty, replace, select, sum_up
from opendicke.model.checks import Array

_PRICE, _PRICE_SPIN = 1.0, 0.5
FINEST = 40
"""Halvings of the widest window."""
PATIENCE = 8.0
"""Rejections, in prices of a new window, after which a chain narrows its window where it is."""
SINGLE = 1.0 + 3e-7
"""What rounding to single precision may take off a bound."""


class Box(NamedTuple):
    """Workspace: sums as in `sum_tree`; fields `middle` (N,) in the middle of the box and how far
    energies `reach` (N,) from there; `most` (L,) is scratch.
    """

    leaves: Array
    sums: Array
    tree: Array
    middle: Array
    reach: Array
    most: Array


def workspace(spins: int, nodes: int) -> Box:
    """Empty workspace of a block of chains."""
    return Box(*empty(spins), np.zeros(spins), np.zeros(spins), np.zeros(nodes))


@njit(cache=True, nogil=True)
def _open(arrays, peaks, model, centre, share, spins, work):  # type: ignore[no-untyped-def]
    """The tree of the box of half widths `share` times the largest fields around `centre`."""
    count, modes = model.couplings.shape
    leaves, middle, reach = work.leaves, work.middle, work.reach
    middle[:] = 0.0
    reach[:] = 0.0
    for mode in range(modes):
        row, strength = model.transposed[mode], model.strengths[mode]
        step, wide = strength * centre[mode], abs(strength) * share * np.abs(row).sum()
        for i in range(count):
            middle[i] += step * row[i]
            reach[i] += wide * abs(row[i])
    for i in range(count):
        energy = spins[i] * middle[i] - model.own[i]
        bound = rate_bound(arrays, peaks, i, energy - reach[i], energy + reach[i], work.most)
        leaves[i] = bound * SINGLE
    sum_up(leaves, work.sums, work.tree)


@njit(cache=True, nogil=True)
def advance_many(arrays, peaks, model, block, work, log, until, factor):  # type: ignore[no-untyped-def]
    """All chains of a block to the time `until`; a chain whose record is full waits."""
    first, weights, offsets = arrays.first, arrays.weights, arrays.offsets
    left, scale, coefficients = arrays.left, arrays.scale, arrays.coefficients
    own, strengths, couplings = model.own, model.strengths, model.couplings
    tree, middle, reach = work.tree, work.middle, work.reach
    leaves, groups = work.leaves, len(work.sums)
    chains, count = block.spins.shape
    modes = len(strengths)
    spans = np.empty(modes)
    for mode in range(modes):
        spans[mode] = np.abs(model.transposed[mode]).sum()
    room, most_known = log.times.shape[1], block.known_spins.shape[1]
    price = _PRICE + _PRICE_SPIN * count
    for chain in range(chains):
        spins, stream = block.spins[chain], block.streams[chain]
        totals, centre = block.sums[chain], block.centre[chain]
        times, flipped, recorded = log.times[chain], log.flipped[chain], log.filled[chain]
        level, spent, known = block.level[chain], block.spent[chain], block.known[chain]
        known_spins, known_rates = block.known_spins[chain], block.known_rates[chain]
        now, due, age = block.clock[chain], block.due[chain], block.age[chain]
        events = trials = windows = 0
        share = 2.0**-level
        _open(arrays, peaks, model, centre, share, spins, work)
        for k in range(known):
            replace(leaves, groups, tree, known_spins[k], known_rates[k] * SINGLE)
        if np.isnan(due):
            due = now + waiting(stream, tree[1] * factor)
        while due <= until and (room == 0 or recorded < room):
            now = due
            trials += 1
            spin = select(leaves, groups, tree, uniform(stream) * tree[1])
            moved = accepted = False
            rate = 0.0
            # Round-off may choose an empty leaf beyond the last spin.
            if spin < count:
                energy = 0.0
                for mode in range(modes):
                    energy += strengths[mode] * couplings[spin, mode] * totals[mode]
                energy = spins[spin] * energy - own[spin]
                piece = first_piece(arrays, first[spin], energy)
                rate = rate_from(
                    first, weights, offsets, left, scale, coefficients, spin, piece, energy
                )
                accepted = uniform(stream) * leaves[spin] < rate
            if accepted:
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
                for mode in range(modes):
                    moved |= abs(totals[mode] - centre[mode]) > share * spans[mode]
                if moved:
                    if 2 * spent < price:
                        level = max(0, level - 1)
                    elif spent > 2 * price:
                        level = min(FINEST, level + 1)
                else:
                    for k in range(-1, known):
                        other = spin if k < 0 else known_spins[k]
                        energy = spins[other] * middle[other] - own[other]
                        low, high = energy - reach[other], energy + reach[other]
                        bound = rate_bound(arrays, peaks, other, low, high, work.most) * SINGLE
                        replace(leaves, groups, tree, other, bound)
                known = 0
            else:
                spent += 1
                if known < most_known and spin < count:
                    known_spins[known], known_rates[known] = spin, rate
                    known += 1
                    replace(leaves, groups, tree, spin, rate * SINGLE)
                if spent > PATIENCE * price and level < FINEST:
                    level += 1
                    moved = True
            if moved:
                spent = known = 0
                windows += 1
                share = 2.0**-level
                centre[:] = totals
                _open(arrays, peaks, model, centre, share, spins, work)
            due = now + waiting(stream, tree[1] * factor)
        block.level[chain], block.spent[chain], block.known[chain] = level, spent, known
        block.age[chain] = age
        block.clock[chain], block.due[chain] = until if due > until else now, due
        block.counts[chain, 0] += events
        block.counts[chain, 1] += trials
        block.counts[chain, 2] += windows
        log.filled[chain] = recorded
