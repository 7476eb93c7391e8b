r"""Probabilities at later times, by Chebyshev expansion of the propagator.

.. math::
    e^{tL} = \sum_k (2 - \delta_{k0})\, e^{-z} I_k(z)\, T_k(\tilde L), \qquad
    \tilde L = 1 + 2L/\rho, \quad z = \rho t/2

with ρ a bound of the spectral radius: twice the largest exit rate, or better (see `radius`). Where
detailed balance nearly holds, the spectrum of :math:`\tilde L` lies near [−1, 1], the polynomials
stay small, and √(2z ln(1/tolerance)) products suffice. Complex eigenvalues and very uneven
probabilities let the polynomials grow, and rounding with them; their norms are watched, and a step
that would lose the tolerance is repeated in shorter ones. As :math:`\|\tilde L\|_1` is little
larger than 1, growth is at most exponential in z, and short steps always succeed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.special import ive

from opendicke.errors import InputError
from opendicke.methods.generator import Generator, fold, inflow, unfold
from opendicke.methods.generator import memory as generator_memory
from opendicke.methods.steady import stationary
from opendicke.model.checks import Array, affordable

Visit = Callable[[int, Array], None]
"""Called with the number of the output time and the probabilities (2^N,) there."""
Report = Callable[[float, str], None]
"""Called with the fraction done and a short text."""

TOGETHER = 5
"""Output times that share the polynomials of one step, one vector each."""
LONGEST = 1e7
"""Largest z of a step, about 30,000 products."""
FIRST = 100.0
"""Largest z of the first step; a later one may be 15 times as long as all before."""
CLEANING = 10.0
"""z of a step that damps the rounding errors of a long one."""
SHORTEST = 4.0
"""Steps of this z cannot fail: the sum grows by less than e^5, even where the norm of L̃ is 3."""
ROUNDS = 8
"""Products spent on a better bound of the spectral radius, for times long enough."""


class Propagation(NamedTuple):
    """How the probabilities were propagated."""

    products: int
    steps: int
    error: float
    """Estimated error, summed over configurations: truncation and rounding of all steps.

    Where the change has sunk into rounding before the last time, what it might still add up to.
    """
    drift: float
    """Largest deviation of the total probability from 1 before it was put right."""
    lowest: float
    """Most negative probability before it was cut off; 0 if there was none."""


def propagate(
    generator: Generator,
    start: Array,
    elapsed: Array,
    tolerance: float,
    visit: Visit,
    report: Report | None = None,
) -> Propagation:
    """Probabilities at all output times.

    Parameters
    ----------
    generator : Generator
        Of N spins.
    start : array (2^N,)
        Probabilities at time 0.
    elapsed : array (T,)
        Output times from 0, in rising order.
    tolerance : float
        Allowed error, summed over all configurations, at the last time.
    visit
        Called with the number of each output time and the probabilities there, in order. They are
        cut off at zero and sum to 1; the array is used again afterwards.
    report
        Called with the fraction done.

    Returns
    -------
    Propagation
    """
    what = f"the time evolution of 2^{generator.spins} probabilities"
    affordable("model", what, memory(generator.spins))
    run = _Run(generator, start, elapsed, tolerance, report)
    store = np.empty((min(TOGETHER, max(len(elapsed), 1)), 2, generator.half))
    lowest = drift = 0.0
    k = 0
    while k < len(elapsed):
        stop = k + run.group(elapsed[k:])
        ends = run.step(elapsed[k:stop], store)
        for row in range(ends):
            p = _unfolded(store[row])
            total, least = p.sum(), p.min()
            drift, lowest = max(drift, abs(total - 1)), min(lowest, least)
            if least < 0:
                np.maximum(p, 0.0, out=p)
                total = p.sum()
            p /= total
            visit(k + row, p)
        k += ends
    return Propagation(
        generator.products - run.first, run.steps, float(run.error), float(drift), float(lowest)
    )


def expectations(
    generator: Generator,
    start: Array,
    elapsed: Array,
    tolerance: float,
    measure: Callable[[Array], Array],
    report: Report | None = None,
) -> tuple[Array, Propagation]:
    """Expectation values at all output times at the cost of the last one.

    What is linear in the probabilities is evaluated for the polynomials instead, which all times
    share.

    Parameters
    ----------
    generator, start, elapsed, tolerance, report
        As in `propagate`.
    measure
        Values (Q,) of a vector (2^N,), linear in it.

    Returns
    -------
    values : array (T, Q)
        Errors are those of the probabilities times the largest entry of each linear form.
    Propagation
    """
    run = _Run(generator, start, elapsed, tolerance, report)
    store = np.empty((1, 2, generator.half))
    values: list[Array] = []
    while len(values) < len(elapsed):
        values.extend(run.measured(elapsed[len(values) :], store, measure))
    table = np.array(values).reshape(len(elapsed), -1)
    return table, Propagation(generator.products - run.first, run.steps, float(run.error), 0.0, 0.0)


class _Run:
    """The state on its way, and what was spent on it."""

    def __init__(
        self,
        generator: Generator,
        start: Array,
        elapsed: Array,
        tolerance: float,
        report: Report | None,
    ) -> None:
        self.generator, self.report, self.first = generator, report, generator.products
        self.now, self.x = 0.0, fold(np.asarray(start, float))
        self.polynomials = np.empty((2, *self.x.shape))
        self.tolerance = tolerance
        self.end = float(elapsed[-1]) if len(elapsed) else 0.0
        self.rho = 2.0 * float(generator.exits.max())
        if self.rho * self.end > 4 * ROUNDS:
            self.rho = min(self.rho, radius(generator, ROUNDS))
        self.longest, self.settled = LONGEST, False
        self.rounding, self.cleaned = 0.0, False
        self.steps, self.error = 0, 0.0
        # Cost of a step by z, to weigh long steps against vectors.
        self._grid = np.concatenate([[0.0], np.geomspace(1e-6, LONGEST, 80)])
        self._costs = np.array([terms(z, tolerance / 10) for z in self._grid])

    def cost(self, span: float) -> float:
        """Products of a step."""
        return float(np.interp(self.rho * span / 2, self._grid, self._costs))

    def group(self, times: Array) -> int:
        """How many of the next output times to reach in one step: least products for each."""
        count = min(TOGETHER, len(times))
        costs = [self.cost(t - self.now) / (k + 1) for k, t in enumerate(times[:count])]
        return 1 + int(np.argmin(costs))

    def step(self, times: Array, store: Array) -> int:
        """Advance towards some output times; how many were reached, their states in `store`."""
        while True:
            limit = self._limit()
            reached = int((times <= limit).sum())
            spans = (times[:reached] if reached else np.array([limit])) - self.now
            used = store[: len(spans)]
            if self._expand(spans, used, None) is not None:
                self._arrive(spans[-1], used[-1])
                if reached:
                    return reached

    def measured(
        self, times: Array, store: Array, measure: Callable[[Array], Array]
    ) -> list[Array]:
        """Advance towards the last time; the values at the output times reached."""
        while True:
            limit = self._limit()
            reached = int((times <= limit).sum())
            last = reached == len(times)
            ends = times[:reached] if last else np.append(times[:reached], limit)
            values = self._expand(ends - self.now, store[:0] if last else store, measure)
            if values is not None:
                if last:
                    self.steps += 1
                else:
                    self._arrive(ends[-1] - self.now, store[0])
                if reached:
                    return list(values[:reached])

    def _limit(self) -> float:
        """Time that the next step can reach; steps grow by degrees, to notice the end of change."""
        if self.settled or not self.rho:
            return np.inf
        return self.now + min(2 * self.longest / self.rho, max(2 * FIRST / self.rho, 15 * self.now))

    def _arrive(self, span: float, x: Array) -> None:
        self.now += span
        self.x[:] = x
        self.steps += 1
        self._tell(0.0)

    def _tell(self, ahead: float) -> None:
        if self.report is not None and self.end:
            self.report(min((self.now + ahead) / self.end, 1.0), f"step {self.steps}")

    def _expand(
        self, spans: Array, sums: Array, measure: Callable[[Array], Array] | None
    ) -> Array | None:
        """Sums of the expansion for the last spans, one for each of `sums`; None if it failed.

        With `measure` the values at all spans are returned.
        """
        if self.settled:
            return self._unchanged(spans, sums, measure)
        z = self.rho * spans / 2
        share = 0.5 * self.tolerance * max(float(spans[-1]) / max(self.end, 1e-300), 1e-3)
        # Rounding of a short step cannot be as small as its share of a long time.
        allowed = max(share, 0.01 * self.tolerance)
        # Three times the terms that small polynomials need leave room for growing ones.
        count = terms(float(z[-1]), share)
        orders = np.arange(3 * count + 20)
        weights = np.where(orders, 2.0, 1.0) * ive(orders, z[:, None])
        kept = weights[len(spans) - len(sums) :]
        rests = np.cumsum(kept[:, ::-1], axis=1)[:, ::-1]
        tails = np.cumsum(weights[-1, ::-1])[::-1]
        now, before = self.polynomials
        now[:] = self.x
        for row, weight in zip(sums, kept[:, 0], strict=True):
            np.multiply(self.x, weight, out=row)
        values = np.zeros(0) if measure is None else weights[:, :1] * measure(unfold(self.x))
        parts = np.empty((len(self.generator.blocks), 2))
        peak, rounding, norms = 1.0, 0.0, [1.0]
        for k in range(1, len(orders)):
            if tails[k] * peak <= share:
                self.error += float(tails[k]) * peak + rounding
                self.rounding = rounding
                if z[-1] > 0.5 * self.longest and rounding < 0.05 * allowed:
                    self.longest = min(2 * self.longest, LONGEST)
                return values
            # Early times need the lower polynomials only.
            idle = int((rests[:, k] * peak <= 0.01 * share).sum())
            self._polynomial(
                k, now, before, np.ascontiguousarray(kept[idle:, k]), sums[idle:], parts
            )
            now, before = before, now
            norm, change = parts.sum(axis=0)
            norms.append(float(norm))
            peak = max(peak, norms[-1])
            rounding += np.finfo(float).eps * k * float(weights[-1, k]) * peak
            if k == 1:
                change *= self.rho / 2
                if self._settles(float(change)):
                    return self._unchanged(spans, sums, measure)
                noisy = change <= 100 * self.rho * self.rounding
                if noisy and not self.cleaned and z[-1] > CLEANING:
                    # What changes may be no more than what the last step left behind.
                    self.longest, self.cleaned = CLEANING, True
                    return None
                self.cleaned = noisy
            if measure is not None:
                values += weights[:, k, None] * measure(unfold(now))
            if rounding > allowed and z[-1] > SHORTEST:
                break
            if k % 20 == 0:
                self._tell(float(spans[-1]) * min(k / count, 1.0))
        if z[-1] <= SHORTEST:
            self.error += float(tails[-1]) * peak + rounding
            return values
        stable = _stable(np.array(norms), allowed)
        self.longest = max(SHORTEST, min(0.5 * float(z[-1]), stable))
        return None

    def _polynomial(
        self, k: int, now: Array, before: Array, weights: Array, sums: Array, parts: Array
    ) -> None:
        blocks, exits, scale = self.generator.blocks, self.generator.exits, 2 / self.rho
        self.generator.products += 1
        self.generator.spread(
            lambda a, b: _recurrence(
                blocks, exits, now, before, scale, k == 1, weights, sums, parts, a, b
            )
        )

    def _settles(self, change: float) -> bool:
        """Whether nothing happens any more: ‖p(t) − p‖ ≤ t ‖Lp‖ as the propagator contracts.

        A change as small as the rounding of Lp says no more than that: relaxation may go on, too
        slow to be seen. Then the stationary state tells how far away the end can be.
        """
        left = change * (self.end - self.now)
        rounding = 16 * np.finfo(float).eps * self.rho
        self.settled = bool(left <= 0.1 * self.tolerance or change <= rounding)
        if self.settled:
            self.error += min(left, 2.0) if left <= 0.1 * self.tolerance else self._apart(left)
        return self.settled

    def _apart(self, left: float) -> float:
        """Distance from the stationary state, or what is left of the change if that is unknown."""
        try:
            found = stationary(self.generator, max(0.1 * self.tolerance, 1e-11))
        except InputError:  # a spin never flips, or too little memory
            return min(left, 2.0)
        apart = float(np.abs(unfold(self.x) - found.probabilities).sum())
        return min(left, apart) if found.converged else min(left, 2.0)

    def _unchanged(
        self, spans: Array, sums: Array, measure: Callable[[Array], Array] | None
    ) -> Array:
        sums[:] = self.x
        if measure is None:
            return np.zeros(0)
        return np.tile(measure(unfold(self.x)), (len(spans), 1))


def _unfolded(x: Array) -> Array:
    """`unfold` in place: nothing else holds these probabilities."""
    _reverse(x[1])
    return x.reshape(-1)


@njit(cache=True, nogil=True)
def _reverse(row: Array) -> None:
    last = len(row) - 1
    for k in range(len(row) // 2):
        row[k], row[last - k] = row[last - k], row[k]


def _stable(norms: Array, limit: float) -> float:
    """The largest z whose terms, by the norms of the polynomials, keep rounding below a limit."""
    orders = np.arange(len(norms))
    peak = np.maximum.accumulate(norms)
    for z in np.geomspace(LONGEST, SHORTEST, 100):
        sizes = 2 * ive(orders, z) * peak
        rounding = np.finfo(float).eps * (orders * sizes).sum()
        if sizes[-1] <= limit and rounding <= limit / 4:
            return float(z)
    return SHORTEST


def memory(spins: int) -> int:
    """Bytes for N spins: rates and ten vectors, initial and visited probabilities among them."""
    return int(generator_memory(spins) + 10 * 8 * 2**spins)


def radius(generator: Generator, rounds: int) -> float:
    r"""A bound of the spectral radius of the generator, from above.

    .. math::
        \rho(L) \le \rho(|L|) \le \max_\sigma \frac{(|L|x)(\sigma)}{x(\sigma)}
        \quad\text{for all } x > 0

    (Collatz and Wielandt), x from power iteration. Flips change parity, which makes the spectrum of
    −L that of \|L\|: under detailed balance the bound is reached.
    """
    x, flow = np.ones((1, generator.half)), np.empty((1, generator.half))
    least = np.inf
    for _ in range(rounds):
        generator.fluxes(x, flow)
        flow += generator.exits * x
        least = min(least, float((flow / x).max()))
        x = np.maximum(flow / flow.max(), 1e-3)
    return least * (1 + 1e-12)


def terms(z: float, tolerance: float) -> int:
    """Terms of the expansion whose coefficients still matter, where polynomials stay below 1."""
    if z == 0:
        return 1
    level = np.log(4 / tolerance)
    most = int(np.sqrt(2 * z * level) + 2 * level) + 10
    tails = np.cumsum(2 * ive(np.arange(most), z)[::-1])[::-1]
    return int(np.count_nonzero(tails > tolerance)) + 1


# Sums in any order: they steer the steps and enter no probability.
@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _size(v: Array) -> float:
    total = 0.0
    for k in range(len(v)):
        total += abs(v[k])
    return total


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _distance(v: Array, w: Array) -> float:
    total = 0.0
    for k in range(len(v)):
        total += abs(v[k] - w[k])
    return total


@njit(cache=True, nogil=True)
def _recurrence(
    blocks: Array,
    exits: Array,
    now: Array,
    before: Array,
    scale: float,
    first_order: bool,
    weights: Array,
    sums: Array,
    parts: Array,
    first: int,
    last: int,
) -> None:
    """T_{k+1} = 2L̃ T_k − T_{k−1} (T_1 = L̃ T_0) into the place of T_{k−1}, and its share in sums.

    `parts` receives for each block the sums of |T_{k+1}| and, at first order, |T_1 − T_0|.
    """
    size = blocks.shape[2]
    buffer = np.empty((len(now), size))
    for block in range(first, last):
        inflow(blocks, now, block, buffer)
        start = block * size
        total, change = 0.0, 0.0
        for s in range(len(now)):
            p, old = now[s, start : start + size], before[s, start : start + size]
            flow, out = buffer[s], exits[start : start + size]
            if first_order:
                for k in range(size):
                    old[k] = p[k] + scale * (flow[k] - out[k] * p[k])
            else:
                for k in range(size):
                    old[k] = 2.0 * (p[k] + scale * (flow[k] - out[k] * p[k])) - old[k]
            total += _size(old)
            if first_order:
                change += _distance(old, p)
            for t in range(len(sums)):
                into, weight = sums[t, s, start : start + size], weights[t]
                for k in range(size):
                    into[k] += weight * old[k]
        parts[block, 0] = total
        parts[block, 1] = change
