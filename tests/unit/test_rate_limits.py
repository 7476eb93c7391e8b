"""Limits of the flip rates against quadrature of fiorelli2020 Eq. (3) and evolved spins."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.linalg import expm

import opendicke as od
from opendicke.model.configurations import energy_scale, flip_costs
from opendicke.physics.rate_limits import (
    crossing,
    crossing_estimate,
    dephasing_model,
    gaussian_rates,
    inverse_temperature,
    lorentzian_rates,
    power_law_rates,
    short_times,
)

FIELD = 0.1
# Two modes; mode 1 with little gain.
TWO = (np.array([0.9, -1.3]), np.array([1.0, 0.6]), np.array([1.4, 0.8]), np.array([0.7, 0.1]))


def exact_rates(
    row: Any, omega: Any, loss: Any, gain: Any, energies: Any, field: float = FIELD
) -> np.ndarray:
    """Eq. (3) as printed, f, s and ν summed over modes, by Gauss-Legendre panels and a tail."""
    g, omega, loss, gain = (np.atleast_1d(np.asarray(x, float)) for x in (row, omega, loss, gain))
    energies = np.asarray(energies, float)
    eta, theta = (loss - gain) / omega, gain / loss
    nu = 4 * (1 + theta) * eta / ((eta**2 + 4) * (1 - theta))
    strength = 2 * g**2 * nu / omega**2
    last = (strength * omega).sum()
    stop = min(80 / (loss - gain).min(), 45 / last)
    fastest = max(
        omega.max(), (loss - gain).max(), np.abs(energies).max(), (strength / eta).sum() ** 0.5
    )
    panels = int(stop * fastest) + 40
    nodes, weights = np.polynomial.legendre.leggauss(12)
    t = stop / panels * (np.arange(panels)[:, None] + (nodes + 1) / 2).ravel()
    weight = np.tile(weights, panels) * stop / panels / 2
    tau = np.append(t, np.inf)[:, None] * omega
    decay = np.exp(-eta * tau / 2)
    safe = np.where(np.isfinite(tau), tau, 0.0)
    cosine, sine = decay * np.cos(safe), decay * np.sin(safe)
    f = (8 - 2 * eta**2) / (eta * (eta**2 + 4)) * (1 - cosine) - 8 * sine / (eta**2 + 4)
    s = (4 * eta * (cosine - 1) + (eta**2 - 4) * sine) / (eta**2 + 4)
    damped, turned = f @ strength, s @ (-16 * g**2 / (omega**2 * (eta**2 + 4)))
    coherence = np.exp(-damped[:-1] - last * t + 1j * turned[:-1])
    pole = last - 1j * energies
    tail = np.exp(-damped[-1] + 1j * turned[-1] - pole * stop) / pole
    transform = np.exp(1j * energies[..., None] * t) @ (coherence * weight)
    return np.asarray(2 * field**2 * (transform + tail).real)


def mp_exponent(t: Any, row: Any, omega: Any, loss: Any, gain: Any) -> Any:
    """ln C(t) in closed form, to many digits."""
    total = mpmath.mpf(0)
    for g, w, down, up in zip(row, omega, loss, gain, strict=True):
        z = mpmath.mpc((down - up) / 2, w)
        n = mpmath.mpf(up) / (down - up)
        square = 4 * mpmath.mpf(g) ** 2
        total += -square * (2 * n + 1) * (1 / z).real * t
        total += square * n / z**2 * (1 - mpmath.exp(-z * t))
        bar = mpmath.conj(z)
        total += square * (n + 1) / bar**2 * (1 - mpmath.exp(-bar * t))
    return total


def test_the_quadrature_has_twelve_digits() -> None:
    """The yardstick of this file against mpmath, one mode and two."""
    for row, omega, loss, gain in (TWO, ([0.8], [1.0], [1.3], [1.0])):
        for energy in (-1.7, 6.0):
            with mpmath.workdps(20):
                points = np.linspace(0, 12, 25).tolist()
                value = mpmath.quad(
                    lambda t, a=(row, omega, loss, gain), e=energy: (
                        mpmath.exp(mp_exponent(t, *a) + 1j * e * t).real
                    ),
                    points,
                    maxdegree=4,
                )
            found = exact_rates(row, omega, loss, gain, energy)
            assert found == pytest.approx(float(2 * FIELD**2 * value), rel=1e-11, abs=1e-15)


# Short times


def test_cumulants_are_derivatives_of_the_logarithm() -> None:
    row, omega = [0.9, -1.3, 0.4], [1.0, -0.6, 0.0]
    loss, gain = [1.4, 0.8, 2.0], [0.7, 0.1, 0.0]
    with mpmath.workdps(40):
        series = mpmath.taylor(lambda t: mp_exponent(t, row, omega, loss, gain), 0, 3)
    short = short_times(row, omega, loss, gain)
    assert abs(series[1] - 1j * short.reorganisation) < 1e-14
    assert short.variance == pytest.approx(float(-2 * series[2].real), rel=1e-13)
    assert abs(series[2].imag) < 1e-14
    assert short.third == pytest.approx(float(6 * series[3].real), rel=1e-13)


def test_rows_are_taken_one_by_one() -> None:
    rows = np.array([[0.9, -1.3], [0.2, 0.0], [0.0, 0.5]])
    modes, energies = TWO[1:], np.array([-1.0, 0.0, 2.0, 5.0])
    fields = np.array([0.1, 0.2, 0.3])
    for law in (gaussian_rates, power_law_rates, lorentzian_rates):
        table = law(rows, *modes, fields, energies)
        assert table.shape == (3, 4)
        single = [law(r, *modes, h, energies) for r, h in zip(rows, fields, strict=True)]
        np.testing.assert_allclose(table, single, rtol=1e-14)
        np.testing.assert_allclose(
            law(rows, *modes, 0.3, table),
            [law(r, *modes, 0.3, e) for r, e in zip(rows, table, strict=True)],
        )
        assert law(rows[0], *modes, 0.3, 1.0).shape == ()
    for law in (crossing, crossing_estimate, inverse_temperature):
        np.testing.assert_allclose(law(rows, *modes), [law(r, *modes) for r in rows], rtol=1e-14)


@pytest.mark.parametrize("omega", [1.0, 0.4])
def test_formulas_of_the_paper(omega: float) -> None:
    """Eqs. (S12), (S14), (S21), (S15) in the paper's symbols; other ω by dimensional analysis."""
    g, kappa, eta, jump = 0.8, 0.7, 0.3, 1.9
    shifted = 16 / (eta**2 + 4) * (jump + g**2)
    gaussian = FIELD**2 * np.sqrt(np.pi * eta / (2 * g**2 * (2 * kappa + eta)))
    gaussian *= np.exp(-eta * shifted**2 / (8 * g**2 * (2 * kappa + eta)))
    power = 4 * FIELD**2 * g**2 * (2 * kappa + eta) / shifted**4
    beta = 128 * eta / ((2 * kappa + eta) * (eta**2 + 4) ** 2)
    # Every energy and rate in units of ω; the paper's energies are products of two couplings.
    row, loss, gain = [g * omega], (kappa + eta) * omega, kappa * omega
    scale = energy_scale(omega, loss, gain)
    energy = jump * omega**2 / scale
    rest = (row, omega, loss, gain)
    assert gaussian_rates(*rest, FIELD * omega, energy) == pytest.approx(gaussian * omega)
    assert power_law_rates(*rest, FIELD * omega, energy) == pytest.approx(power * omega)
    assert inverse_temperature(*rest) / scale == pytest.approx(beta / omega**2, rel=1e-13)


@pytest.mark.parametrize("modes", [1, 2])
def test_gaussian_is_approached_as_gain_reaches_loss(modes: int) -> None:
    """Where the rates are, the relative error of (S14) falls like η."""
    row, omega = TWO[0][:modes], TWO[1][:modes]
    errors = []
    for eta in (0.01, 0.0025, 0.000625):
        rest = (row, omega, 1.0 + eta, 1.0)
        short = short_times(*rest)
        energies = -short.reorganisation + np.sqrt(short.variance) * np.array([-1, -0.5, 0, 0.5, 1])
        ratio = exact_rates(*rest, energies) / gaussian_rates(*rest, FIELD, energies)
        errors.append(np.abs(ratio - 1).max())
    assert errors[-1] < 1e-3
    order = np.log(np.array(errors[:-1]) / errors[1:]) / np.log(4)
    np.testing.assert_allclose(order, 1.0, atol=0.2)


@pytest.mark.parametrize("rest", [TWO, ([0.7], [1.0], [1.5], [1.0]), ([0.5], [1.0], [2.0], [0.0])])
def test_power_law_is_approached_at_large_jumps(rest: Any) -> None:
    """On both sides the relative error of (S21) falls at least like 1/|ε|."""
    for side in (1, -1):
        distance = side * np.array([40.0, 80.0, 160.0])
        energies = distance - short_times(*rest).reorganisation
        ratio = exact_rates(*rest, energies) / power_law_rates(*rest, FIELD, energies)
        error = np.abs(ratio - 1)
        assert error[-1] < 0.03
        assert (error[1:] < 0.55 * error[:-1]).all()


def test_power_law_at_its_pole() -> None:
    rest = (*TWO, FIELD)
    pole = -short_times(*TWO).reorganisation
    assert power_law_rates(*rest, [pole, pole + 1])[0] == np.inf
    assert power_law_rates(*TWO, 0.0, [pole, pole + 1]).tolist() == [0.0, 0.0]


# Where the two meet


@pytest.mark.parametrize("eta", [1e-3, 0.01, 0.1])
@pytest.mark.parametrize("modes", [1, 2])
def test_the_laws_are_equal_at_their_crossing(eta: float, modes: int) -> None:
    rest = (TWO[0][:modes], TWO[1][:modes], 1.0 + eta, 1.0)
    centre, distance = -short_times(*rest).reorganisation, crossing(*rest)
    energies = centre + distance * np.array([-1, 1])
    np.testing.assert_allclose(
        gaussian_rates(*rest, FIELD, energies), power_law_rates(*rest, FIELD, energies), rtol=1e-11
    )
    # It is the outer one of two: beyond it the power law stays above.
    beyond = centre + distance * np.array([1.01, 1.5, 3.0])
    assert (power_law_rates(*rest, FIELD, beyond) > gaussian_rates(*rest, FIELD, beyond)).all()
    within = centre + distance * np.array([0.7, 0.99])
    assert (power_law_rates(*rest, FIELD, within) < gaussian_rates(*rest, FIELD, within)).all()


def test_estimate_of_the_crossing_needs_128() -> None:
    """Eq. (S23) with A = 128πg²(2κ+η)/η³ and, as printed, with 32: twice the error."""
    g, kappa = 1.5, 1.0
    errors = {32: [], 128: []}  # type: dict[int, list[float]]
    for eta in (1e-6, 1e-4, 1e-2):
        rest = ([g], 1.0, kappa + eta, kappa)
        exact = crossing(*rest) ** 2
        for number, list_ in errors.items():
            a = np.log(number * np.pi * g**2 * (2 * kappa + eta) / eta**3)
            square = 4 * g**2 * (2 * kappa + eta) / eta * (a + 4 * np.log(a / 2))
            list_.append(1 - square / exact)
            if number == 128:
                assert crossing_estimate(*rest) ** 2 == pytest.approx(square, rel=1e-9)
    # One iteration of x = ½ ln A + 2 ln x, from below.
    assert 0 < errors[128][0] < errors[128][1] < errors[128][2] < 0.06
    assert (np.array(errors[32]) > 1.9 * np.array(errors[128])).all()


def test_without_crossing_there_is_none() -> None:
    """Strong damping: A = 128π g²(2κ+η)/η³ below e⁴/16."""
    limit = np.exp(4) / 16
    for a, there in ((1.001 * limit, True), (0.999 * limit, False)):
        eta = 30.0
        g = np.sqrt(a * eta**2 / (128 * np.pi))
        found = crossing([g], 1.0, eta, 0.0)
        assert np.isfinite(found) == there
    assert np.isnan(crossing_estimate([1e-3], 1.0, 30.0, 0.0))
    # ln A = 1: the iteration ends below zero.
    assert np.isnan(crossing_estimate([(np.e * 900 / (128 * np.pi)) ** 0.5], 1.0, 30.0, 0.0))
    assert np.isnan(crossing([0.0], 1.0, 1.0, 0.0))
    assert np.isnan(crossing_estimate([0.0], 1.0, 1.0, 0.0))


# Temperatures


@pytest.mark.parametrize(("eta", "slope"), [(0.01, -0.0398049), (0.1, -0.380937)])
def test_temperature_of_the_paper(eta: float, slope: float) -> None:
    """ln R/ΔE at g = 1, ΔE = ½, κ = ω = 1, near −β_eff → −4η."""
    rest = ([1.0], 1.0, 1.0 + eta, 1.0)
    scale = energy_scale(*rest[1:])
    ways = exact_rates(*rest, np.array([0.5, -0.5]) / scale)
    assert np.log(ways[0] / ways[1]) / 0.5 == pytest.approx(slope, rel=2e-6)
    beta = inverse_temperature(*rest) / scale
    assert beta == pytest.approx(-slope, rel=0.06 * eta)
    assert beta == pytest.approx(4 * eta, rel=0.6 * eta)


def test_temperature_is_that_of_the_gaussian_and_the_same_for_all_spins() -> None:
    rows, modes = np.array([[0.3], [-2.0], [1.1]]), (0.7, 1.2, 0.9)
    beta = inverse_temperature(rows, *modes)
    np.testing.assert_allclose(beta, beta[0], rtol=1e-15)
    energies = np.array([-0.4, 0.1, 0.7])
    there = gaussian_rates(rows, *modes, FIELD, energies)
    back = gaussian_rates(rows, *modes, FIELD, -energies)
    np.testing.assert_allclose(np.log(there / back), -np.outer(beta, energies), rtol=1e-10)
    # The bosons' own temperature where they hold many quanta: ln(1 + 1/n̄)/ω.
    hot = inverse_temperature([0.5], 2.0, 1.001, 1.0)
    assert hot == pytest.approx(np.log1p(1e-3) / 2.0, rel=1e-6)
    # A detuning below zero heats; spins that do not couple have no temperature.
    assert inverse_temperature([0.5], -2.0, 1.001, 1.0) == -hot
    assert inverse_temperature([0.0], 2.0, 1.001, 1.0) == 0.0


def test_temperature_is_infinite_on_both_sides() -> None:
    """ln[W(ε)/W(−ε)] at ΔE = 1: zero for η → 0 and η → ∞, with a maximum between."""
    values = []
    for eta in (1e-3, 1e-2, 1.0, 1e2, 1e3):
        rest = ([1.5], 1.0, 1.0 + eta, 1.0)
        ways = exact_rates(*rest, np.array([1.0, -1.0]) / energy_scale(*rest[1:]))
        values.append(abs(np.log(ways[0] / ways[1])))
    assert values[0] == pytest.approx(4e-3, rel=2e-3)
    assert values[0] < values[1] < values[2] > values[3] > values[4]
    assert values[4] < 1e-4


# Large damping


@pytest.mark.parametrize("modes", [1, 2])
def test_lorentzian_is_approached_at_large_damping(modes: int) -> None:
    """With loss and gain in one proportion, the relative error falls like 1/Γ²."""
    row, omega = TWO[0][:modes], TWO[1][:modes]
    errors = []
    for damping in (20.0, 80.0, 320.0):
        rest = (row, omega, 1.2 * damping, 0.2 * damping)
        width = lorentzian_rates(*rest, 1.0, 0.0)
        energies = np.array([-3, -1, 0, 1, 3]) * 2 / width
        ratio = exact_rates(*rest, energies) / lorentzian_rates(*rest, FIELD, energies)
        errors.append(np.abs(ratio - 1).max())
    assert errors[-1] < 2e-3
    order = np.log(np.array(errors[:-1]) / errors[1:]) / np.log(4)
    np.testing.assert_allclose(order, 2.0, atol=0.15)


def lindbladian(ising: od.IsingModel, rates: np.ndarray) -> np.ndarray:
    """Generator of the density matrix of two spins, (16, 16); rows stacked."""
    unit, z, x = np.eye(2), np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])
    first, second = (lambda a: np.kron(a, unit)), (lambda a: np.kron(unit, a))
    matrix = ising.matrix()
    hamiltonian = -2 * matrix[0, 1] * first(z) @ second(z)
    hamiltonian = hamiltonian + ising.field[0] * first(x) + ising.field[1] * second(x)
    one = np.eye(4)
    generator = -1j * (np.kron(hamiltonian, one) - np.kron(one, hamiltonian.T))
    for rate, place in zip(rates, (first, second), strict=True):
        n = place((unit + z) / 2)
        generator = generator + rate * (
            np.kron(n, n) - (np.kron(n @ n, one) + np.kron(one, n @ n)) / 2
        )
    return np.asarray(generator)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_dephased_spins_flip_at_the_rates_of_large_damping(scale: float) -> None:
    """Two spins, evolved: dp/dt of the flipped configurations long after coherence is lost.

    The bosons' rates are those of Eq. (3) at η = 3000. With the printed field Ωλ the spins flip
    twice as fast.
    """
    g, eta, field = np.array([[30.0], [-20.0]]), 3000.0, np.array([2e-4, 3e-4])
    model = od.DickeModel(g, 1.0, loss=eta + 1.0, gain=1.0, field=field)
    fictitious = dephasing_model(model, scale)
    strength = 1.0 / (1.0 + eta**2 / 4)
    start = np.zeros(16, complex)
    start[0] = 1.0  # up, up
    costs = flip_costs(g, strength, [1, 1])
    bosons = [
        exact_rates(g[i], 1.0, eta + 1.0, 1.0, costs[i], field=float(field[i])) for i in range(2)
    ]
    for factor, times in ((1.0, 1.0), (np.sqrt(2.0), 2.0)):
        ising = od.IsingModel(
            factors=fictitious.model.factors,
            strengths=fictitious.model.strengths,
            field=fictitious.model.field * factor,
        )
        generator = lindbladian(ising, fictitious.rates)
        late = expm(generator * (60 / fictitious.rates.min())) @ start
        change = (generator @ late).reshape(4, 4).diagonal().real
        # Down-up is number 2, up-down number 1.
        np.testing.assert_allclose(change[[2, 1]], times * np.array(bosons), rtol=2e-3)


def test_parameters_of_the_dephased_spins() -> None:
    """The paper's ξE and γ_eff at large η, and the field that gives the right rate."""
    g, eta, kappa, scale, omega = np.array([0.4, -0.9]), 4000.0, 1.5, 0.3, 2.0
    model = od.DickeModel(g[:, None], omega, loss=kappa + eta * omega, gain=kappa, field=[0.1, 0.2])
    theta = kappa / (kappa + eta * omega)
    fictitious = dephasing_model(model, scale)
    xi = 8 * scale**2 / (omega * eta**2)
    # E = −¼ Σ_{i≠j} g g σσ and H = −Σ_{i≠j} J σσ.
    np.testing.assert_allclose(fictitious.model.matrix()[0, 1], xi * g[0] * g[1] / 4, rtol=1e-6)
    paper = 8 * g**2 * scale**2 * (1 + theta) / (omega * eta * (1 - theta))
    np.testing.assert_allclose(fictitious.rates, paper, rtol=1e-6)
    np.testing.assert_allclose(fictitious.model.field, [0.03 / 2**0.5, 0.06 / 2**0.5], rtol=1e-14)


# What is refused


MODES = (1.0, 2.0, 1.0)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: short_times([1.0], 1.0, 0.0, 0.0), "every mode that couples, but mode 0 has"),
        (lambda: short_times([[[1.0]]], *MODES), "`couplings` must have the shape (modes) or"),
        (lambda: short_times([1.0], 1.0, 1.0, 2.0), "`loss` must exceed `gain`"),
        (lambda: gaussian_rates([0.0], *MODES, 0.1, 1.0), "must not be zero for every mode"),
        (lambda: lorentzian_rates([[1.0], [0.0]], *MODES, 0.1, [1.0]), "every lossy mode"),
        (lambda: gaussian_rates([1.0], *MODES, [0.1, 0.2], 1.0), "`field` must be a number for"),
        (lambda: power_law_rates([[1.0]], *MODES, [0.1, 0.2], [1.0]), "one entry per row (1)"),
        (lambda: power_law_rates([[1.0]], *MODES, 0.1, 1.0), "(energies) or (1 rows, energies)"),
        (lambda: power_law_rates([[1.0]], *MODES, 0.1, [[1], [2]]), "had shape (2, 1)"),
        (lambda: dephasing_model(od.DickeModel([[1.0]], 1.0, loss=1.0), 0.0), "not be zero"),
        (lambda: dephasing_model(od.DickeModel([[1.0]], 1.0)), "couple every spin to a lossy"),
        (lambda: dephasing_model(3), "`model` must be a DickeModel"),
    ],
)
def test_bad_input_gets_one_sentence(call: Any, sentence: str) -> None:
    with pytest.raises(od.InputError) as caught:
        call()
    assert sentence in str(caught.value)
