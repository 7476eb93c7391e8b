"""Quadratures at any angle, a e^{−iθ} + a† e^{iθ}, by the methods that are not exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.measure.observables import find_observables
from opendicke.methods.populations import Readout

ANGLES = (0.7, -2.4)
WEIGHTS = [1.0, -2.0, 0.5, 0.3]
SHIFT = np.array([0.6 - 0.3j, -0.4 + 0.9j, 0.2j, 0.8])
Z = np.array([1.0, -1.0])
TIMES = np.array([0.0, 0.4, 1.7])
# Three equal modes and two spins: one of them is dark. Spins without a field keep their z, and
# push the modes with a constant force.
MODEL = od.DickeModel(
    [[0.3, -0.5, 0.2, 0.4], [0.4, 0.1, -0.6, -0.3]],
    frequencies=[1.1, 1.1, 1.1, -1.3],
    loss=[0.6, 0.6, 0.6, 0.9],
    gain=[0.1, 0.1, 0.1, 0.0],
)
RATE = MODEL.damping / 2 + 1j * MODEL.frequencies


@pytest.fixture
def asked(registry: dict[str, Any]) -> list[str]:
    """Every mode at all angles, and a weighted sum of them."""
    names = []
    for number, angle in enumerate(ANGLES):
        names += [f"mode_at_{number}", f"sum_at_{number}"]
        od.observable(names[-2], dims=("mode",))(lambda _, at=angle: od.QuadratureTerm(None, at))
        od.observable(names[-1])(lambda _, at=angle: od.QuadratureTerm(WEIGHTS, angle=at))
    return names


def amplitudes() -> np.ndarray:
    """ȧ = −(Γ/2 + iω) a − i Σ g z, solved by hand, (T, M)."""
    rest = -1j * (Z @ MODEL.couplings) / RATE
    return rest + (SHIFT - rest) * np.exp(-RATE * TIMES[:, None])


def assert_quadratures(found: Any, a: np.ndarray, **close: float) -> None:
    for number, angle in enumerate(ANGLES):
        expected = 2 * (a * np.exp(-1j * angle)).real
        np.testing.assert_allclose(found[f"mode_at_{number}"], expected, **close)
        total = expected @ WEIGHTS
        np.testing.assert_allclose(found[f"sum_at_{number}"], total, **close)


STATE = od.ProductState.configuration(Z, displacement=SHIFT, occupation=0.7)


def test_mean_field(asked: list[str]) -> None:
    method = od.MeanField(tolerance=1e-10)
    found = od.solve(MODEL, STATE, TIMES, method, asked, validity="ignore")
    assert_quadratures(found, amplitudes(), rtol=1e-9, atol=1e-9)


def test_truncated_wigner(asked: list[str]) -> None:
    method = od.TruncatedWigner(trajectories=4000, step=0.5)  # exact where there is no field
    found = od.solve(MODEL, STATE, TIMES, method, asked, validity="ignore")
    for number, angle in enumerate(ANGLES):
        exact = 2 * (amplitudes() * np.exp(-1j * angle)).real
        for name, expected in ((f"mode_at_{number}", exact), (f"sum_at_{number}", exact @ WEIGHTS)):
            apart = found[name] - expected
            assert np.abs(apart / found[f"{name}_stderr"]).max() < 4.5


def test_stationary_bosons_of_configurations(asked: list[str]) -> None:
    """a = −iS/(Γ/2 + iω) for the force S of the spins, as the rate equation reads modes."""
    sigma = np.array([[1, -1], [-1, -1]])
    found = Readout(MODEL, find_observables(asked)).values(sigma)
    assert_quadratures(found, -1j * (sigma @ MODEL.couplings) / RATE, rtol=1e-13)


@pytest.mark.parametrize(
    "make",
    [
        lambda: od.QuadratureTerm(angle="half"),
        lambda: od.QuadratureTerm(angle=np.nan),
        lambda: od.QuadratureTerm(angle=np.inf),
        lambda: od.QuadratureTerm(angle=[0.0, 1.0]),
    ],
)
def test_bad_angles(make: Callable[[], Any]) -> None:
    with pytest.raises(od.InputError, match="Argument `angle` must be"):
        make()
