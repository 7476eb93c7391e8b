"""Kinetic Monte Carlo against a plain n-fold-way loop, and its cost by number of spins."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import njit
from table import Finding, Row
from timing import pair_of, size

from opendicke.methods.chains import ChainBlock, Chains
from opendicke.physics.rate_table import FlipRates, tabulate

CHAINS = size(16, 2)
LARGEST = 9.0
"""g₀ = .9 at 100 spins, 9/√N in general (fiorelli2020 Fig. 2)."""
POINTS = size(2048, 128)
FIELD, FREQUENCY, GAIN = 0.1, 1.0, 1.0


def problem(spins: int, ratio: float) -> tuple[FlipRates, np.ndarray, np.ndarray, np.ndarray]:
    """Rates, couplings, strengths and random configurations, for loss = gain + `ratio`."""
    rng = np.random.default_rng(0)
    couplings = rng.uniform(-1, 1, (spins, 1)) * LARGEST / np.sqrt(spins)
    rates = tabulate(couplings, FREQUENCY, GAIN + ratio, GAIN, FIELD)
    strengths = np.array([16 * FREQUENCY / (4 * FREQUENCY**2 + ratio**2)])
    return rates, couplings, strengths, rng.choice([-1, 1], (CHAINS, spins)).astype(np.int8)


@njit(nogil=True)
def n_fold_way(
    table: Any,
    row: Any,
    lowest: Any,
    density: Any,
    strength: float,
    couplings: Any,
    spins: Any,
    until: float,
    most: int,
    running: Any,
) -> int:
    """The peer: all rates from uniform linear tables for each event, one chain after the other.

    A chain ends at `until` or after `most` events. Returns the number of events.
    """
    chains, count = spins.shape
    last = table.shape[1] - 2
    events = 0
    for chain in range(chains):
        total = 0.0
        for i in range(count):
            total += couplings[i] * spins[chain, i]
        now = 0.0
        for _ in range(most):
            rate = 0.0
            for i in range(count):
                energy = strength * couplings[i] * (spins[chain, i] * total - couplings[i])
                place = (energy - lowest[row[i]]) * density[row[i]]
                k = min(max(int(place), 0), last)
                low, high = table[row[i], k], table[row[i], k + 1]
                rate += low + (place - k) * (high - low)
                running[i] = rate
            now -= np.log(1.0 - np.random.random()) / rate  # noqa: NPY002
            if now > until:
                break
            chosen = np.random.random() * rate  # noqa: NPY002
            i = min(np.searchsorted(running, chosen), count - 1)
            spins[chain, i] = -spins[chain, i]
            total += 2.0 * couplings[i] * spins[chain, i]
            events += 1
    return events


def peer_tables(rates: FlipRates, couplings: np.ndarray) -> tuple[Any, ...]:
    """Uniform tables of the peer: one for each spin, but about 250 at most, of the next |g|."""
    spins = len(couplings)
    order = np.argsort(np.abs(couplings[:, 0]))
    chosen = order[:: max(1, spins // 250)]
    row = np.searchsorted(np.abs(couplings[chosen, 0]), np.abs(couplings[:, 0]), side="right") - 1
    row = np.maximum(row, 0)
    first = rates.arrays.first[chosen]
    low, high = rates.arrays.lowest[first], rates.arrays.highest[first]
    energies = np.linspace(low, high, POINTS, axis=1)
    return rates.evaluate(chosen[:, None], energies), row, low, (POINTS - 1) / (high - low)


class Race:
    """Both samplers in slices of processor time, in turn."""

    def __init__(self, spins: int, ratio: float) -> None:
        rates, self.couplings, self.strengths, self.start = problem(spins, ratio)
        self.made = Chains(rates, self.couplings, self.strengths)
        self.tables = peer_tables(rates, self.couplings)
        self.configurations = self.start.astype(np.int64)
        self.running = np.empty(spins)
        self.peer(1)
        self.made.advance(self.state(), 0.0)
        self.span = 1.0 / self.made.largest_rate

    def state(self) -> ChainBlock:
        """Chains at their start."""
        return self.made.start(self.start, np.array([1, 2], dtype=np.uint32))

    def peer(self, events: int) -> float:
        """Nanoseconds for an event of the peer, which goes on where it was."""
        start = time.process_time()
        arguments = (float(self.strengths[0]), self.couplings[:, 0].copy(), self.configurations)
        made = n_fold_way(*self.tables, *arguments, np.inf, events, self.running)
        return 1e9 * (time.process_time() - start) / made

    def ours(self, state: ChainBlock, events: int) -> float:
        """Nanoseconds for an event, over so many of all chains; those go on where they were."""
        before, start = state.counts.events, time.process_time()
        made = 0
        while made < events:
            self.made.advance(state, float(state.clock.max()) + self.span)
            made = state.counts.events - before
            # Few calls for a slice, and none that is much longer.
            self.span *= 2.0 if made < events / 4 else 1.0
        taken = time.process_time() - start
        if made > 3 * events:
            self.span /= 2.0
        return 1e9 * taken / made


def speed(spins: int, ratio: float, slices: int = 21) -> Row:
    """Events per second and core against the peer, from the start and later."""
    race = Race(spins, ratio)
    state = race.state()
    each = max(1, int(size(2e6, 2e3) / spins / CHAINS))
    started = race.peer(each) / race.ours(state, CHAINS * spins)
    race.ours(state, CHAINS * size(2000, 50))
    slices = size(slices, 1)
    pairs = [(race.ours(state, CHAINS * 500), race.peer(each)) for _ in range(slices)]
    what = (
        f"{spins:,} spins, η = {ratio:g}, {CHAINS} chains: one event "
        f"(over the first {CHAINS * spins:,}: ratio {started:.3g})"
    )
    pair = pair_of([(1e-9 * ours, 1e-9 * peer) for ours, peer in pairs])
    return Row(what, "chains", "plain n-fold way, compiled", pair, "numba", clock="CPU")


def growth() -> Iterator[Finding]:
    """Time of an event from 100 to 100,000 spins, and its exponent."""
    for ratio in (10.0, 0.1):
        times = {}
        for spins in size((10**2, 10**3, 10**4, 10**5), (20, 40)):
            race = Race(spins, ratio)
            state = race.state()
            race.ours(state, CHAINS * size(2000, 50))
            times[spins] = statistics.median(race.ours(state, CHAINS * 500) for _ in range(7))
        fit = np.polyfit(np.log(list(times)), np.log(list(times.values())), 1)[0]
        listed = ", ".join(f"{spins:,}: {value:.3g} ns" for spins, value in times.items())
        yield Finding(f"time of an event by spins, η = {ratio:g}", f"{listed}: N^{fit:.2f}")


def rows() -> Iterator[Row | Finding]:
    """Lines of the tables."""
    for spins in size((100, 10**4), (20,)):
        for ratio in (10.0, 0.1):
            yield speed(spins, ratio)
    yield from growth()
