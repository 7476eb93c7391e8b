"""Phase diagrams against a loop over SciPy, and sums over signs against a matrix product."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp
from table import Row
from timing import pair_of, paired, seconds, size

import opendicke as od
from opendicke.methods.flow import advance, initial
from opendicke.methods.runtime import double_precision
from opendicke.methods.splitting import SCHEMES

SIZE, MODES, DURATION, WINDOW = size((64, 8, 200.0, 50.0), (4, 3, 40.0, 10.0))
STRENGTHS, FIELDS = np.linspace(0.3, 2.0, SIZE), np.linspace(0.1, 1.5, SIZE)
FREQUENCIES, LOSS = 0.5 * (np.arange(1, MODES + 1) + 2), 1.0
ALLOWED = 1e-4
SAMPLE = size(32, 4)


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


def _diagram_row() -> Row:
    diagram = _ours()
    rng = np.random.default_rng(5)
    places = [tuple(rng.integers(0, SIZE, 2)) for _ in range(SAMPLE)]
    settled = [int(diagram["motion"][place]) == int(od.Motion.SETTLED) for place in places]
    points = [_point(STRENGTHS[i], FIELDS[j]) for i, j in places]
    calm = [point for point, still in zip(points, settled, strict=True) if still]
    exact = np.array([_scipy(point, 1e-11) for point in calm])
    found = np.array([float(diagram["overlap"][i, j, 0]) for i, j in places])[settled]
    ours = float(np.abs(found - exact).max(initial=0.0))
    for tolerance in (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6):
        made = np.array([_scipy(point, tolerance) for point in calm])
        theirs = float(np.abs(made - exact).max(initial=0.0))
        if theirs <= ALLOWED:
            break
    timed = []
    for _ in range(size(5, 1)):
        one = seconds(_ours)
        sample = seconds(lambda: [_scipy(point, tolerance) for point in points])
        timed.append((one, sample * SIZE**2 / SAMPLE))
    what = (
        f"{SIZE} × {SIZE} diagram (g₀ × Ω), {MODES} patterns, t = {DURATION:g}; "
        f"errors of {len(calm)} settled points"
    )
    name = f"DOP853 in a loop, rtol {tolerance:g}, {SAMPLE} points scaled up"
    return Row(what, "phase_diagram", name, pair_of(timed), "scipy", ours, theirs)


def _signs_row(modes: int) -> Row:
    """Steps of order 4 for all sign patterns of M modes: factors against the whole product."""
    problem = od.reduce(_random(0.8, 0.5, modes).thermodynamic(), od.ProductState.pattern(0))
    whole = dataclasses.replace(problem, factors=None)
    steps = max(4, size(2**20, 2**10) // 2**modes)

    def task(chosen: od.Problem) -> Any:
        flow = jax.jit(lambda p, s, n: advance(p, s, 0.05, n, SCHEMES[4]))
        with double_precision():
            parameters, state = jax.tree.map(jnp.asarray, initial(chosen))

        def run() -> None:
            with double_precision():
                flow(parameters, state, steps).z.block_until_ready()

        return run

    pair = paired(task(problem), task(whole), 5)
    what = f"{modes} patterns, {len(problem.weights):,} groups, {steps:,} steps of order 4"
    return Row(what, "sums by factors", "product with all rows", pair)


def rows() -> Iterator[Row]:
    """The phase diagram, and one trajectory of many patterns."""
    warnings.simplefilter("ignore", od.ValidityWarning)
    yield _diagram_row()
    for modes in size((4, 8, 12, 16), (4,)):
        yield _signs_row(modes)
