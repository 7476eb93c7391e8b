"""Kinetic Monte Carlo by thinning: bounds of all rates that hold over a window of the fields.

As long as the fields S_λ = Σ_l g_lλ σ_l stay in a window, the energy of every spin stays in an
interval, over which its rate has a bound. Spins are tried at the rate of their bounds, by a binary
tree of sums, and flip with the share that their true rate has of the bound: exact for any window.
The widest window bounds each rate by its largest value at all (plain rejection), the narrowest by
little more than itself (rejection-free). In between, a chain sees what rejections and new windows
cost it, and narrows or widens its window: by its own past alone, and so this is exact, too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from opendicke.methods.chain_state import LIFE
from opendicke.methods.rate_bounds import rate_from, row_bounds, weighted
from opendicke.methods.streams import uniform, waiting
from opendicke.methods.sum_tree import empty, replace, select, sum_up
from opendicke.model.checks import Array

FINEST = 40
"""Halvings of the widest window."""
PATIENCE = 8.0
"""Rejections, in prices of a new window, after which a chain narrows its window where it is."""
_PRICE, _PRICE_SPIN, _PRICE_UNKNOWN = 1.0, 0.01, 0.1
"""What a window costs, in trials: in any case, for each spin, and where few windows are kept."""
_FEW = 128
_TOGETHER = 64
_BYTES = 2**26
_MOST_ROWS = 4096
SINGLE = 1.0 + 3e-7
"""What rounding to single precision may take off a bound."""
_LEAST = 1e-45


class Workspace(NamedTuple):
    """What chains of one block use in turn: the tree of one, and the bounds of windows seen.

    `leaves`, `sums`, `tree` as in `sum_tree`; `bounds` (W, 2, N), of single precision, over the
    windows ±`cell` (W,) of the halving `level` (W,), with `pieces` (W, 2, N) of the table where
    they begin; `made` (1,) windows computed so far; `order` (N,) spins by size of coupling; `most`
    (L,) scratch.
    """

    leaves: Array
    sums: Array
    tree: Array
    bounds: Array
    pieces: Array
    level: Array
    cell: Array
    made: Array
    order: Array
    most: Array


def workspace(couplings: Array, rows_of: Array, nodes: int) -> Workspace:
    """Empty workspace of a block of chains."""
    spins = len(couplings)
    # A power of two.
    rows = 1 << int(np.clip(_BYTES // (16 * spins), 8, _MOST_ROWS)).bit_length() - 1
    return Workspace(
        *empty(spins),
        np.zeros((rows, 2, spins), dtype=np.float32),
        np.zeros((rows, 2, spins), dtype=np.int32),
        np.full(rows, -1, dtype=np.int64),
        np.zeros(rows, dtype=np.int64),
        np.zeros(1, dtype=np.int64),
        np.lexsort((np.abs(couplings[:, 0]), rows_of)),
        np.zeros(nodes),
    )


@njit(cache=True, nogil=True)
def _compute(arrays, peaks, couplings, strength, own, work, place, width, level, size):  # type: ignore[no-untyped-def]
    """Bounds over the windows ±size of one mode, both signs of a spin.

    Spins of nearly the same |g| that interpolate between the same rows take one search together:
    as many as widen the range of energies by less than a quarter.
    """
    work.level[place], work.cell[place] = level, size
    work.made[0] += 1
    order, most, first = work.order, work.most, arrays.first
    count = len(couplings)
    alike = 1.0 + 0.25 / (size + 1.0)
    start = 0
    while start < count:
        least = abs(couplings[order[start]])
        row, stop = first[order[start]], start + 1
        while (
            stop < count
            and stop < start + _TOGETHER
            and first[order[stop]] == row
            and abs(couplings[order[stop]]) <= alike * least
        ):
            stop += 1
        largest = abs(couplings[order[stop - 1]])
        for side in range(2):
            middle = size * width if side == 0 else -size * width
            # Corners of c·|g|·S, and what c·g² takes off.
            low, high = np.inf, -np.inf
            for g in (least, largest):
                for field in (middle - width, middle + width):
                    energy = strength * g * field
                    low, high = min(low, energy), max(high, energy)
            inner, outer = strength * least * least, strength * largest * largest
            low, high = low - max(inner, outer), high - min(inner, outer)
            piece = row_bounds(arrays, peaks, row, low, high, most)
            for k in range(start, stop):
                spin = order[k]
                bound = weighted(arrays.weights, spin, most)
                into = side if couplings[spin] >= 0.0 else 1 - side
                work.pieces[place, into, spin] = piece
                work.bounds[place, into, spin] = bound * SINGLE + (_LEAST if bound > 0.0 else 0.0)
        start = stop


@njit(inline="always")
def _place(rows, level, size):  # type: ignore[no-untyped-def]
    """Where the bounds of a window belong, `rows` a power of two."""
    mixed = np.uint64(size * 64 + level) * np.uint64(0x9E3779B97F4A7C15)
    return int((mixed >> np.uint64(32)) & np.uint64(rows - 1))


@njit(cache=True, nogil=True)
def _fill(leaves: Array, sums: Array, tree: Array, spins: Array, plus: Array, minus: Array) -> None:
    """The tree over the bounds of all spins."""
    for i in range(len(spins)):
        high, low = plus[i], minus[i]
        leaves[i] = high if spins[i] > 0 else low
    sum_up(leaves, sums, tree)


@njit(cache=True, nogil=True)
def advance_single(arrays, peaks, model, block, work, log, until, factor):  # type: ignore[no-untyped-def]
    """All chains of a block to the time `until`, one mode; a chain whose record is full waits."""
    # Arrays of their own, as tuples of arrays are costly in loops.
    first, weights, offsets = arrays.first, arrays.weights, arrays.offsets
    left, scale, coefficients = arrays.left, arrays.scale, arrays.coefficients
    couplings, own = np.ascontiguousarray(model.couplings[:, 0]), model.own
    tree, bounds, pieces = work.tree, work.bounds, work.pieces
    chains, count = block.spins.shape
    leaves, sums = work.leaves, work.sums
    groups = len(sums)
    most_known = block.known_spins.shape[1]
    rows, levels, cells = len(work.level), work.level, work.cell
    room = log.times.shape[1]
    strength = model.strengths[0]
    span = np.abs(couplings).sum()
    few = rows < _FEW
    price = _PRICE + (_PRICE_UNKNOWN if few else _PRICE_SPIN) * count
    patience = (2.0 if few else PATIENCE) * price
    for chain in range(chains):
        spins, stream = block.spins[chain], block.streams[chain]
        times, flipped = log.times[chain], log.flipped[chain]
        recorded = log.filled[chain]
        total, age = block.sums[chain, 0], block.age[chain]
        level, cell, spent = block.level[chain], block.cell[chain], block.spent[chain]
        known = block.known[chain]
        known_spins, known_rates = block.known_spins[chain], block.known_rates[chain]
        now, due = block.clock[chain], block.due[chain]
        events = trials = windows = 0
        width = span * 2.0**-level
        size = abs(cell)
        place = _place(rows, level, size)
        if levels[place] != level or cells[place] != size:
            _compute(arrays, peaks, couplings, strength, own, work, place, width, level, size)
        plus, minus = (0, 1) if cell >= 0 else (1, 0)
        _fill(leaves, sums, tree, spins, bounds[place, plus], bounds[place, minus])
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
                value = spins[spin]
                energy = strength * couplings[spin] * value * total - own[spin]
                piece = pieces[place, plus if value > 0 else minus, spin]
                rate = rate_from(
                    first, weights, offsets, left, scale, coefficients, spin, piece, energy
                )
                accepted = uniform(stream) * leaves[spin] < rate
            if accepted:
                value = -spins[spin]
                spins[spin] = value
                total += 2.0 * value * couplings[spin]
                events += 1
                if room > 0:
                    times[recorded], flipped[recorded] = now, spin
                    recorded += 1
                age += 1
                if age >= LIFE:
                    total, age = 0.0, 0
                    for i in range(count):
                        total += couplings[i] * spins[i]
                if abs(total - cell * width) > width:
                    moved = True
                    if 2 * spent < price:
                        level = max(0, level - 1)
                    elif spent > 2 * price:
                        level = min(FINEST, level + 1)
                else:
                    side = plus if value > 0 else minus
                    replace(leaves, groups, tree, spin, bounds[place, side, spin])
                    for k in range(known):
                        other = known_spins[k]
                        side = plus if spins[other] > 0 else minus
                        replace(leaves, groups, tree, other, bounds[place, side, other])
                known = 0
            else:
                spent += 1
                if known < most_known:
                    known_spins[known], known_rates[known] = spin, rate
                    known += 1
                    replace(leaves, groups, tree, spin, rate * SINGLE)
                if spent > patience and level < FINEST:
                    level += 1
                    moved = True
            if moved:
                spent = known = 0
                windows += 1
                width = span * 2.0**-level
                cell = int(np.rint(total / width))
                size = abs(cell)
                place = _place(rows, level, size)
                if levels[place] != level or cells[place] != size:
                    _compute(
                        arrays, peaks, couplings, strength, own, work, place, width, level, size
                    )
                plus, minus = (0, 1) if cell >= 0 else (1, 0)
                _fill(leaves, sums, tree, spins, bounds[place, plus], bounds[place, minus])
            due = now + waiting(stream, tree[1] * factor)
        block.sums[chain, 0], block.age[chain] = total, age
        block.level[chain], block.cell[chain], block.spent[chain] = level, cell, spent
        block.known[chain] = known
        block.clock[chain], block.due[chain] = until if due > until else now, due
        block.counts[chain, 0] += events
        block.counts[chain, 1] += trials
        block.counts[chain, 2] += windows
        log.filled[chain] = recorded
