"""Phase diagrams against a loop over SciPy, and sums over signs against a matrix product."""

from __future__ import annotations

import dataclasses
import statistics
import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp
from timing import Pair, paired, seconds

import opendicke as od
from opendicke.methods.flow import advance, initial
from opendicke.methods.runtime import double_precision
from opendicke.methods.splitting import SCHEMES

SIZE, MODES, DURATION, WINDOW = 64, 8, 200.0, 50.0
STRENGTHS, FIELDS = np.linspace(0.3, 2.0, SIZE), np.linspace(0.1, 1.5, SIZE)
FREQUENCIES, LOSS = 0.5 * (np.arange(1, MODES + 1) + 2), 1.0
ALLOWED = 1e-4
SAMPLE = 32


def _random(strength: float, field: float, modes: int = MODES) -> od.RandomDicke:
    return od.RandomDicke(
        od.Binary(float(strength)),
        spins=8,
        modes=modes,
        frequencies=0.5 * (np.arange(1, modes + 1) + 2),
        loss=LOSS,
        field=float(field),
    )


def _ours() -> Any:
    sweep = {"model.couplings.strength": STRENGTHS, "model.field": FIELDS}
    state = od.ProductState.pattern(0)
    return od.phase_diagram(_random(1.0, 1.0), state, sweep, DURATION, tolerance=ALLOWED)


class Point(NamedTuple):
    """Everything that a loop over SciPy needs to know about one point of the diagram."""

    pull: np.ndarray
    turn: np.ndarray
    field: float
    start: np.ndarray
    reading: np.ndarray


def _point(strength: float, field: float) -> Point:
    """The folded equations of one point, prepared beforehand: preparing is not timed."""
    problem = od.reduce(_random(strength, field).thermodynamic(), od.ProductState.pattern(0))
    spins = problem.vectors[:, 0].T.ravel()
    pull = problem.weights[:, None] * problem.couplings
    start = np.concatenate([np.zeros(2 * MODES), spins])
    return Point(
        pull, np.ascontiguousarray(2 * problem.couplings), field, start, pull[:, 0] / strength
    )


def _scipy(point: Point, tolerance: float) -> float:
    """Time average of |ξ| over the last window by DOP853, all groups vectorised."""
    m, k = MODES, len(point.reading)
    pull, turn, field = point.pull, point.turn, point.field
    rate = 1j * FREQUENCIES + LOSS / 2

    def slope(_: float, y: np.ndarray) -> np.ndarray:
        x, s, z = y[2 * m : 2 * m + k], y[2 * m + k : 2 * m + 2 * k], y[2 * m + 2 * k :]
        phi = turn @ y[:m]
        a = -rate * (y[:m] + 1j * y[m : 2 * m]) - 1j * (z @ pull)
        result = np.empty_like(y)
        result[:m], result[m : 2 * m] = a.real, a.imag
        result[2 * m : 2 * m + k] = -2 * phi * s
        result[2 * m + k : 2 * m + 2 * k] = 2 * (phi * x - field * z)
        result[2 * m + 2 * k :] = 2 * field * s
        return result

    times = np.linspace(DURATION - WINDOW, DURATION, 65)[1:]
    found = solve_ivp(
        slope, (0, DURATION), point.start, "DOP853", times, rtol=tolerance, atol=tolerance
    )
    return float(np.abs(point.reading @ found.y[2 * m + 2 * k :]).mean())


def _diagram_row() -> str:
    diagram = _ours()
    rng = np.random.default_rng(5)
    places = [tuple(rng.integers(0, SIZE, 2)) for _ in range(SAMPLE)]
    settled = [int(diagram["motion"][place]) == int(od.Motion.SETTLED) for place in places]
    points = [_point(STRENGTHS[i], FIELDS[j]) for i, j in places]
    calm = [point for point, still in zip(points, settled, strict=True) if still]
    exact = np.array([_scipy(point, 1e-11) for point in calm])
    found = np.array([float(diagram["overlap"][i, j, 0]) for i, j in places])[settled]
    ours = np.abs(found - exact).max()
    for tolerance in (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6):
        theirs = np.abs(np.array([_scipy(point, tolerance) for point in calm]) - exact).max()
        if theirs <= ALLOWED:
            break
    timed = []
    for _ in range(5):
        one = seconds(_ours)
        sample = seconds(lambda: [_scipy(point, tolerance) for point in points])
        timed.append((one, sample * SIZE**2 / SAMPLE))
    ratios = [a / b for a, b in timed]
    pair = Pair(
        statistics.median(a for a, _ in timed),
        statistics.median(b for _, b in timed),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
    )
    shown = f"1/{1 / pair.ratio:.3g} (1/{1 / pair.least:.3g}–1/{1 / pair.most:.3g})"
    return (
        f"| 64 × 64 diagram (g₀ × Ω), 8 patterns, t = 200; errors {ours:.1e} and {theirs:.1e} of "
        f"{len(calm)} settled points | phase_diagram: {pair.first:.3g} s | DOP853 loop at "
        f"{tolerance:.0e}, {SAMPLE} points scaled up: {pair.second:.3g} s | {shown} |"
    )


def _signs_row(modes: int) -> str:
    """Steps of order 4 for all sign patterns of M modes: factors against the whole product."""
    problem = od.reduce(_random(0.8, 0.5, modes).thermodynamic(), od.ProductState.pattern(0))
    whole = dataclasses.replace(problem, factors=None)
    steps = max(4, 2**20 // 2**modes)

    def task(chosen: od.Problem) -> Any:
        flow = jax.jit(lambda p, s, n: advance(p, s, 0.05, n, SCHEMES[4]))
        with double_precision():
            parameters, state = jax.tree.map(jnp.asarray, initial(chosen))

        def run() -> None:
            with double_precision():
                flow(parameters, state, steps).z.block_until_ready()

        return run

    pair = paired(task(problem), task(whole), 5)
    name = f"{modes} patterns, {len(problem.weights):,} groups, {steps} steps of order 4"
    return pair.row(name, "sums by factors", "product with all rows")


def rows() -> list[str]:
    """The phase diagram, and one trajectory of many patterns."""
    warnings.simplefilter("ignore", od.ValidityWarning)
    return [_diagram_row(), *(_signs_row(modes) for modes in (4, 8, 12, 16))]
