"""A grid of parameters in one compiled program, against a loop, SciPy and diffrax."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from table import Row
from timing import paired, size

import opendicke as od

COUNT, END = size(64, 4), size(100, 5)
STRENGTHS = np.linspace(0.3, 1.5, COUNT)
TIMES = np.linspace(0, END, END + 1)
MODES, FIELD, LOSS = 4, 0.5, 1.0
FREQUENCIES = FIELD * (np.arange(1, MODES + 1) + 1.0)
TOLERANCE, PEER_TOLERANCE = 1e-6, 1e-7
WHAT = f"{COUNT} strengths × {MODES} patterns, t = {END}"


def _random(strength: float) -> od.RandomDicke:
    return od.RandomDicke(
        couplings=od.Binary(strength),
        spins=8,
        modes=MODES,
        frequencies=FREQUENCIES,
        loss=LOSS,
        field=FIELD,
    )


def _together(strengths: np.ndarray) -> np.ndarray:
    experiment = od.Experiment(
        model=_random(1.0),
        state=od.ProductState.pattern(0),
        times=TIMES,
        method=od.MeanField(TOLERANCE),
        observables=["overlap"],
        sweep={"model.couplings.strength": strengths},
        thermodynamic=True,
    )
    return od.run(experiment)["overlap"].values[:, 0, :, 0]


def _one_by_one(strengths: np.ndarray) -> np.ndarray:
    state, method = od.ProductState.pattern(0), od.MeanField(TOLERANCE)
    return np.stack(
        [
            od.solve(_random(g).thermodynamic(), state, TIMES, method, ["overlap"])[
                "overlap"
            ].values[:, 0]
            for g in strengths
        ]
    )


def _folded(strength: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Couplings, weights, start and read-out of the folded equations (2^{M−1} groups)."""
    problem = od.reduce(_random(strength).thermodynamic(), od.ProductState.pattern(0))
    start = np.concatenate([np.zeros(2 * MODES), problem.vectors[:, 0].T.ravel()])
    reading = problem.weights * problem.couplings[:, 0] / strength
    return problem.couplings, problem.weights, start, reading


def _scipy(strengths: np.ndarray, rtol: float = PEER_TOLERANCE) -> np.ndarray:
    """Each point by DOP853, vectorised over groups."""
    rows = []
    rate = 1j * FREQUENCIES + LOSS / 2
    for g in strengths:
        c, w, start, reading = _folded(g)
        k, m = len(w), MODES

        def slope(_: float, y: np.ndarray, c=c, w=w, k=k, m=m) -> np.ndarray:
            a = y[:m] + 1j * y[m : 2 * m]
            sx, sy, sz = y[2 * m :].reshape(3, k)
            phi = 2 * c @ a.real
            da = -rate * a - 1j * ((w * sz) @ c)
            turned = (-2 * phi * sy, 2 * (phi * sx - FIELD * sz), 2 * FIELD * sy)
            return np.concatenate([da.real, da.imag, *turned])

        found = solve_ivp(slope, (0, TIMES[-1]), start, "DOP853", TIMES, rtol=rtol, atol=rtol)
        rows.append(reading @ found.y[2 * m + 2 * k :])
    return np.stack(rows)


def _diffrax(strengths: np.ndarray) -> Callable[[], np.ndarray]:
    """All points by one compiled program, each with its own steps of Dopri8."""
    import diffrax
    import jax
    import jax.numpy as jnp

    m, frequencies, times = MODES, jnp.asarray(FREQUENCIES), jnp.asarray(TIMES)
    packed = [jnp.asarray(np.stack(each)) for each in zip(*map(_folded, strengths), strict=True)]

    def slope(_: Any, y: Any, given: Any) -> Any:
        c, w = given
        re, im = y[:m], y[m : 2 * m]
        sx, sy, sz = y[2 * m :].reshape(3, -1)
        phi = 2 * c @ re
        pull = (w * sz) @ c
        return jnp.concatenate(
            [
                frequencies * im - LOSS / 2 * re,
                -frequencies * re - LOSS / 2 * im - pull,
                -2 * phi * sy,
                2 * (phi * sx - FIELD * sz),
                2 * FIELD * sy,
            ]
        )

    def one(c: Any, w: Any, start: Any, reading: Any) -> Any:
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(slope),
            diffrax.Dopri8(),
            0.0,
            TIMES[-1],
            None,
            start,
            args=(c, w),
            saveat=diffrax.SaveAt(ts=times, fn=lambda _, y, __: reading @ y[-len(reading) :]),
            stepsize_controller=diffrax.PIDController(rtol=PEER_TOLERANCE, atol=PEER_TOLERANCE),
            max_steps=10**6,
        )
        return solution.ys

    every = jax.jit(jax.vmap(one))
    return lambda: np.asarray(every(*packed))


def rows() -> Iterator[Row]:
    """64 coupling strengths, 4 patterns, t = 100, estimated error below 1e-6."""
    import jax

    warnings.simplefilter("ignore", od.ValidityWarning)
    sample = slice(None, None, size(8, 2))
    exact = _scipy(STRENGTHS[sample], 1e-12)
    made = _together(STRENGTHS)[sample]
    ours = float(np.abs(made - exact).max())

    def run() -> np.ndarray:
        return _together(STRENGTHS)

    theirs = float(np.abs(_scipy(STRENGTHS[sample]) - exact).max())
    pair = paired(run, lambda: _scipy(STRENGTHS), 5)
    name = f"DOP853 in a loop, rtol {PEER_TOLERANCE:g}"
    yield Row(WHAT, "one program", name, pair, "scipy", ours, theirs)
    with jax.enable_x64(True):
        together = _diffrax(STRENGTHS)
        theirs = float(np.abs(together()[sample] - exact).max())
        pair = paired(run, together, 5)
    name = f"Dopri8 of all at once, rtol {PEER_TOLERANCE:g}"
    yield Row(WHAT, "one program", name, pair, "diffrax", ours, theirs)
    one = STRENGTHS[-1:]
    pair = paired(lambda: _one_by_one(one), lambda: _scipy(one), 11)
    name = f"DOP853, rtol {PEER_TOLERANCE:g}"
    yield Row(f"one strength × {MODES} patterns, t = {END}", "solve", name, pair, "scipy")
    loop = paired(run, lambda: _one_by_one(STRENGTHS), 5)
    yield Row(WHAT, "one program", "solve() in a loop", loop)
