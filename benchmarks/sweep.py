"""A grid of parameters in one compiled program, against a loop and against SciPy."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.integrate import solve_ivp
from timing import paired

import opendicke as od

STRENGTHS = np.linspace(0.3, 1.5, 64)
TIMES = np.linspace(0, 100, 101)
MODES, FIELD, LOSS = 4, 0.5, 1.0
FREQUENCIES = FIELD * (np.arange(1, MODES + 1) + 1.0)
TOLERANCE = 1e-6


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


def _scipy(strengths: np.ndarray, rtol: float = 1e-7) -> np.ndarray:
    """Each point by DOP853 on the folded equations (2^{M−1} groups), vectorised over groups."""
    rows = []
    for g in strengths:
        problem = od.reduce(_random(g).thermodynamic(), od.ProductState.pattern(0))
        c, w, k, m = problem.couplings, problem.weights, problem.groups, MODES
        rate = 1j * FREQUENCIES + LOSS / 2

        def slope(_: float, y: np.ndarray, c=c, w=w, k=k, m=m, rate=rate) -> np.ndarray:
            a = y[:m] + 1j * y[m : 2 * m]
            sx, sy, sz = y[2 * m :].reshape(3, k)
            phi = 2 * c @ a.real
            da = -rate * a - 1j * ((w * sz) @ c)
            turned = (-2 * phi * sy, 2 * (phi * sx - FIELD * sz), 2 * FIELD * sy)
            return np.concatenate([da.real, da.imag, *turned])

        start = np.concatenate([np.zeros(2 * m), problem.vectors[:, 0].T.ravel()])
        found = solve_ivp(slope, (0, TIMES[-1]), start, "DOP853", TIMES, rtol=rtol, atol=rtol)
        rows.append((w * c[:, 0] / g) @ found.y[2 * m + 2 * k :])
    return np.stack(rows)


def rows() -> list[str]:
    """64 coupling strengths, 4 patterns, t = 100, estimated error below 1e-6."""
    warnings.simplefilter("ignore", od.ValidityWarning)
    sample = STRENGTHS[::8]
    exact = _scipy(sample, 1e-12)
    ours = np.abs(_together(sample) - exact).max()
    theirs = np.abs(_scipy(sample) - exact).max()
    note = f"64 strengths × 4 patterns, t = 100 (errors {ours:.1e} and {theirs:.1e})"
    loop = paired(lambda: _together(STRENGTHS), lambda: _one_by_one(STRENGTHS), 3)
    scipy = paired(lambda: _together(STRENGTHS), lambda: _scipy(STRENGTHS), 3)
    return [
        loop.row("64 strengths × 4 patterns, t = 100", "one program", "solve() in a loop"),
        scipy.row(note, "one program", "SciPy DOP853 in a loop"),
    ]
