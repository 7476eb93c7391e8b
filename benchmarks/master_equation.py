"""The rate equation of all configurations against sparse matrices, its memory and its growth.

Times are processor time of all threads: SciPy uses one thread, and so the ratios do not count what
threads gain.
"""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import expm_multiply
from timing import Pair, Task

from opendicke.methods.generator import Generator
from opendicke.methods.propagation import expectations, propagate
from opendicke.methods.steady import stationary
from opendicke.physics.rate_table import tabulate

SPINS = 20
TIMES = np.linspace(0, 100, 51)
TOLERANCE = 1e-8


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


def seconds(task: Task) -> float:
    """Processor time of one call."""
    start = time.process_time()
    task()
    return time.process_time() - start


def single(first: float, second: float) -> Pair:
    """One measurement of each."""
    return Pair(first, second, first / second, first / second, first / second)


def evolution(generator: Generator) -> Iterator[str]:
    """To t = 100 at 51 times, hot; the same for expectation values alone."""
    start, matrix = down(SPINS), sparse(generator)
    states: list[Any] = []
    thinned = slice(None, None, 997)

    def run() -> None:
        states.clear()
        propagate(generator, start, TIMES, TOLERANCE, lambda k, p: states.append(p[thinned].copy()))

    propagate(generator, start, TIMES[:2], TOLERANCE, lambda k, p: None)
    ours = statistics.median(seconds(run) for _ in range(3))
    begun = time.process_time()
    theirs = expm_multiply(
        matrix, start, start=0, stop=100, num=51, endpoint=True, traceA=matrix.trace()
    )
    other = time.process_time() - begun
    assert np.abs(np.array(states) - theirs[:, thinned]).max() < TOLERANCE
    del theirs
    name = f"2^{SPINS} configurations, η = 10, 51 times to t = 100"
    yield single(other, ours).row(name, "CSR and expm_multiply", "propagate")
    sums = np.zeros(len(start))
    sums[::3] = 1.0
    values = seconds(
        lambda: expectations(generator, start, TIMES, TOLERANCE, lambda p: np.array([sums @ p]))
    )
    yield single(other, values).row(name + ", one mean", "CSR and expm_multiply", "expectations")
    end = TIMES[-1:]
    ours = statistics.median(
        seconds(lambda: propagate(generator, start, end, TOLERANCE, lambda k, p: None))
        for _ in range(3)
    )
    other = seconds(lambda: expm_multiply(100 * matrix, start, traceA=100 * matrix.trace()))
    name = f"2^{SPINS} configurations, η = 10, to t = 100 alone"
    yield single(other, ours).row(name, "CSR and expm_multiply", "propagate")
    out = np.empty_like(start)
    theirs_once = statistics.median(seconds(lambda: matrix @ start) for _ in range(5))
    ours_once = statistics.median(seconds(lambda: generator.apply(start, out)) for _ in range(5))
    yield single(theirs_once, ours_once).row("one product", "CSR", "generator")


def memory(generator: Generator) -> str:
    """Largest memory in use while propagating, in probability vectors beyond the rates."""
    start = down(SPINS)
    tracemalloc.start()
    propagate(generator, start, TIMES[:6], TOLERANCE, lambda k, p: None)
    vectors = tracemalloc.get_traced_memory()[1] / start.nbytes
    tracemalloc.stop()
    # The initial state and the exit rates (half a vector) were there before.
    return f"| memory beyond the rates | {vectors + 1.5:.2f} vectors | | |"


def steady_state() -> str:
    """Stationary state, cold, in products of the same generator."""
    generator = generator_of(SPINS, 0.1)
    x = np.random.default_rng(0).random((2, generator.half))
    out = np.empty_like(x)
    found = stationary(generator, 1e-10)
    assert found.converged
    whole = statistics.median(seconds(lambda: stationary(generator, 1e-10)) for _ in range(3))
    once = statistics.median(seconds(lambda: generator.multiply(x, out)) for _ in range(20))
    return single(whole, once).row(
        f"2^{SPINS} configurations, η = 0.1: stationary, residual {found.residual:.0e}",
        "stationary",
        "one product",
    )


def growth() -> Iterator[str]:
    """Products needed at 16 times the time: 4 by the root, 16 by stepping."""
    generator, start = generator_of(16, 0.1), down(16)
    last = 0
    for end in (100.0, 1600.0, 25600.0):
        ended = propagate(generator, start, np.array([end]), TOLERANCE, lambda k, p: None)
        ratio = f"{ended.products / last:.3g}" if last else ""
        what = f"2^16 configurations, η = 0.1, t = {end:g}"
        yield f"| {what} | {ended.products} products | | {ratio} |"
        last = ended.products


def rows() -> Iterator[str]:
    """Lines of the table."""
    generator = generator_of(SPINS, 10.0)
    yield from evolution(generator)
    yield memory(generator)
    del generator
    yield steady_state()
    yield from growth()


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
