"""Classical spins and modes that couple, against integrals over the sphere and simulations."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.integrate import dblquad

import opendicke as od
from opendicke.physics.coupled_paramagnet import coupled_paramagnet
from opendicke.physics.paramagnet import (
    classical_paramagnet_polarization,
    classical_paramagnet_temperature,
)


@pytest.mark.parametrize(
    ("sigma", "alpha", "frequency", "field"),
    [(0.7, 10.0, 2.0, 1.0), (0.9, 0.5, 1.0, -1.3)],
)
def test_energy_of_phase_space(sigma: float, alpha: float, frequency: float, field: float) -> None:
    """All three equations by an adaptive integral over the directions of a spin."""
    heat, along, square = (float(v) for v in coupled_paramagnet(sigma, alpha, frequency, field))
    scale = sigma**2 / (1 + alpha)
    ease = alpha * scale / 2 / (1 - scale * square / heat)

    def mean(power_x: int, power_z: int) -> float:
        def integrand(angle: float, x: float) -> float:
            z = math.sqrt(3 - x * x) * math.cos(angle)
            weight = math.exp((-field * x + ease * z * z) / heat)
            return float(x**power_x * z**power_z * weight)

        edge = math.sqrt(3)
        return float(dblquad(integrand, -edge, edge, 0, math.pi, epsabs=1e-9, epsrel=1e-9)[0])

    whole = mean(0, 0)
    assert mean(1, 0) / whole == pytest.approx(along, rel=1e-7)
    assert mean(0, 2) / whole == pytest.approx(square, rel=1e-7)
    energy = min(alpha, 1) * (heat - frequency / 2) + field * along - ease * square
    assert energy == pytest.approx(0, abs=1e-7)


def test_weak_coupling() -> None:
    """σ → 0: classical spins and bright modes that only exchange energy, from first order in σ²."""
    alpha, frequency = np.array([[0.3], [10.0]]), np.array([0.1, 2.0, 20.0])
    heat = classical_paramagnet_temperature(alpha, frequency, 1.0, bright_only=True)
    mean = classical_paramagnet_polarization(alpha, frequency, 1.0, bright_only=True)
    found = coupled_paramagnet(1e-6, alpha, frequency, 1.0)
    np.testing.assert_allclose(found.temperature, heat, rtol=1e-10)
    np.testing.assert_allclose(found.polarization, mean, rtol=1e-10)
    apart = [
        coupled_paramagnet(math.sqrt(s), alpha, frequency, 1.0).temperature / heat - 1
        for s in (1e-4, 2e-4)
    ]
    np.testing.assert_allclose(apart[1], 2 * apart[0], rtol=1e-3)
    assert (apart[0] > 1e-7).all()


@pytest.mark.slow
def test_units_and_sign() -> None:
    before = coupled_paramagnet(0.7, [0.5, 10.0], 2.0, 1.0)
    after = coupled_paramagnet(0.7 * math.sqrt(5), [0.5, 10.0], 10.0, -5.0)
    np.testing.assert_allclose(after.temperature, 5 * before.temperature, rtol=1e-12)
    np.testing.assert_allclose(after.polarization, -before.polarization, rtol=1e-12)
    np.testing.assert_allclose(after.square, before.square, rtol=1e-12)


@pytest.mark.slow
def test_strong_disorder() -> None:
    """σ² ≫ h, ω: T = Jq(1 + max(α, 1)/2), that of Ising spins but for q; no smaller otherwise."""
    alpha = np.array([0.1, 0.25, 1.0, 2.0, 10.0])
    scale = 400 / (1 + alpha)
    share = 1 + np.maximum(alpha, 1) / 2
    found = coupled_paramagnet(20.0, alpha, 1e-3, 1e-3)
    np.testing.assert_allclose(found.temperature / (scale * found.square), share, rtol=1e-4)
    for sigma, frequency in ((0.7, 0.1), (0.7, 5.0), (2.0, 1.0), (2.0, 10.0)):
        found = coupled_paramagnet(sigma, alpha, frequency, 1.0)
        most = sigma**2 * found.square / (1 + alpha) * share
        assert (found.temperature > most).all()


@pytest.mark.slow
def test_truncated_wigner_settles_here() -> None:
    """200 modes and 20 spins; neither all modes nor a theory without coupling would pass."""
    random = od.RandomDicke(
        od.Gaussian(sigma=0.7),
        20,
        200,
        frequencies=2.0,
        field=1.0,
        coupling_axis="x",
        field_axis="z",
    )
    times = np.concatenate([[0.0], np.linspace(100.0, 140.0, 41)])
    method = od.TruncatedWigner(trajectories=200, tolerance=0.02)
    state = od.ProductState.polarized("+x")
    means = []
    for seed in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", od.ValidityWarning)
            run = od.solve(random.draw(seed), state, times, method, ["sz"])
        means.append(float(run.sz[1:].mean()))
    found = float(np.mean(means))
    assert abs(found - coupled_paramagnet(0.7, 10.0, 2.0, 1.0).polarization) < 0.03
    for bright_only in (True, False):
        simple = classical_paramagnet_polarization(10.0, 2.0, 1.0, bright_only=bright_only)
        assert abs(found - simple) > 0.05


def test_one_sentence() -> None:
    with pytest.raises(od.InputError) as caught:
        coupled_paramagnet(0.0, 1.0, 1.0, 1.0)
    assert str(caught.value) == "Argument `sigma` must be positive, but was 0."
