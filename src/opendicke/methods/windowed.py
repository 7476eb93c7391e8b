"""Kinetic Monte Carlo of one mode: bounds of all rates over windows of the mode's force.

With one mode a rate depends on g², on the field and on x = ±S alone, S = Σ_l g_l σ_l and the sign
that of g_i σ_i: ε = c(|g|x − g²). So spins of nearly equal |g| and field form a class, the force is
divided into windows that grow with |x|, and one table has a bound of each class in each window,
made from all of its members. A trial takes a class by its bound times its members, then a member,
which flips with the share that its true rate has of the bound: exact for any classes and windows
(composition and rejection). What an event costs depends on the number of classes, which grows as
the logarithm of the number of spins.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from opendicke.methods.chain_state import LIFE
from opendicke.methods.parallel import cores, side_by_side
from opendicke.methods.streams import uniform, waiting
from opendicke.model.checks import Array
from opendicke.physics.rate_table import RateArrays, enclose, look_up

_LANES = 16
"""Classes whose bounds are summed together."""
_MOST_CLASSES = 512
_DEEPEST = 40
"""Octaves of the force from the largest down that are divided into windows."""
_SAFE = 1.0 + 1e-9
"""What rounding of an energy may add to a rate."""
_CHUNK = 512


class Classes(NamedTuple):
    """Classes of spins, windows of the force, and the bounds of every class in every window.

    `member` (N,): class of a spin, −1 for one that never flips; `order` (n,): the others by class,
    class k at `starts[k]` to `starts[k + 1]`; `bounds` (W, K), K padded to full lanes; `lowest`
    (1,): windows grow from 2^lowest on, `parts` (1,) of them an octave; `outer` (1,) per sign.
    """

    member: Array
    order: Array
    starts: Array
    bounds: Array
    lowest: Array
    parts: Array
    outer: Array


class Members(NamedTuple):
    """Who is in which direction: state of the chains of a block beside their spins.

    `order` (B, n): spins by class, those with g σ > 0 first; `where` (B, N): place of a spin in it;
    `up`, `down` (B, K): how many of each class.
    """

    order: Array
    where: Array
    up: Array
    down: Array


def classes(arrays: RateArrays, couplings: Array, strength: float) -> Classes:
    """Classes and bounds for couplings (N,) to one mode of strength c."""
    size = np.abs(couplings)
    share = (arrays.weights != 0.0).any(axis=1) & (size > 0)
    spins = len(couplings)
    parts = 32 if spins <= 2000 else 16 if spins <= 20_000 else 8
    chosen = np.flatnonzero(share)
    if not len(chosen):
        chosen = np.zeros(0, dtype=np.int64)
    fine = parts
    while True:
        keys = _keys(arrays, size, chosen, fine)
        _, place = np.unique(keys, axis=0, return_inverse=True)
        place = np.ravel(place)
        count = int(place.max(initial=-1)) + 1
        if count <= _MOST_CLASSES or fine == 1:
            break
        fine //= 2
    member = np.full(spins, -1, dtype=np.int64)
    member[chosen] = place
    order = chosen[np.argsort(place, kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(place, minlength=count))])
    top = int(np.ceil(np.log2(max(float(size.sum()), 1e-300)))) + 1
    least = float(size[chosen].min(initial=1.0))
    lowest = max(int(np.floor(np.log2(least))) - 2, top - _DEEPEST)
    lowest = min(lowest, top - 1)  # where no spin flips, no coupling says how deep
    outer = (top - lowest) * parts
    edges = _edges(lowest, parts, outer)
    padded = max(_LANES, -(-count // _LANES) * _LANES)
    windows = 2 * outer + 1
    bounds = np.zeros((windows, padded))

    def make(first: int) -> tuple[int, Array]:
        some = order[first : first + _CHUNK]
        lower = int(member[some[0]])
        made = np.zeros((windows, int(member[some[-1]]) - lower + 1))
        _bound(arrays, size, strength, some, member[some] - lower, edges, made)
        return lower, made

    pieces = range(0, len(order), _CHUNK)
    for lower, made in side_by_side(make, pieces, lambda share: None, cores()):
        part = bounds[:, lower : lower + made.shape[1]]
        np.maximum(part, made, out=part)
    # By number of window: the middle one, then outwards to positive and to negative forces.
    bounds = np.concatenate([bounds[outer:], bounds[:outer][::-1]])
    one = np.ones(1, dtype=np.int64)
    return Classes(member, order, starts, bounds * _SAFE, lowest * one, parts * one, outer * one)


def _keys(arrays: RateArrays, size: Array, chosen: Array, fine: int) -> Array:
    """What spins of one class share: |g| and the sum of weights, which holds the field squared."""
    field = np.abs(arrays.weights[chosen].sum(axis=1))
    keys = np.stack([np.log2(size[chosen]) * fine, np.log2(np.maximum(field, 1e-300)) * fine / 2])
    return np.asarray(np.floor(keys + 1e-9).astype(np.int64).T)


def _edges(lowest: int, parts: int, outer: int) -> Array:
    """Edges of all windows, ascending, (2·outer + 2,)."""
    octave, part = np.divmod(np.arange(outer + 1), parts)
    positive = 2.0 ** (lowest + octave) * (1.0 + part / parts)
    return np.concatenate([-positive[::-1], positive])


@njit(cache=True, nogil=True)
def _bound(
    arrays: Any, size: Array, strength: float, some: Array, place: Array, edges: Array, made: Array
) -> None:
    """Largest rates of some spins over all windows, by class."""
    count = len(edges)
    used, upper = np.empty(count), np.empty(count)
    which = np.empty(count, dtype=np.int64)
    for k in range(len(some)):
        spin = some[k]
        g = size[spin]
        # Forces far below |g| change nothing: their windows are taken together.
        filled = 0
        for j in range(count):
            if abs(edges[j]) >= 0.1 * g or j == 0 or j == count - 1:
                which[filled] = j
                used[filled] = strength * (g * edges[j] - g * g)
                filled += 1
        energies = used[:filled][::-1].copy() if strength < 0.0 else used[:filled].copy()
        enclose(arrays, spin, energies, upper)
        for j in range(filled - 1):
            value = upper[filled - 2 - j] if strength < 0.0 else upper[j]
            for window in range(which[j], which[j + 1]):
                made[window, place[k]] = max(made[window, place[k]], value)


@njit(cache=True, nogil=True)
def _window(force: float, lowest: int, parts: int, outer: int) -> int:
    """Number of the window of a force."""
    size = abs(force)
    fraction, exponent = math.frexp(size)
    if size == 0.0 or exponent <= lowest:
        return 0
    number = (exponent - 1 - lowest) * parts + int((2.0 * fraction - 1.0) * parts) + 1
    number = min(number, outer)
    return number if force > 0.0 else outer + number


def members(made: Classes, couplings: Array, spins: Array) -> Members:
    """Who is in which direction, for chains (B, N)."""
    chains, count = spins.shape
    padded = made.bounds.shape[1]
    order = np.empty((chains, len(made.order)), dtype=np.int32)
    where = np.full((chains, count), -1, dtype=np.int32)
    up, down = np.zeros((chains, padded)), np.zeros((chains, padded))
    classed = made.member[made.order]
    for chain in range(chains):
        positive = (spins[chain] * np.sign(couplings) > 0)[made.order]
        order[chain] = made.order[np.lexsort((~positive, classed))]
        where[chain, order[chain]] = np.arange(len(made.order))
        up[chain] = np.bincount(classed[positive], minlength=padded)
        down[chain] = np.bincount(classed[~positive], minlength=padded)
    return Members(order, where, up, down)


@njit(cache=True, nogil=True)
def _lane_sum(shares, lane):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(lane * _LANES, (lane + 1) * _LANES):
        total += shares[k]
    return total


@njit(cache=True, nogil=True)
def advance_single(arrays, made, model, block, work, log, until, factor):  # type: ignore[no-untyped-def]
    """All chains of a block to the time `until`; a chain whose record is full waits."""
    couplings, own = np.ascontiguousarray(model.couplings[:, 0]), model.own
    starts, bounds = made.starts, made.bounds
    lowest, parts, outer = made.lowest[0], made.parts[0], made.outer[0]
    strength, room = model.strengths[0], log.times.shape[1]
    chains, count = block.spins.shape
    padded = bounds.shape[1]
    lanes = padded // _LANES
    shares, sums = np.empty(padded), np.empty(lanes)
    for chain in range(chains):
        spins, stream = block.spins[chain], block.streams[chain]
        order, where = work.order[chain], work.where[chain]
        up, down = work.up[chain], work.down[chain]
        times, flipped, recorded = log.times[chain], log.flipped[chain], log.filled[chain]
        force, age = block.sums[chain, 0], block.age[chain]
        now, due = block.clock[chain], block.due[chain]
        events = trials = windows = 0
        ahead = back = -1
        total = 0.0
        changed = -1
        plus, minus = bounds[0], bounds[0]
        while True:
            # Sums in one order, whatever was known before: stops in between change no bit.
            place = _window(force, lowest, parts, outer)
            if place != ahead or back < 0:
                ahead = place
                back = _window(-force, lowest, parts, outer)
                plus, minus = bounds[ahead], bounds[back]
                for k in range(padded):
                    shares[k] = up[k] * plus[k] + down[k] * minus[k]
                for lane in range(lanes):
                    sums[lane] = _lane_sum(shares, lane)
                windows += 1
                changed = 0
            elif changed >= 0:
                shares[changed] = up[changed] * plus[changed] + down[changed] * minus[changed]
                sums[changed // _LANES] = _lane_sum(shares, changed // _LANES)
            if changed >= 0:
                total = 0.0
                for lane in range(lanes):
                    total += sums[lane]
                changed = -1
            if np.isnan(due):
                due = now + waiting(stream, total * factor)
            if due > until or (room > 0 and recorded >= room):
                break
            now, due = due, np.nan
            trials += 1
            rest = uniform(stream) * total
            lane = 0
            while lane < lanes - 1 and rest >= sums[lane]:
                rest -= sums[lane]
                lane += 1
            chosen = lane * _LANES
            last = chosen + _LANES - 1
            while chosen < last and rest >= shares[chosen]:
                rest -= shares[chosen]
                chosen += 1
            first = up[chosen] * plus[chosen]
            if rest < first:
                bound, low, many = plus[chosen], starts[chosen], up[chosen]
            else:
                rest -= first
                bound, low = minus[chosen], starts[chosen] + int(up[chosen])
                many = down[chosen]
            # Round-off may point behind the last class or its last member.
            if many < 1.0 or bound <= 0.0:
                continue
            spin = order[low + int(min(rest / bound, many - 1.0))]
            energy = strength * couplings[spin] * spins[spin] * force - own[spin]
            if uniform(stream) * bound >= look_up(arrays, spin, energy):
                continue
            value = -spins[spin]
            spins[spin] = value
            force += 2.0 * value * couplings[spin]
            events += 1
            if room > 0:
                times[recorded], flipped[recorded] = now, spin
                recorded += 1
            # It changes places with the one at the border between the directions.
            border = starts[chosen] + int(up[chosen])
            if value * couplings[spin] > 0.0:
                up[chosen] += 1.0
                down[chosen] -= 1.0
            else:
                border -= 1
                up[chosen] -= 1.0
                down[chosen] += 1.0
            other, here = order[border], where[spin]
            order[border], order[here] = spin, other
            where[spin], where[other] = border, here
            changed = chosen
            age += 1
            if age >= LIFE:
                force, age = 0.0, 0
                for i in range(count):
                    force += couplings[i] * spins[i]
        block.sums[chain, 0], block.age[chain] = force, age
        block.clock[chain], block.due[chain] = until if due > until else now, due
        block.counts[chain, 0] += events
        block.counts[chain, 1] += trials
        block.counts[chain, 2] += windows
        log.filled[chain] = recorded
