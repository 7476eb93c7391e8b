"""Loops, currents, entropy production and temperatures, against closed forms and dense algebra."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

import opendicke as od
from opendicke.model.configurations import configurations, ising_energies
from opendicke.physics import balance
from opendicke.physics.balance import (
    balance_residual,
    entropy_production,
    kolmogorov_ratio,
    shannon_entropy,
    square_loops,
    tabulated,
    temperature_of_distribution,
    temperature_of_rates,
    two_spin_ratio,
)
from opendicke.physics.rate_limits import gaussian_rates, inverse_temperature

RING = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]])


def exact_rates(g: float, eta: float, energies: Any, omega: float = 1.0) -> np.ndarray:
    """fiorelli2020 Eq. (3) at gain 1 and Ω = .1: the coherence, its panels, its pure tail."""
    energies = np.asarray(energies, float)
    z = eta * omega / 2 + 1j * omega
    n = 1 / (eta * omega)
    lost = 4 * g**2 * (2 * n + 1) * (1 / z).real
    lower, raised = 4 * g**2 * n / z**2, 4 * g**2 * (n + 1) / z.conjugate() ** 2
    stop = min(80 / (eta * omega), 45 / lost)
    panels = int(stop * max(omega, eta, np.abs(energies).max(), (lost / eta) ** 0.5)) + 40
    nodes, weights = np.polynomial.legendre.leggauss(10)
    t = stop / panels * (np.arange(panels)[:, None] + (nodes + 1) / 2).ravel()
    weight = np.tile(weights, panels) * stop / panels / 2
    coherence = np.exp(
        -lost * t + lower * (1 - np.exp(-z * t)) + raised * (1 - np.exp(-z.conjugate() * t))
    )
    pole = lost - 1j * energies
    tail = np.exp(lower + raised - pole * stop) / pole
    return np.asarray(
        0.02 * (np.exp(1j * energies[..., None] * t) @ (coherence * weight) + tail).real
    )


def cost_factor(eta: float) -> float:
    """ε over ΔE of the paper, ω = 1."""
    return 16 / (4 + eta**2)


def boson_rates(g: np.ndarray, eta: float) -> np.ndarray:
    """Rates (N, 2^N) of one mode, ω = gain = 1; energies that recur are computed once."""

    def rate(spin: int, energies: np.ndarray) -> np.ndarray:
        distinct, place = np.unique(energies, return_inverse=True)
        return exact_rates(g[spin], eta, distinct)[place]

    return tabulated(rate, g[:, None], 1 / (1 + eta**2 / 4))


def generator(rates: np.ndarray) -> np.ndarray:
    """dp/dt = A p, dense."""
    spins, count = rates.shape
    matrix, place = np.zeros((count, count)), np.arange(count)
    for i in range(spins):
        matrix[place ^ (1 << (spins - 1 - i)), place] += rates[i]
        matrix[place, place] -= rates[i]
    return matrix


def stationary(rates: np.ndarray) -> np.ndarray:
    matrix = generator(rates)
    matrix[0] = np.abs(matrix).max()
    right = np.zeros(len(matrix))
    right[0] = matrix[0, 0]
    return np.linalg.solve(matrix, right)


def ring(clockwise: float, back: float) -> np.ndarray:
    """Two spins whose four configurations are passed at one rate each way, in the order of RING."""
    rates = np.empty((2, 4))
    # Numbers along the ring: 0, 1, 3, 2; it flips spin 1, 0, 1, 0.
    for number, following, spin in ((0, 1, 1), (1, 3, 0), (3, 2, 1), (2, 0, 0)):
        rates[spin, number], rates[spin, following] = clockwise, back
    return rates


def random_rates(spins: int, seed: int = 0) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(size=(spins, 2**spins)))


# Loops


@pytest.mark.parametrize(("eta", "ratio"), [(0.5, 0.684758), (1.0, 0.364322), (3.0, 1.185053)])
def test_two_spins_of_the_paper(eta: float, ratio: float) -> None:
    """(g₁, g₂) = (3, −1.5), κ = ω = 1, from the closed form and around the loop itself."""
    g = np.array([3.0, -1.5])
    found = two_spin_ratio(
        lambda e: float(exact_rates(g[0], eta, e)),
        lambda e: float(exact_rates(g[1], eta, e)),
        cost_factor(eta) * g[0] * g[1],
    )
    assert found == pytest.approx(ratio, abs=6e-7)
    assert kolmogorov_ratio(boson_rates(g, eta), RING) == pytest.approx(found, rel=1e-9)


def test_the_ratio_is_one_for_equal_couplings_and_at_both_ends() -> None:
    for g, eta in ((np.array([2.0, -2.0]), 1.0), (np.array([1.3, 1.3]), 0.2)):
        assert kolmogorov_ratio(boson_rates(g, eta), RING) == pytest.approx(1.0, rel=1e-12)
    g = np.array([1.5, -0.75])
    ends = [kolmogorov_ratio(boson_rates(g, eta), RING) - 1 for eta in (1e-3, 1e-2, 1.0, 1e2, 1e3)]
    sizes = np.abs(ends)
    assert sizes[0] < sizes[1] < sizes[2] > sizes[3] > sizes[4]
    assert sizes[[0, 4]].max() < 1e-3


def test_a_ring_by_hand() -> None:
    rates = ring(3.0, 0.5)
    assert kolmogorov_ratio(rates, RING) == pytest.approx(6.0**4, rel=1e-14)
    assert kolmogorov_ratio(rates, RING[::-1]) == pytest.approx(6.0**-4, rel=1e-14)
    closed = np.concatenate([RING, RING[:1]])
    assert kolmogorov_ratio(rates, closed) == pytest.approx(6.0**4, rel=1e-14)
    # There and back again is no loop.
    assert kolmogorov_ratio(rates, RING[:2]) == 1.0

    def called(spin: int, sigma: np.ndarray) -> float:
        return float(rates[spin, 2 * (sigma[0] < 0) + (sigma[1] < 0)])

    assert kolmogorov_ratio(called, RING) == pytest.approx(6.0**4, rel=1e-14)
    # Spin 0 first is the other way round.
    np.testing.assert_allclose(square_loops(rates), [[-4 * np.log(6.0)]], rtol=1e-14)


def test_one_way_loops_and_extreme_rates() -> None:
    assert kolmogorov_ratio(ring(3.0, 0.0), RING) == np.inf
    assert kolmogorov_ratio(ring(0.0, 3.0), RING) == 0.0
    assert np.isnan(kolmogorov_ratio(np.zeros((2, 4)), RING))
    # Products of rates alone would be zero.
    assert kolmogorov_ratio(1e-200 * ring(3.0, 0.5), RING) == pytest.approx(6.0**4, rel=1e-12)
    assert kolmogorov_ratio(ring(1e200, 1e-200), RING) > 1e300


def test_squares_are_the_loops_they_say() -> None:
    rates = random_rates(4)
    loops = square_loops(rates)
    assert loops.shape == (6, 4)
    for row, (i, j) in enumerate(itertools.combinations(range(4), 2)):
        others = [k for k in range(4) if k not in (i, j)]
        for column, values in enumerate(itertools.product((1, -1), repeat=2)):
            path = np.ones((4, 4), int)
            path[:, others] = values
            path[1:3, i], path[2:4, j] = -1, -1
            expected = np.log(kolmogorov_ratio(rates, path))
            assert loops[row, column] == pytest.approx(expected, abs=1e-12)
    assert square_loops(np.ones((1, 2))).shape == (0, 1)


def test_a_long_loop_is_made_of_squares() -> None:
    """Around three faces of a cube that meet in a corner: its ratio is the product of theirs."""
    rates = random_rates(3)
    faces = [
        [[1, 1, 1], [-1, 1, 1], [-1, 1, -1], [1, 1, -1]],
        [[-1, 1, 1], [-1, -1, 1], [-1, -1, -1], [-1, 1, -1]],
        [[1, 1, -1], [-1, 1, -1], [-1, -1, -1], [1, -1, -1]],
    ]
    outer = [[1, 1, 1], [-1, 1, 1], [-1, -1, 1], [-1, -1, -1], [1, -1, -1], [1, 1, -1]]
    product = np.prod([kolmogorov_ratio(rates, face) for face in faces])
    assert kolmogorov_ratio(rates, outer) == pytest.approx(product, rel=1e-12)


# Detailed balance


def test_gaussian_rates_obey_detailed_balance() -> None:
    """One mode: exp(−β H_I) for all spins, whatever their couplings (fiorelli2020 Eq. (S15))."""
    g, modes, strength = np.array([0.9, -1.4, 0.3, 2.0, -0.6]), (1.0, 1.3, 1.0), 1 / 1.0225
    rates = tabulated(
        lambda i, e: gaussian_rates(g[i : i + 1], *modes, 0.1, e), g[:, None], strength
    )
    assert np.abs(square_loops(rates)).max() < 1e-12
    energies = ising_energies(g[:, None], strength)
    beta = float(inverse_temperature(g[:1], *modes))
    p = np.exp(-beta * energies)
    p /= p.sum()
    np.testing.assert_allclose(stationary(rates), p, rtol=1e-9)
    assert balance_residual(rates, p) < 1e-13
    assert 0 <= entropy_production(rates, p) < 1e-24
    fit = temperature_of_distribution(p, energies)
    assert fit.beta == pytest.approx(beta, rel=1e-12)
    assert fit.goodness == pytest.approx(1.0, abs=1e-12)
    # Another distribution is not balanced, and another spin's rates break it.
    assert balance_residual(rates, np.roll(p, 1)) > 0.05
    rates[2] *= np.exp(-0.3 * configurations(5)[:, 2] * configurations(5)[:, 0])
    assert balance_residual(rates, stationary(rates)) > 0.01


def test_a_ring_out_of_equilibrium() -> None:
    """All p = ¼: current (a − b)/4 on four edges, production (a − b) ln(a/b)."""
    p = np.full(4, 0.25)
    rates = ring(3.0, 0.5)
    np.testing.assert_allclose(stationary(rates), p, rtol=1e-13)
    assert balance_residual(rates, p) == pytest.approx(2.5 / 3.5, rel=1e-14)
    assert entropy_production(rates, p) == pytest.approx(2.5 * np.log(6.0), rel=1e-14)
    assert balance_residual(ring(3.0, 0.0), p) == 1.0
    assert entropy_production(ring(3.0, 0.0), p) == np.inf
    assert balance_residual(np.zeros((2, 4)), p) == 0.0
    assert entropy_production(np.zeros((2, 4)), p) == 0.0
    # A flip that neither way happens does not count.
    assert entropy_production(ring(2.0, 2.0), [0.5, 0.5, 0.0, 0.0]) == np.inf
    assert entropy_production(np.zeros((1, 2)), [1.0, 0.0]) == 0.0


def test_production_is_the_loss_of_free_energy() -> None:
    """In detailed balance with π it is −d/dt Σ p ln(p/π) of the evolving p."""
    random = np.random.default_rng(3)
    spins = 4
    balanced = random.dirichlet(np.ones(16))
    rates = np.empty((spins, 16))
    place = np.arange(16)
    for i in range(spins):
        other = place ^ (1 << (spins - 1 - i))
        conductance = random.uniform(0.5, 2, 16)
        rates[i] = (conductance + conductance[other]) / balanced
    assert balance_residual(rates, balanced) < 1e-14
    start = random.dirichlet(np.ones(16))
    step = 1e-5 / rates.max()
    matrix = generator(rates)

    def distance(p: np.ndarray) -> float:
        return float((p * np.log(p / balanced)).sum())

    later, sooner = expm(matrix * step) @ start, expm(-matrix * step) @ start
    slope = (distance(later) - distance(sooner)) / (2 * step)
    assert entropy_production(rates, start) == pytest.approx(-slope, rel=1e-6)


def test_production_is_what_the_surroundings_take_up_when_stationary() -> None:
    """Σ over directed flips of flux times ln of the ratio of the two rates."""
    rates = random_rates(4, 5)
    p = stationary(rates)
    place, taken = np.arange(16), 0.0
    for i in range(4):
        back = rates[i][place ^ (1 << (3 - i))]
        taken += float((rates[i] * p * np.log(rates[i] / back)).sum())
    assert entropy_production(rates, p) == pytest.approx(taken, rel=1e-10)
    assert taken > 0.1


def test_blocks_do_not_change_the_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    rates, p = random_rates(7, 2), np.random.default_rng(4).dirichlet(np.ones(128))
    whole = balance_residual(rates, p), entropy_production(rates, p)
    for block in (1, 3, 8, 32):
        monkeypatch.setattr(balance, "_BLOCK", block)
        parts = balance_residual(rates, p), entropy_production(rates, p)
        assert parts == pytest.approx(whole, rel=1e-12)


# Temperatures and entropies


def test_boltzmann_within_the_regime_of_small_jumps() -> None:
    """Six spins: the stationary state approaches exp(−β_eff E) as jumps stay below √v.

    The total variation distance and the currents fall about like η², the spread of βE like η.
    """
    g = 2.0 * np.array([0.024, 0.901, -0.712, 0.897, -0.376, -0.153])

    def compared(eta: float) -> tuple[float, float, float, float]:
        rates = boson_rates(g, eta)
        p = stationary(rates)
        energies = ising_energies(g[:, None], 1 / (1 + eta**2 / 4))
        beta = float(inverse_temperature(g[:1], 1.0, 1 + eta, 1.0))
        boltzmann = np.exp(-beta * energies)
        boltzmann /= boltzmann.sum()
        fit = temperature_of_distribution(p, energies)
        apart, uniform = np.abs(p - boltzmann).sum() / 2, np.abs(p - 1 / 64).sum() / 2
        return apart, balance_residual(rates, p), fit.beta / beta - 1, apart / uniform

    limits = {0.1: (3e-3, 2e-3, 1e-3), 0.01: (6e-5, 4e-5, 2e-4), 0.001: (4e-7, 3e-7, 1e-5)}
    for eta, (apart, residual, slope) in limits.items():
        found = compared(eta)
        assert found[0] < apart
        assert found[1] < residual
        assert abs(found[2]) < slope
        # The uniform distribution is a much worse guess.
        assert found[3] < 0.01
    outside = compared(1.0)
    assert outside[0] > 0.1
    assert outside[2] < -0.2


def test_temperature_of_rates_at_small_and_large_damping() -> None:
    costs = np.linspace(-2, 2, 21)
    for eta, good in ((0.01, True), (1.0, False)):
        rest = (1.0, 1.0 + eta, 1.0)
        there, back = exact_rates(1.0, eta, costs), exact_rates(1.0, eta, -costs)
        fit = temperature_of_rates(there, back, costs)
        assert fit.offset == pytest.approx(0.0, abs=1e-9)
        assert (fit.residual < 1e-3 * np.abs(fit.beta)) == good
        if good:
            assert fit.beta == pytest.approx(float(inverse_temperature([1.0], *rest)), rel=2e-3)
            assert fit.goodness > 1 - 1e-6


def test_regressions_by_hand() -> None:
    """Weighted least squares as NumPy's, and R² and residual by their definitions."""
    random = np.random.default_rng(0)
    energies, p = 100 + random.normal(size=40), random.dirichlet(np.ones(40))
    weights = random.uniform(size=40)
    for given, used in ((None, p), (weights, weights)):
        fit = temperature_of_distribution(p, energies, given)
        slope, offset = np.polyfit(energies, np.log(p), 1, w=np.sqrt(used))
        assert (fit.beta, fit.offset) == pytest.approx((-slope, offset), rel=1e-8)
        left = np.log(p) - slope * energies - offset
        mean = np.average(np.log(p), weights=used)
        unexplained = np.average(left**2, weights=used)
        assert fit.residual == pytest.approx(unexplained**0.5, rel=1e-9)
        total = np.average((np.log(p) - mean) ** 2, weights=used)
        assert fit.goodness == pytest.approx(1 - unexplained / total, rel=1e-8)
    # Impossible configurations do not count; equal probabilities are explained by β = 0.
    assert temperature_of_distribution([0.5, 0.25, 0.0], [0, 1, 2]).beta == pytest.approx(np.log(2))
    assert temperature_of_distribution([0.5, 0.5], [0, 1]) == (0.0, np.log(0.5), 1.0, 0.0)
    ways = np.array([1.0, 4.0]), np.array([8.0, 2.0])
    fit = temperature_of_rates(*ways, [1.0, -0.5])
    slope = (np.log(2) - np.log(1 / 8)) / (-0.5 - 1.0)
    assert fit.beta == pytest.approx(-slope, rel=1e-14)
    three = temperature_of_rates([1, 2, 3], [3, 1, 1], [0, 1, 5])
    again = temperature_of_rates([1, 2, 3], [3, 1, 1], [0, 1, 5], [1, 1, 1])
    assert three.beta == pytest.approx(again.beta, rel=1e-13)  # the slower rate is 1 throughout


def test_shannon_entropy_by_hand() -> None:
    assert shannon_entropy(np.full(32, 1 / 32)) == pytest.approx(5 * np.log(2), rel=1e-14)
    assert shannon_entropy([1.0, 0.0]) == 0.0
    assert shannon_entropy([0.25, 0.75]) == pytest.approx(0.562335144618808, rel=1e-14)


# What is refused


def edited(place: tuple[int, int], value: float) -> np.ndarray:
    rates = random_rates(2)
    rates[place] = value
    return rates


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: kolmogorov_ratio(ring(1, 2), [[1, 1], [-1, -1]]), "but step 0 flips 2 spins."),
        (lambda: kolmogorov_ratio(ring(1, 2), RING[:3]), "but step 2 flips 2 spins."),
        (lambda: kolmogorov_ratio(ring(1, 2), [[1, 1], [1, 1], [1, -1]]), "step 0 flips 0"),
        (lambda: kolmogorov_ratio(ring(1, 2), [1, 1]), "`loop` must have the shape"),
        (lambda: kolmogorov_ratio(ring(1, 2), [[1, 0]] * 2), "`loop` must be +1 or -1"),
        (lambda: kolmogorov_ratio(random_rates(3), RING), "must have the shape (2, 4)"),
        (lambda: kolmogorov_ratio(lambda i, s: -1.0, RING), "`rates` must not be negative"),
        (lambda: kolmogorov_ratio(lambda i, s: np.ones(2), RING), "`rates` must give one number"),
        (lambda: two_spin_ratio(lambda e: 0.0, lambda e: 1.0, 1.0), "`rates` must be positive"),
        (lambda: square_loops(np.ones((2, 5))), "(N, 2^N), but had shape (2, 5)"),
        (lambda: square_loops(edited((1, 2), 0.0)), "`rates` must be positive for all loops"),
        (lambda: balance_residual(edited((0, 1), -1.0), np.ones(4)), "be finite and not negative"),
        (lambda: balance_residual(edited((0, 1), np.nan), np.ones(4)), "be finite"),
        (lambda: balance_residual(edited((0, 1), np.inf), np.ones(4)), "be finite"),
        (lambda: balance_residual(np.ones((2, 4), complex), np.ones(4)), "be made of real"),
        (lambda: entropy_production(ring(1, 2), np.ones(5)), "have the shape (4,)"),
        (lambda: entropy_production(ring(1, 2), [1, -1, 1, 1]), "`probabilities` must not be"),
        (lambda: shannon_entropy([-0.1, 1.1]), "`probabilities` must not be negative"),
        (lambda: temperature_of_distribution([1, 1], [1, 2, 3]), "entry per probability (2)"),
        (lambda: temperature_of_distribution([1, 1], [3, 3]), "leave two different energies"),
        (lambda: temperature_of_distribution([0, 0], [3, 4]), "leave two different energies"),
        (lambda: temperature_of_distribution([1, 1], [1, 2], [1, -1]), "`weights` must not be"),
        (lambda: temperature_of_rates([1, 0], [1, 1], [1, 2]), "`forward` must be positive"),
        (lambda: temperature_of_rates([1, 1], [1], [1, 2]), "`backward` must have one entry"),
        (lambda: tabulated(lambda i, e: e[:2], np.ones((2, 1)), 1.0), "as many rates as energies"),
        (lambda: tabulated(lambda i, e: e, np.ones((2, 1)), 1.0), "`rate` must not be negative"),
        (lambda: tabulated(lambda i, e: e, np.ones((31, 1)), 1.0), "at most 30 spins"),
    ],
)
def test_bad_input_gets_one_sentence(call: Any, sentence: str) -> None:
    with pytest.raises(od.InputError) as caught:
        call()
    assert sentence in str(caught.value)
