r"""The generator of single spin flips over all 2^N configurations, never formed as a matrix.

.. math::
    (Lp)(\sigma) = \sum_i W_i(\sigma^i) p(\sigma^i) - W_i(\sigma) p(\sigma)

with :math:`\sigma^i` the configuration with spin i flipped (fiorelli2020, below Eq. (3)). All
energies are even under the flip of all spins, so the rates of half of the configurations, those
with spin 0 up, are all rates. Probabilities are held *folded*, as an array (2, 2^(N−1)): the
second row belongs to the first with all spins flipped. Then both rows obey the same rates, and
what is even under the global flip needs one row only.

Rates are held in the order in which a product reads them: block by block of configurations, in each
block spin by spin, and for each configuration the rate that leads *into* it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit

from opendicke.errors import InputError
from opendicke.methods.lanes import add_mirrored, add_neighbours
from opendicke.methods.parallel import cores
from opendicke.model.checks import Array, affordable, numeric_array
from opendicke.physics.rate_table import FlipRates, look_up

BLOCK = 512
"""Configurations whose probabilities and flows stay in the innermost cache."""
SMALL = 2**18
"""Rates below which threads cost more than they gain."""


class Generator:
    r"""Rates of all single flips, and products of the generator with probabilities.

    Parameters
    ----------
    rates : array (N, 2^N) or (N, 2^(N−1))
        :math:`W_i(\sigma)` for all configurations, or for those with spin 0 up. Configuration
        :math:`\sum_j b_j 2^{N-1-j}` has :math:`\sigma_j = 1 - 2b_j`.

    Attributes
    ----------
    spins : int
        N.
    half : int
        2^(N−1).
    exits : array (2^(N−1),)
        Σ_i W_i(σ) of the configurations with spin 0 up.
    products : int
        Products made so far.

    Raises
    ------
    InputError
        If the rates are negative, of another shape or differ between configurations that are each
        other's global flip, or if they do not fit into the memory.
    """

    def __init__(self, rates: Any) -> None:
        table = numeric_array("rates", rates)
        spins = len(table) if table.ndim == 2 else 0
        if not spins or table.shape[1] not in (2**spins, 2 ** (spins - 1)):
            raise InputError(
                "rates", "have one row per spin and 2^N or 2^(N−1) columns", f"had {table.shape}"
            )
        if (table < 0).any():
            raise InputError("rates", "not be negative", f"one was {table.min():g}")
        half = 2 ** (spins - 1)
        if table.shape[1] == 2 * half:
            flipped = table[:, half:][:, ::-1]
            if (np.abs(table[:, :half] - flipped) > 1e-12 * table.max()).any():
                raise InputError("rates", "be even under the global flip", "were not")
            table = table[:, :half]
        self._prepare(spins)
        size = self.blocks.shape[2]
        for i in range(spins):
            # The rate into a configuration is that of its neighbour; spin 0's is its mirror image.
            there = table[i, ::-1] if i == 0 else _neighbours(table[i], 1 << (spins - 1 - i))
            self.blocks[:, i, :] = there.reshape(-1, size)
        self._finish()

    @classmethod
    def tabulated(cls, table: FlipRates, couplings: Array, strengths: Array) -> Generator:
        r"""Rates of all configurations from their table.

        .. math::
            \varepsilon_i = \sum_\lambda c_\lambda g_{i\lambda}\sigma_i
                            \sum_{l \ne i} g_{l\lambda}\sigma_l

        Parameters
        ----------
        table : FlipRates
            :math:`W_i(\varepsilon)`, its energies covering those of all configurations.
        couplings : array (N, M)
            :math:`g_{i\lambda}`.
        strengths : array (M,)
            :math:`c_\lambda = 16\omega/(4\omega^2 + \Gamma^2)`.
        """
        self = cls.__new__(cls)
        g, c = np.ascontiguousarray(couplings, float), np.ascontiguousarray(strengths, float)
        self._prepare(len(g))
        self.spread(lambda a, b: _fill(self.blocks, table.arrays, g, c, a, b))
        self._finish()
        return self

    def _prepare(self, spins: int) -> None:
        self.spins, self.half = spins, 2 ** (spins - 1)
        affordable("model", f"the rates of 2^{spins} configurations", memory(spins))
        size = min(self.half, BLOCK)
        self.blocks = np.empty((self.half // size, spins, size))
        self.products = 0
        self._workers = cores()
        self._pool: ThreadPoolExecutor | None = None

    def _finish(self) -> None:
        self.exits = np.empty(self.half)
        self.spread(lambda a, b: gather_exits(self.blocks, self.exits, a, b))

    def spread(
        self, task: Callable[[int, int], Any], count: int | None = None, work: int | None = None
    ) -> None:
        """Run a kernel on blocks (first, last) of all, in threads where the work pays for them."""
        count = len(self.blocks) if count is None else count
        work = self.blocks.size if work is None else work
        if work < SMALL or self._workers == 1:
            task(0, count)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers)
        edges = np.linspace(0, count, min(count, 4 * self._workers) + 1).astype(int)
        for done in [self._pool.submit(task, *pair) for pair in pairwise(edges)]:
            done.result()

    def frozen(self) -> list[int]:
        """Spins that never flip."""
        return [i for i in range(self.spins) if not self.blocks[:, i, :].any()]

    def rates_into(self, spin: int) -> Array:
        """W_i(σ^i), the rates into the configurations with spin 0 up, (2^(N−1),)."""
        return np.ascontiguousarray(self.blocks[:, spin, :]).ravel()

    def rates(self, spin: int) -> Array:
        """W_i(σ) of one spin for the configurations with spin 0 up, (2^(N−1),)."""
        into = self.rates_into(spin)
        return into[::-1].copy() if spin == 0 else _neighbours(into, 1 << (self.spins - 1 - spin))

    def multiply(self, x: Array, out: Array) -> Array:
        """L x for folded x (2, 2^(N−1)), or (1, 2^(N−1)) for what is even; returns `out`."""
        self.products += 1
        self.spread(lambda a, b: _product(self.blocks, self.exits, x, out, a, b))
        return out

    def apply(self, p: Array, out: Array | None = None) -> Array:
        """L p for p (2^N,) in the order of the configurations."""
        out = np.empty_like(p) if out is None else out
        folded = np.empty((2, self.half))
        out[:] = unfold(self.multiply(fold(p), folded))
        return out

    def fluxes(self, x: Array, into: Array) -> Array:
        """Flow Σ_i W_i(σ^i) x(σ^i) into every configuration, x folded; returns `into`."""
        self.products += 1
        self.spread(lambda a, b: _product(self.blocks, None, x, into, a, b))
        return into


def memory(spins: int) -> int:
    """Bytes of the rates of 2^N configurations."""
    return int(8 * (spins + 1) * 2 ** (spins - 1))


def fold(p: Array) -> Array:
    """Probabilities (2^N,) as (2, 2^(N−1)), a copy."""
    half = len(p) // 2
    return np.stack([p[:half], p[half:][::-1]])


def unfold(x: Array) -> Array:
    """The inverse of `fold`; what has one row is even."""
    return np.concatenate([x[0], x[-1][::-1]])


def _neighbours(values: Array, bit: int) -> Array:
    """values[c ^ bit] for all c."""
    return np.ascontiguousarray(values.reshape(-1, 2, bit)[:, ::-1]).ravel()


@njit(cache=True, nogil=True)
def _fill(blocks: Array, arrays: Any, g: Array, c: Array, first: int, last: int) -> None:
    """Rates into every configuration; the flip back costs the opposite energy."""
    _, spins, size = blocks.shape
    modes = len(c)
    sigma, total = np.empty(spins), np.empty(modes)
    for block in range(first, last):
        for k in range(size):
            total[:] = 0.0
            for i in range(spins):
                bit = ((block * size + k) >> (spins - 1 - i)) & 1
                sigma[i] = 1.0 - 2.0 * bit
                for m in range(modes):
                    total[m] += g[i, m] * sigma[i]
            for i in range(spins):
                energy = 0.0
                for m in range(modes):
                    energy += c[m] * g[i, m] * (sigma[i] * total[m] - g[i, m])
                blocks[block, i, k] = look_up(arrays, i, -energy)


@njit(cache=True, nogil=True)
def gather_exits(blocks: Array, exits: Array, first: int, last: int) -> None:
    """Σ_i W_i(σ) of every configuration, gathered from the rates into its neighbours."""
    count, spins, size = blocks.shape
    for block in range(first, last):
        out = exits[block * size : (block + 1) * size]
        mirror = blocks[count - 1 - block, 0]
        for k in range(size):
            out[k] = mirror[size - 1 - k]
        for i in range(1, spins):
            bit = 1 << (spins - 1 - i)
            if bit >= size:
                w = blocks[block ^ (bit // size), i]
                for k in range(size):
                    out[k] += w[k]
            else:
                w = blocks[block, i]
                for k in range(size):
                    out[k] += w[k ^ bit]


@njit(cache=True, nogil=True)
def inflow(blocks: Array, x: Array, block: int, buffer: Array) -> None:
    """Σ_i W_i(σ^i) x(σ^i) for one block of configurations, one row of `buffer` per sector."""
    count, spins, size = blocks.shape
    sectors = len(buffer)
    start = block * size
    buffer[:, :] = 0.0
    for i in range(1, spins):
        bit = 1 << (spins - 1 - i)
        far, near = start ^ (bit & -size), bit & (size - 1)
        for s in range(sectors):
            add_neighbours(blocks[block, i], x[s, far : far + size], buffer[s], near)
    # Spin 0 is + in every stored configuration: its flip is followed by the global one.
    first = (count - 1) * size - start
    for s in range(sectors):
        add_mirrored(blocks[block, 0], x[sectors - 1 - s, first : first + size], buffer[s])


@njit(cache=True, nogil=True)
def _product(
    blocks: Array, exits: Array | None, x: Array, out: Array, first: int, last: int
) -> None:
    size = blocks.shape[2]
    buffer = np.empty((len(x), size))
    for block in range(first, last):
        inflow(blocks, x, block, buffer)
        start = block * size
        for s in range(len(x)):
            if exits is None:
                out[s, start : start + size] = buffer[s]
            else:
                for k in range(size):
                    out[s, start + k] = buffer[s, k] - exits[start + k] * x[s, start + k]
