"""The rate equation of all configurations against sparse matrices, its memory and its growth.

Times are processor time of all threads: SciPy uses one thread, and so the ratios do not count what
threads gain.
"""

from __future__ import annotations

import statistics
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import expm_multiply
from table import Finding, Row
from timing import Pair, cpu, pair_of, paired, seconds, size

from opendicke.methods.generator import Generator
from opendicke.methods.propagation import expectations, propagate
from opendicke.methods.steady import stationary
from opendicke.physics.rate_table import tabulate

SPINS, END = size((20, 100), (6, 2))
TIMES = np.linspace(0, END, 51)
TOLERANCE = 1e-8
SCIPY = ("scipy", None, None, "CPU")


def generator_of(spins: int, eta: float, seed: int = 0) -> Generator:
    """One mode, ω = gain = 1, loss = 1 + η, field 0.1, couplings uniform in [−3, 3]."""
    g = np.random.default_rng(seed).uniform(-3, 3, (spins, 1))
    table = tabulate(g, 1.0, 1.0 + eta, 1.0, 0.1)
    return Generator.tabulated(table, g, np.array([16 / (4 + eta**2)]))


def down(spins: int) -> Any:
    """All spins down."""
    p = np.zeros(2**spins)
    p[-1] = 1.0
    return p


def sparse(generator: Generator) -> Any:
    """The generator as a sparse matrix, rows of which are where probability goes."""
    spins, size = generator.spins, 2**generator.spins
    here = np.arange(size, dtype=np.int32)
    columns = np.empty((size, spins + 1), np.int32)
    values = np.empty((size, spins + 1))
    for i in range(spins):
        there = here ^ np.int32(1 << (spins - 1 - i))
        half = generator.rates(i)
        columns[:, i] = there
        values[:, i] = np.concatenate([half, half[::-1]])[there]
    columns[:, spins] = here
    values[:, spins] = -np.concatenate([generator.exits, generator.exits[::-1]])
    pointers = np.arange(0, (spins + 1) * size + 1, spins + 1, dtype=np.int32)
    return csr_array((values.ravel(), columns.ravel(), pointers), shape=(size, size))


def once(ours: float, peer: float) -> Pair:
    """One measurement of the peer."""
    return pair_of([(ours, peer)])


def evolution(generator: Generator) -> Iterator[Row]:
    """To t = 100 at 51 times, hot; the same for expectation values alone."""
    start, matrix = down(SPINS), sparse(generator)
    states: list[Any] = []
    thinned = slice(None, None, 997)

    def run() -> None:
        states.clear()
        propagate(generator, start, TIMES, TOLERANCE, lambda k, p: states.append(p[thinned].copy()))

    repeats = size(3, 1)
    propagate(generator, start, TIMES[:2], TOLERANCE, lambda k, p: None)
    ours = statistics.median(seconds(run, cpu) for _ in range(repeats))
    trace = matrix.trace()
    kept: list[Any] = []
    peer = "expm_multiply of the CSR matrix"
    whole = seconds(
        lambda: kept.append(
            expm_multiply(matrix, start, start=0, stop=END, num=51, endpoint=True, traceA=trace)
        ),
        cpu,
    )
    error = float(np.abs(np.array(states) - kept.pop()[:, thinned]).max())
    assert error < TOLERANCE
    what = f"2^{SPINS} configurations, η = 10, 51 times to t = {END}"
    yield Row(f"{what}; they differ by {error:.0e}", "propagate", peer, once(ours, whole), *SCIPY)
    sums = np.zeros(len(start))
    sums[::3] = 1.0
    values = seconds(
        lambda: expectations(generator, start, TIMES, TOLERANCE, lambda p: np.array([sums @ p])),
        cpu,
    )
    yield Row(f"{what}, one mean", "expectations", peer, once(values, whole), *SCIPY)
    last = TIMES[-1:]
    ours = statistics.median(
        seconds(lambda: propagate(generator, start, last, TOLERANCE, lambda k, p: None), cpu)
        for _ in range(repeats)
    )
    other = seconds(lambda: expm_multiply(END * matrix, start, traceA=END * trace), cpu)
    what = f"2^{SPINS} configurations, η = 10, to t = {END} alone"
    yield Row(what, "propagate", peer, once(ours, other), *SCIPY)
    out = np.empty_like(start)
    products = paired(lambda: generator.apply(start, out), lambda: matrix @ start, 5, cpu)
    what = f"2^{SPINS} configurations, one product of generator and vector"
    yield Row(what, "generator", "CSR matrix", products, *SCIPY)


def memory(generator: Generator) -> Finding:
    """Largest memory in use while propagating, in probability vectors beyond the rates."""
    start = down(SPINS)
    tracemalloc.start()
    propagate(generator, start, TIMES[:6], TOLERANCE, lambda k, p: None)
    vectors = tracemalloc.get_traced_memory()[1] / start.nbytes
    tracemalloc.stop()
    # The initial state and the exit rates (half a vector) were there before.
    return Finding(
        f"2^{SPINS} configurations: largest memory while propagating, beyond the rates",
        f"{vectors + 1.5:.2f} vectors of probabilities",
    )


def steady_state() -> Row:
    """Stationary state, cold, in products of the same generator."""
    generator = generator_of(SPINS, 0.1)
    repeats = size(3, 1)
    x = np.random.default_rng(0).random((2, generator.half))
    out = np.empty_like(x)
    found = stationary(generator, 1e-10)
    assert found.converged
    whole = statistics.median(
        seconds(lambda: stationary(generator, 1e-10), cpu) for _ in range(repeats)
    )
    product = statistics.median(
        seconds(lambda: generator.multiply(x, out), cpu) for _ in range(size(20, 1))
    )
    what = f"2^{SPINS} configurations, η = 0.1: stationary, residual {found.residual:.0e}"
    return Row(what, "stationary", "one product", once(whole, product), clock="CPU")


def growth() -> Iterator[Finding]:
    """Products needed at 16 times the time: 4 by the root, 16 by stepping."""
    spins = size(16, 6)
    generator, start = generator_of(spins, 0.1), down(spins)
    counts = []
    ends = size((100.0, 1600.0, 25600.0), (1.0, 16.0))
    for end in ends:
        ended = propagate(generator, start, np.array([end]), TOLERANCE, lambda k, p: None)
        counts.append(f"{ended.products} to t = {end:g}")
    yield Finding(f"2^{spins} configurations, η = 0.1: products needed", ", ".join(counts))


def rows() -> Iterator[Row | Finding]:
    """Lines of the tables."""
    generator = generator_of(SPINS, 10.0)
    yield from evolution(generator)
    yield memory(generator)
    del generator
    yield steady_state()
    yield from growth()
