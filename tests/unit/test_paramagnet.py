"""Thermal polarisation of the paramagnet, quantum and classical, against sums and integrals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

import opendicke as od
from opendicke.physics.paramagnet import (
    classical_paramagnet_polarization,
    classical_paramagnet_temperature,
    paramagnet_polarization,
    paramagnet_temperature,
)

CASES = [(10.0, 1.0, 1.0), (10.0, 10.0, 1.0), (0.2, 0.3, 1.4), (1.0, 2.0, -0.5), (30.0, 0.05, 2.0)]


def test_reference() -> None:
    """Two spins of α = 10 worked out elsewhere, to the six digits that are known."""
    heat = paramagnet_temperature(10.0, [1.0, 10.0], 1.0)
    np.testing.assert_allclose(heat, [0.414508, 1.876737], rtol=0, atol=5e-7)
    polarization = paramagnet_polarization(10.0, [1.0, 10.0], 1.0)
    np.testing.assert_allclose(polarization, [-0.984075, -0.487549], rtol=0, atol=5e-7)


@pytest.mark.parametrize(("alpha", "frequency", "field"), CASES)
def test_energy_of_levels(alpha: float, frequency: float, field: float) -> None:
    """Sums over Fock states and over the two states of a spin: no energy but that of the start."""
    heat = float(paramagnet_temperature(alpha, frequency, field))
    number = np.arange(int(40 * heat / frequency) + 40)
    weight = np.exp(-number * frequency / heat)
    photons = float((number * weight).sum() / weight.sum())
    up, down = math.exp(-field / heat), math.exp(field / heat)
    mean = (up - down) / (up + down)
    assert alpha * frequency * photons + field * mean == pytest.approx(0, abs=1e-12 * abs(field))
    assert paramagnet_polarization(alpha, frequency, field) == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize(("alpha", "frequency", "field"), CASES)
def test_energy_of_phase_space(alpha: float, frequency: float, field: float) -> None:
    """Integrals over |a|² and over the sphere of radius √3: the zero point of the start is kept."""
    heat = float(classical_paramagnet_temperature(alpha, frequency, field))

    def mean(energy: Any, low: float, high: float) -> float:
        least = min(energy(low), energy(high))

        def weight(value: float) -> float:
            return math.exp(-(energy(value) - least) / heat)

        whole = quad(weight, low, high, epsabs=0, epsrel=1e-11)[0]
        part = quad(lambda v: energy(v) * weight(v), low, high, epsabs=0, epsrel=1e-11)[0]
        return float(part / whole)

    mode = mean(lambda n: frequency * n, 0.0, 60 * heat / frequency)
    spin = mean(lambda x: field * x, -math.sqrt(3), math.sqrt(3))
    assert alpha * mode + spin == pytest.approx(alpha * frequency / 2, rel=1e-9)
    polarization = classical_paramagnet_polarization(alpha, frequency, field)
    assert polarization == pytest.approx(spin / field, rel=1e-9)


def test_slow_photons_leave_a_temperature() -> None:
    """ω → 0: αT = h tanh(h/T), not T = 0; and T = ω/ln(1 + αω/h) as long as T ≪ h."""
    for alpha in (0.5, 3.0, 10.0):
        limit = brentq(lambda t, a=alpha: a * t - math.tanh(1 / t), 1e-3, 10.0)
        # The first correction is ω/2 or less.
        assert paramagnet_temperature(alpha, 1e-9, 1.0) == pytest.approx(limit, abs=1e-9)
    frequency = np.array([0.01, 0.1, 0.3, 1.0])
    heat = paramagnet_temperature(50.0, frequency, 1.0)
    np.testing.assert_allclose(heat, frequency / np.log1p(50.0 * frequency), rtol=1e-2)
    np.testing.assert_allclose(heat[:3], (frequency / np.log1p(50.0 * frequency))[:3], rtol=1e-8)


def test_where_temperature_is_linear() -> None:
    """h/α + ω/2 − αω²/(12h) + …: linear, with an offset, for αω ≪ h; above, a smaller power."""
    alpha = 20.0
    for product in (0.02, 0.05):
        frequency = product / alpha
        line = 1 / alpha + frequency / 2
        short = line - float(paramagnet_temperature(alpha, frequency, 1.0))
        assert short == pytest.approx(alpha * frequency**2 / 12, rel=0.03)
    at = [float(paramagnet_temperature(10.0, w, 1.0)) for w in (1.0, 1.001, 10.0, 10.01)]
    slopes = [math.log(b / a) / math.log(1.001) for a, b in (at[:2], at[2:])]
    assert all(0.5 < slope < 0.75 for slope in slopes)


def test_fast_photons() -> None:
    """ω ≫ h: no polarisation is left, classically −2h/ω, of quantum spins a little more."""
    frequency = np.array([30.0, 100.0, 1000.0])
    classical = classical_paramagnet_polarization(10.0, frequency, 1.0)
    np.testing.assert_allclose(classical * frequency / 2, -1, atol=1e-2)
    quantum = paramagnet_polarization(10.0, frequency, 1.0)
    assert (quantum < 2 * classical).all()
    assert (np.diff(quantum) > 0).all()


def test_classical_spins_are_longer_than_quantum_spins() -> None:
    """ω → 0: αT = √3h L(√3h/T), that is T ≈ √3h/(α + 1) and ⟨X⟩ ≈ −√3 + T/h, beyond −1."""
    heat = classical_paramagnet_temperature(10.0, 1e-9, 1.0)
    assert heat == pytest.approx(math.sqrt(3) / 11, rel=1e-6)
    polarization = classical_paramagnet_polarization(10.0, 1e-9, 1.0)
    assert polarization == pytest.approx(-math.sqrt(3) + math.sqrt(3) / 11, rel=1e-6)


def test_bright_modes_alone() -> None:
    """Ten modes of one frequency for each spin act as one, a fifth of a mode as it is."""
    for function in (
        paramagnet_temperature,
        paramagnet_polarization,
        classical_paramagnet_temperature,
        classical_paramagnet_polarization,
    ):
        found = function([0.2, 1.0, 10.0], 1.5, 1.0, bright_only=True)
        np.testing.assert_array_equal(found, function([0.2, 1.0, 1.0], 1.5, 1.0))
        assert found[2] != function(10.0, 1.5, 1.0)


def test_small_and_large_arguments() -> None:
    """√3h/T from 1e−9 to 1e6 against the mean of x over e^{−hx/T} on [−√3, √3]; no overflow."""
    for frequency in (1e-6, 1.0, 60.0, 71.0, 1e3, 1e6):
        heat = float(classical_paramagnet_temperature(1e6, frequency, 1.0))
        x = math.sqrt(3) / heat
        if x < 1:
            mean = -sum(2 * k * x ** (2 * k - 1) / math.factorial(2 * k + 1) for k in range(1, 12))
            mean *= math.sqrt(3) * x / math.sinh(x)
        else:
            mean = -math.sqrt(3) * (1 / math.tanh(x) - 1 / x)
        found = classical_paramagnet_polarization(1e6, frequency, 1.0)
        assert found == pytest.approx(mean, rel=3e-12, abs=0)
    extreme = paramagnet_temperature([1e-6, 1e6], [[1e-6], [1e6]], 1.0)
    assert np.isfinite(extreme).all()
    # Hot spins: αT² = h² for slow modes, α ω e^{−ω/T} T = h² for fast ones.
    assert extreme[0, 0] == pytest.approx(1e3, rel=1e-5)
    heat = extreme[1, 1]
    assert 1e6 * 1e6 * math.exp(-1e6 / heat) * heat == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(
    ("heat_of", "polarization_of"),
    [
        (paramagnet_temperature, paramagnet_polarization),
        (classical_paramagnet_temperature, classical_paramagnet_polarization),
    ],
)
def test_units_sign_and_shapes(heat_of: Any, polarization_of: Any) -> None:
    """Energies times c: T times c, ⟨X⟩ as it was; the field reversed: ⟨X⟩ reversed."""
    alpha, frequency, field = np.array([[0.4], [10.0]]), np.array([0.2, 1.0, 7.0]), 1.3
    heat, mean = heat_of(alpha, frequency, field), polarization_of(alpha, frequency, field)
    assert heat.shape == mean.shape == (2, 3)
    np.testing.assert_allclose(heat_of(alpha, 5 * frequency, 5 * field), 5 * heat, rtol=1e-12)
    np.testing.assert_allclose(polarization_of(alpha, frequency, -field), -mean, rtol=1e-12)
    assert (mean < 0).all()
    assert (np.diff(heat, axis=1) > 0).all()


@pytest.mark.parametrize(
    "function",
    [
        paramagnet_temperature,
        paramagnet_polarization,
        classical_paramagnet_temperature,
        classical_paramagnet_polarization,
    ],
)
def test_one_sentence(function: Any) -> None:
    for arguments, sentence in [
        ((0.0, 1.0, 1.0), "Argument `alpha` must be positive, but was 0."),
        ((1.0, [1.0, -2.0], 1.0), "Argument `frequency` must be positive, but entry (1,) was -2."),
        ((1.0, 1.0, 0.0), "Argument `field` must not be zero, but was 0."),
    ]:
        with pytest.raises(od.InputError) as caught:
            function(*arguments)
        assert str(caught.value) == sentence
