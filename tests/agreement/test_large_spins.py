"""N equal spins and one mode: mean field's error falls as 1/N, below and above the threshold."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import opendicke as od
from reference_exact import equal_spins_by_qutip

OMEGA, LOSS, FIELD = 1.0, 2.0, 0.5
START = [0.6, 0.0, 0.8]
TIMES = (0.0, 0.5, 1.0, 2.0)
NAMES = ("sx", "sy", "sz", "photons")
BELOW, ABOVE = 0.6, 1.4
"""Coupling over the critical one."""


def equal_spins(spins: int, ratio: float) -> tuple[od.DickeModel, od.ProductState]:
    g = ratio * od.critical_coupling(FIELD, OMEGA, LOSS) / np.sqrt(spins)
    model = od.DickeModel(np.full((spins, 1), g), OMEGA, loss=LOSS, field=FIELD)
    return model, od.ProductState.bloch(START)


def per_spin(ds: Any, spins: int, suffix: str = "") -> np.ndarray:
    """(4, T): the mean spin and the photons per spin."""
    rows = [ds[name + suffix].values / (spins if name == "photons" else 1) for name in NAMES]
    return np.array(rows)


@cache
def answers(spins: int, ratio: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Exact, mean field, truncated Wigner and the latter's standard errors."""
    model, state = equal_spins(spins, ratio)
    exact = od.solve(model, state, TIMES, od.Lindblad(1e-5), NAMES)
    mean = od.solve(model, state, TIMES, od.MeanField(tolerance=1e-8), NAMES, validity="ignore")
    method = od.TruncatedWigner(trajectories=50_000, step=0.1, block=25_000)
    wigner = od.solve(model, state, TIMES, method, NAMES, validity="ignore")
    found = [per_spin(ds, spins) for ds in (exact, mean, wigner)]
    return found[0], found[1], found[2], per_spin(wigner, spins, "_stderr")


def sizes(most: int) -> list[int]:
    return [4 * 2**k for k in range(most) if 4 * 2**k <= most]


def errors(most: int, ratio: float, time: float) -> tuple[np.ndarray, ...]:
    """Lengths of the errors of mean field and truncated Wigner, and of the latter's stderr."""
    at = TIMES.index(time)
    rows = []
    for spins in sizes(most):
        exact, mean, wigner, stderr = answers(spins, ratio)
        rows.append(
            [np.linalg.norm(each[:, at]) for each in (mean - exact, wigner - exact, stderr)]
        )
    return tuple(np.array(rows).T)


@pytest.mark.parametrize(("spins", "levels"), [(4, 16), (8, 20)])
@pytest.mark.parametrize("ratio", [BELOW, ABOVE])
def test_exact_answers_are_what_qutip_finds(spins: int, levels: int, ratio: float) -> None:
    """A spin of length N/2 written by hand."""
    model, _ = equal_spins(spins, ratio)
    written = equal_spins_by_qutip(model, START, TIMES, levels)
    np.testing.assert_allclose(answers(spins, ratio)[0], written, rtol=0, atol=2e-5)


@pytest.mark.parametrize("most", [16, pytest.param(64, marks=pytest.mark.slow)])
@pytest.mark.parametrize("ratio", [BELOW, ABOVE])
def test_mean_field_errs_as_one_over_the_number(ratio: float, most: int) -> None:
    """Error at t = 1 over all of x, y, z and photons per spin: exponent −1 ± .1."""
    mean, wigner, stderr = errors(most, ratio, 1.0)
    slope = np.polyfit(np.log(sizes(most)), np.log(mean), 1)[0]
    assert slope == pytest.approx(-1, abs=0.1)
    # The exponent of the largest sizes is nearer.
    assert np.log2(mean[-1] / mean[-2]) == pytest.approx(-1, abs=0.06)
    assert mean[0] > 0.03
    # Beside it: truncated Wigner, whose error is not seen above its scatter.
    assert (wigner < 4 * stderr).all()
    assert (wigner[:3] < mean[:3] / 3).all()


def test_truncated_wigner_errs_less_and_falls_faster() -> None:
    """Above the threshold at t = 2 its error is seen at 4 spins, a twentieth of mean field's."""
    mean, wigner, stderr = errors(16, ABOVE, 2.0)
    assert 0.02 < wigner[0] < 0.035
    assert wigner[0] > 5 * stderr[0]
    assert (wigner < mean / 10).all()
    assert wigner[1] < wigner[0] / 2
