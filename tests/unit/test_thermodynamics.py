"""Temperatures of kelly2021: enumerated spins, closed forms, and the numbers they must give."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.physics.thermodynamics import (
    IMPLIED_ALPHA,
    STATED_ALPHA,
    critical_alpha,
    glass_temperature,
    glass_window,
    hopfield_energy,
    hopfield_temperature_scale,
    initial_temperature,
    printed_glass_temperature,
    printed_initial_temperature,
)

KINDS = ("classical", "wigner", "quantum")


def enumerated(spins: int, modes: int, draws: int, heat: float) -> np.ndarray[Any, Any]:
    """ln Z, energy and the part of the terms j = k for each draw, all per spin: (3, draws).

    kelly2021 Eq. (3) at h = 0 with σ = 2, ω = 3, over all configurations.
    """
    states = np.array(list(itertools.product([1.0, -1.0], repeat=spins)))
    random = od.RandomDicke(od.Gaussian(sigma=2.0), spins, modes, frequencies=3.0, field=1.0)
    rows = []
    for seed in range(draws):
        g = random.draw(seed).couplings
        energies = -((states @ g) ** 2).sum(axis=1) / 3.0
        weights = np.exp(-energies / heat)
        own = -(g**2).sum() / 3.0
        rows.append((np.log(weights.mean()), weights @ energies / weights.sum(), own))
    return np.transpose(rows) / spins


def mean_energy(spins: int, modes: int, draws: int, heat: float) -> tuple[float, float]:
    """Mean over draws and its standard error; fluctuations of the terms j = k are taken out."""
    _, energy, own = enumerated(spins, modes, draws, heat)
    steady = energy - own - 4.0 * modes / (2 * (spins + modes))
    return float(steady.mean()), float(steady.std(ddof=1)) / math.sqrt(draws)


def test_energy_of_the_hopfield_model() -> None:
    """−(αJ/2) T/(T − J) at T = 6J, α = 2, sizes 5 and 10 extrapolated in 1/N; J = σ²N_s/N_t."""
    scale = 4.0 / 3
    small, small_error = mean_energy(5, 10, 1500, 6 * scale)
    large, large_error = mean_energy(10, 20, 500, 6 * scale)
    found, error = 2 * large - small, math.hypot(2 * large_error, small_error)
    expected = float(hopfield_energy(6 * scale, 2.0, 2.0))
    assert error < 0.01 * abs(expected)
    assert abs(found - expected) < 4 * error
    # Half the scale of temperature, as printed, or the terms j = k left out, must not pass.
    halved = float(hopfield_energy(6 * scale, math.sqrt(2), 2.0))
    for wrong in (halved, expected + scale):
        assert abs(found - wrong) > 20 * error


def test_mean_partition_function() -> None:
    """Over Gaussian couplings ⟨Z⟩ = 2^N (1 − J/T)^{−N_b/2} at any size; U is its derivative."""
    scale, draws = 4.0 / 3, 1000
    sums = np.exp(6 * enumerated(6, 12, draws, 5 * scale)[0])
    error = sums.std(ddof=1) / math.sqrt(draws)
    assert abs(sums.mean() - (1 - 1 / 5) ** -6) < 4 * error
    assert abs(sums.mean() - (1 - 1 / 10) ** -6) > 10 * error

    def free(beta: float) -> float:
        return 2.0 / 2 * math.log(1 - beta * scale)  # βF/N_s + ln 2 for α = 2

    beta, step = 1 / (5 * scale), 1e-5
    slope = (free(beta + step) - free(beta - step)) / (2 * step)
    assert hopfield_energy(1 / beta, 2.0, 2.0) == pytest.approx(slope, rel=1e-8)


def test_scales_by_hand() -> None:
    """σ = 2, α = 3: J = 1, T_g = 1 + √3, T = 3/2; printed T_c is half, T is (1 + √3)/4."""
    assert hopfield_temperature_scale(2.0, 3.0) == pytest.approx(1.0, rel=1e-15)
    assert glass_temperature(2.0, 3.0) == pytest.approx(1 + math.sqrt(3), rel=1e-15)
    assert initial_temperature(2.0, 3.0, 7.0) == pytest.approx(1.5, rel=1e-15)
    assert printed_glass_temperature(2.0, 3.0) == pytest.approx((1 + math.sqrt(3)) / 2, rel=1e-15)
    assert printed_initial_temperature(2.0, 3.0) == pytest.approx((1 + math.sqrt(3)) / 4, rel=1e-15)


def test_printed_temperatures_meet_at_the_square() -> None:
    """T_c = T as printed at α = .134, not at the .366 that is stated; T from one-sided energies."""
    assert pytest.approx(STATED_ALPHA**2, rel=1e-14) == IMPLIED_ALPHA
    assert round(STATED_ALPHA, 3) == 0.366
    assert round(IMPLIED_ALPHA, 3) == 0.134
    heat = printed_initial_temperature(5.0, [IMPLIED_ALPHA, STATED_ALPHA])
    glass = printed_glass_temperature(5.0, [IMPLIED_ALPHA, STATED_ALPHA])
    assert heat[0] == pytest.approx(glass[0], rel=1e-14)
    assert heat[1] < 0.86 * glass[1]
    # αT + U(T) = −αJ/2: the energy j = k left out of the thermal state only (errata, point 2).
    one_sided = 2 * printed_initial_temperature(2.0, 3.0)
    assert 3 * one_sided + hopfield_energy(one_sided, 2.0, 3.0) == pytest.approx(-1.5, rel=1e-13)


@pytest.mark.parametrize(
    ("sigma", "frequency", "modes", "expected"),
    [
        (5.0, 1.0, "wigner", 0.2586),
        (2.0, 1.0, "wigner", 0.3123),
        (5.0, 1.0, "quantum", 0.2585),
        (2.0, 1.0, "quantum", 0.3097),
        (5.0, 1.0, "classical", 0.25),
        (2.0, 10.0, "classical", 0.25),
    ],
)
def test_critical_alpha(sigma: float, frequency: float, modes: Any, expected: float) -> None:
    """Numbers of an independent solution, to the four digits that are known."""
    found = float(critical_alpha(sigma, frequency, modes=modes))
    assert found == pytest.approx(expected, abs=5.1e-5)


@pytest.mark.parametrize("modes", ["wigner", "quantum"])
def test_no_crossing(modes: Any) -> None:
    """kelly2021 Fig. 3 right, σ = 2, ω = 10: too hot for a glass at any number of modes."""
    assert np.isnan(critical_alpha(2.0, 10.0, modes=modes))
    alpha = np.geomspace(1e-3, 1e5, 300)
    heat = initial_temperature(2.0, alpha, 10.0, modes=modes)
    assert (heat > glass_temperature(2.0, alpha)).all()


def test_window_in_closed_form() -> None:
    """Wigner: ω s³ − 2σ² s² + (ω − σ²)s + σ² = 0 factors at ω = σ² and ω = .9σ²."""
    golden = (1 + math.sqrt(5)) / 2
    other = (0.2 + math.sqrt(0.04 + 1.8)) / 1.8
    window = glass_window(2.0, [4.0, 3.6], modes="wigner")
    np.testing.assert_allclose(window.low, [1.0, other**2], rtol=1e-12)
    np.testing.assert_allclose(window.high, [golden**2, 4.0], rtol=1e-12)


def test_window_closes() -> None:
    """Wigner: ω/σ² at most max of (2s² + s − 1)/(s + s³)."""
    s = np.linspace(0.5, 5, 1_000_001)
    most = float(((2 * s**2 + s - 1) / (s + s**3)).max())
    window = glass_window(3.0, 9.0 * most * np.array([1 - 1e-6, 1 + 1e-6]), modes="wigner")
    assert (np.isnan(window.low) == [False, True]).all()
    assert (np.isnan(window.high) == [False, True]).all()
    assert window.low[0] == pytest.approx(window.high[0], rel=0.01)


@pytest.mark.parametrize("bright_only", [False, True])
@pytest.mark.parametrize("modes", KINDS)
def test_window_is_where_the_start_is_colder_than_the_glass(modes: Any, bright_only: bool) -> None:
    rng = np.random.default_rng(1)
    sigma, alpha = rng.uniform(0.5, 5, 3000), np.exp(rng.uniform(-3, 6, 3000))
    frequency = sigma**2 * np.exp(rng.uniform(-6, 1.5, 3000))
    options: Any = {"modes": modes, "bright_only": bright_only}
    heat = initial_temperature(sigma, alpha, frequency, **options)
    cold = heat < glass_temperature(sigma, alpha)
    window = glass_window(sigma, frequency, **options)
    np.testing.assert_array_equal(cold, (alpha > window.low) & (alpha < window.high))
    assert 500 < cold.sum() < 2500
    np.testing.assert_array_equal(critical_alpha(sigma, frequency, **options), window.low)


def test_bright_modes_alone() -> None:
    """Classical: T = J(1 + max(α, 1)/2), colder than T_g = J(1 + √α) for 1/4 < α < 4."""
    alpha = np.array([0.1, 1.0, 2.0, 10.0])
    heat = initial_temperature(2.0, alpha, 1.0, bright_only=True)
    np.testing.assert_allclose(heat * (1 + alpha) / 4, [1.5, 1.5, 2.0, 6.0], rtol=1e-14)
    window = glass_window(2.0, 1.0, bright_only=True)
    assert (float(window.low), float(window.high)) == (0.25, 4.0)
    for end in window:
        heat = initial_temperature(2.0, end, 1.0, bright_only=True)
        assert heat == pytest.approx(glass_temperature(2.0, end), rel=1e-14)
    # Slow modes are classical.
    for modes in ("wigner", "quantum"):
        window = glass_window(2.0, 1e-6, modes=modes, bright_only=True)
        np.testing.assert_allclose(window, [0.25, 4.0], rtol=1e-5)


def test_modes_of_one_frequency_that_couple() -> None:
    """Of 60 modes and 7 spins 53 combinations are left out, of 7 modes and 60 spins none."""
    for spins, modes in ((7, 60), (60, 7)):
        model = od.RandomDicke(
            od.Gaussian(sigma=2.0), spins, modes, frequencies=1.0, field=1.0
        ).draw(0)
        assert np.linalg.matrix_rank(model.couplings) == 7


@pytest.mark.parametrize("bright_only", [False, True])
@pytest.mark.parametrize("frequency", [1e-3, 0.3, 3.6, 40.0])
def test_energy_is_that_of_the_start(frequency: float, bright_only: bool) -> None:
    """Modes summed over Fock states; quantum and Wigner modes begin with ω/2, classical with 0."""
    sigma, alpha = 2.0, np.array([0.1, 0.25, 1.0, 10.0])
    share = np.minimum(alpha, 1.0) if bright_only else alpha
    heat = initial_temperature(sigma, alpha, frequency, modes="quantum", bright_only=bright_only)
    number = np.arange(int(40 * heat.max() / frequency) + 40)[:, None]
    weights = np.exp(-number * frequency / heat)
    mode = frequency * (number * weights).sum(axis=0) / weights.sum(axis=0)
    np.testing.assert_allclose(share * mode, -hopfield_energy(heat, sigma, alpha), rtol=1e-9)
    heat = initial_temperature(sigma, alpha, frequency, modes="wigner", bright_only=bright_only)
    np.testing.assert_allclose(
        share * (heat - frequency / 2), -hopfield_energy(heat, sigma, alpha), rtol=1e-9
    )


def test_limits_of_the_temperature() -> None:
    """ω → 0: 3J/2 for all modes; ω → ∞: Wigner ω/2 + J/2, while quantum modes are frozen."""
    scale = 4.0 / 11
    for modes in ("wigner", "quantum"):
        found = initial_temperature(2.0, 10.0, 1e-7, modes=modes)
        assert found == pytest.approx(1.5 * scale, rel=1e-6)
    hot = initial_temperature(2.0, 10.0, 1e6, modes="wigner")
    assert hot - 5e5 == pytest.approx(scale / 2, rel=1e-3)
    cold = float(initial_temperature(2.0, 10.0, 1e6, modes="quantum"))
    # Here ω e^{−ω/T} = J/2 up to corrections of the size J/T.
    assert 1e6 / cold == pytest.approx(math.log(2e6 / scale), rel=1e-5)


def test_units_and_shapes() -> None:
    """Energies times c, σ² among them: temperatures times c, α_c as it was."""
    c, alpha, frequency = 6.1, np.array([[0.3], [4.0]]), np.array([0.1, 1.0, 5.0])
    for modes in KINDS:
        before = initial_temperature(2.0, alpha, frequency, modes=modes)
        after = initial_temperature(2.0 * math.sqrt(c), alpha, frequency * c, modes=modes)
        assert before.shape == (2, 3)
        np.testing.assert_allclose(after, c * before, rtol=1e-12)
        again = critical_alpha(2.0 * math.sqrt(c), frequency * c, modes=modes)
        np.testing.assert_allclose(again, critical_alpha(2.0, frequency, modes=modes), rtol=1e-10)
    assert critical_alpha([[1.0], [2.0]], frequency, corrected=False).shape == (2, 3)
    assert float(critical_alpha(1.0, 1.0, corrected=False)) == IMPLIED_ALPHA


def test_one_sentence() -> None:
    words: Any = "quantun"
    for call, sentence in [
        (
            lambda: hopfield_temperature_scale(0.0, 1.0),
            "Argument `sigma` must be positive, but was 0.",
        ),
        (
            lambda: initial_temperature(2.0, [1.0, -1.0], 1.0),
            "Argument `alpha` must be positive, but entry (1,) was -1.",
        ),
        (
            lambda: initial_temperature(2.0, 1.0, 1.0, modes=words),
            "Argument `modes` must be a known word, but was `quantun` (known: `classical`, "
            "`quantum`, `wigner`); did you mean `quantum`?",
        ),
        (
            lambda: critical_alpha(2.0, 1.0, modes="wigner", corrected=False),
            "Argument `modes` must be `classical` where formulas are as printed, but was `wigner`.",
        ),
        (
            lambda: hopfield_energy([2.0, 0.75], 2.0, 3.0),
            "Argument `temperature` must exceed J = 1, where the form ends, but was 0.75.",
        ),
    ]:
        with pytest.raises(od.InputError) as caught:
            call()
        assert str(caught.value) == sentence
