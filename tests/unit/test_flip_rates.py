"""Flip rates of strongly coupled spins: against mpmath, Fock space, Eq. (3) and symmetries."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import cos, exp, pi, sin
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.sparse import csr_array
from scipy.sparse.linalg import expm_multiply

from opendicke.errors import InputError
from opendicke.physics.coherence import coherence
from opendicke.physics.flip_rates import Spectrum, flip_rates

REFERENCE = json.loads((Path(__file__).parent / "flip_rates.json").read_text())

# The boson coherence between the two spin sectors, evolved in a Fock basis under the Lindbladian
# at zero field and integrated over time; it agrees with fiorelli2020 Eq. (3) to 5e-13.
# ω = 1, h = 0.1; g, ΔE = gσM, η, θ = gain/loss, W.
FOCK = [
    (0.7, 0.63, 0.1, 0.05, 1.5909586555939446e-05),
    (1.3, -2.6, 0.1, 0.05, 0.003455783672550384),
    (1.5, -3.4499999999999997, 1.0, 0.5, 0.0036125248502202373),
    (2.0, 3.4, 10.0, 0.09090909090909091, 0.007808880622789826),
    (0.8, -2.0, 10.0, 0.09090909090909091, 0.029876117348800222),
    (0.6, -0.48, 0.3, 0.7692307692307693, 0.007618949921725922),
]
# One spectrum for each of the three ways.
WAYS: dict[str, tuple[Any, ...]] = {
    "series": ([0.4], [1.0], [0.05], [0.01]),
    "both": ([0.03], [1.0], [10.01], [10.0]),
    "transform": ([3.0], [1.0], [1.3], [0.3]),
}


def _slope(spectrum: Spectrum, energies: np.ndarray) -> np.ndarray:
    """|dW/dε|, enough of it to allow for the rounding of energies."""
    step = 1e-3 * min(spectrum.bath.dephasing, spectrum.bath.spread) + 1e-9 * np.abs(energies)
    return np.abs(spectrum.at(energies + step) - spectrum.at(energies - step)) / (2 * step)


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: str(case["couplings"]))
def test_mpmath(case: dict[str, Any]) -> None:
    row = tuple(np.array(case[name]) for name in ("couplings", "frequencies", "loss", "gain"))
    energies, exact = np.array(case["energies"]), np.array(case["rates"], float)
    spectrum = Spectrum(*row)
    rates = spectrum.at(energies)
    allowed = np.maximum(1e-8 * exact, 1e-14 * spectrum.peak)
    allowed += np.finfo(float).eps * np.abs(energies) * _slope(spectrum, energies)
    assert (np.abs(rates - exact) <= allowed).all()
    assert spectrum.peak >= 0.9 * exact.max()


def test_mpmath_covers_every_way() -> None:
    ways = [
        Spectrum(case["couplings"], case["frequencies"], case["loss"], case["gain"]).way
        for case in REFERENCE["cases"]
    ]
    assert min(ways.count(way) for way in WAYS) >= 5
    assert {way: Spectrum(*row).way for way, row in WAYS.items()} == {w: w for w in WAYS}


@pytest.mark.parametrize(("coupling", "cost", "eta", "theta", "exact"), FOCK)
def test_fock_numbers(coupling: float, cost: float, eta: float, theta: float, exact: float) -> None:
    loss = eta / (1 - theta)
    rate = flip_rates([coupling], 1.0, loss, theta * loss, 0.1, 16 * cost / (eta**2 + 4))
    assert rate.shape == ()
    assert rate == pytest.approx(exact, rel=1e-12)


def test_fock_numbers_two_modes() -> None:
    g, omega = np.array([0.6, -0.4]), np.array([1.0, 1.7])
    loss, gain = np.array([1.2, 0.9]), np.array([0.15, 0.05])
    cost = (16 * omega * g * np.array([0.5, 0.9]) / (4 * omega**2 + (loss - gain) ** 2)).sum()
    assert flip_rates(g, omega, loss, gain, 0.1, cost) == pytest.approx(0.0111112339, rel=2e-9)


def _superoperator(
    left: np.ndarray, right: np.ndarray, loss: float, gain: float, levels: int
) -> np.ndarray:
    """Of Ẋ = −i(left X − X right) + dissipators, on matrices laid out row by row."""
    one = np.eye(levels)
    lower = np.diag(np.sqrt(np.arange(1.0, levels)), 1)
    generator = -1j * (np.kron(left, one) - np.kron(one, right.T))
    for rate, jump in ((loss, lower), (gain, lower.T)):
        number = jump.T @ jump
        generator += rate * (
            np.kron(jump, jump) - (np.kron(number, one) + np.kron(one, number.T)) / 2
        )
    return generator


@pytest.mark.parametrize(("others", "spin"), [(0.4, 1), (0.4, -1), (-0.7, 1), (0.0, 1)])
def test_boson_evolved_in_fock_space(others: float, spin: int) -> None:
    g, omega, loss, gain, levels = 0.25, 0.8, 1.1, 0.06, 18
    lower = np.diag(np.sqrt(np.arange(1.0, levels)), 1)
    number, position = lower.T @ lower, lower + lower.T
    before = omega * number + (others + g * spin) * position
    after = omega * number + (others - g * spin) * position
    # Stationary boson of the configuration before the flip.
    stay = _superoperator(before, before, loss, gain, levels)
    stay[0] = np.eye(levels).ravel()
    bosons = np.linalg.solve(stay, np.eye(levels**2)[0])
    # Coherence: `after` acts from the left, `before` from the right.
    flip = _superoperator(after, before, loss, gain, levels)
    cost = 16 * omega * g * spin * others / (4 * omega**2 + (loss - gain) ** 2)
    row = ([g], [omega], [loss], [gain])
    for time in (0.9, 3.0):
        now = expm_multiply(csr_array(flip * time), bosons, traceA=0)
        evolved = np.trace(now.reshape(levels, levels))
        # Up to the phase of the other spins, in the frame where e^{+iεt} has the sign of W.
        expected = coherence(time, *row) * np.exp(1j * cost * time)
        assert abs(evolved.conj() - expected) < 1e-9
    total = -np.trace(np.linalg.solve(flip, bosons).reshape(levels, levels)).real
    assert flip_rates(*row, 0.3, cost) == pytest.approx(2 * 0.3**2 * total, rel=1e-8)


def _eq_3(cost: float, coupling: float, eta: float, theta: float) -> float:
    """fiorelli2020 Eq. (3) as printed, ω = h = 1."""
    nu, c = 4 * (1 + theta) * eta / ((eta**2 + 4) * (1 - theta)), eta**2 + 4

    def integrand(t: float) -> float:
        left = exp(-eta * t / 2)
        f = (8 - 2 * eta**2) / (eta * c) * (1 - left * cos(t)) - 8 * left * sin(t) / c
        s = (4 * eta * (left * cos(t) - 1) + (eta**2 - 4) * left * sin(t)) / c
        fading = exp(-2 * coupling**2 * nu * (f + t))
        return fading * cos(16 * (cost * t - coupling**2 * s) / c)

    return 2 * quad(integrand, 0, 30, epsabs=1e-13, epsrel=1e-12, limit=500)[0]


@pytest.mark.parametrize(
    "case", [(0.5, 1.0, 1.0, 0.2), (-3.0, 2.0, 4.0, 0.1), (6.0, 3.0, 0.5, 0.5)]
)
def test_equation_3(case: tuple[float, float, float, float]) -> None:
    cost, coupling, eta, theta = case
    loss = eta / (1 - theta)
    rate = flip_rates([coupling], 1.0, loss, theta * loss, 1.0, 16 * cost / (eta**2 + 4))
    assert rate == pytest.approx(_eq_3(*case), rel=1e-9)


def test_coherence_from_its_integrals() -> None:
    g, omega, loss, gain = [0.6, 0.3], [1.0, -2.2], [0.5, 3.0], [0.1, 0.4]
    for time in (1e-4, 0.3, 4.0, 11.0):
        lost, phase = 0.0, 0.0
        for a, w, down, up in zip(g, omega, loss, gain, strict=True):
            net = down - up
            common = {"epsabs": 1e-14, "epsrel": 1e-13, "limit": 200}

            def kernel(s: float, wave: Callable[[float], float], *case: float) -> float:
                end, net, w = case
                return float((end - s) * exp(-net * s / 2) * wave(w * s))

            # −ln|C| = Σ 4g²(2n̄ + 1) ∫ (t − s) e^{−Γs/2} cos ωs ds; the phase likewise by sin,
            # less the reorganisation energy.
            lost += (
                4
                * a**2
                * (down + up)
                / net
                * quad(kernel, 0, time, (cos, time, net, w), **common)[0]
            )
            phase -= 4 * a**2 * quad(kernel, 0, time, (sin, time, net, w), **common)[0]
            phase += 4 * a**2 * w / (w**2 + net**2 / 4) * time
        value = coherence(time, g, omega, loss, gain)
        assert value == pytest.approx(np.exp(-lost + 1j * phase), rel=1e-12)


def test_coherence_of_many_times() -> None:
    times = np.array([[0.0, 1.0], [2.0, 5.0]])
    values = coherence(times, [0.5], 1.0, 0.2)
    assert values.shape == (2, 2)
    assert values[0, 0] == 1
    assert (np.abs(values) <= 1).all()
    assert coherence(5.0, [0.5], 1.0, 0.2) == values[1, 1]


@pytest.mark.parametrize(("eta", "ratio"), [(0.01, -0.0398049), (0.1, -0.380937)])
def test_effective_temperature(eta: float, ratio: float) -> None:
    cost = 16 * 0.5 / (eta**2 + 4)
    up, down = flip_rates([1.0], 1.0, 1.0 + eta, 1.0, 1.0, [cost, -cost])
    assert np.log(up / down) / 0.5 == pytest.approx(ratio, rel=2e-6)


@pytest.mark.parametrize(("eta", "ratio"), [(0.5, 0.684758), (1.0, 0.364322), (3.0, 1.185053)])
def test_kolmogorov_ratio_of_two_spins(eta: float, ratio: float) -> None:
    cost = 16 * 3.0 * -1.5 / (eta**2 + 4)
    rates = flip_rates([[3.0], [-1.5]], 1.0, 1.0 + eta, 1.0, 0.1, [cost, -cost])
    asymmetry = rates[:, 0] / rates[:, 1]
    assert (asymmetry[1] / asymmetry[0]) ** 2 == pytest.approx(ratio, abs=6e-7)


@pytest.mark.parametrize("way", WAYS)
def test_sum_rule(way: str) -> None:
    """∫ W dε = 2π h², for C(0) = 1."""
    spectrum = Spectrum(*WAYS[way])
    width = min(spectrum.bath.dephasing, spectrum.bath.spread)
    # Uniform points integrate a band of energies exactly once lines are resolved; the law ε⁻⁴
    # holds beyond.
    edge = 150 * (spectrum.bath.spread + 1)
    energies = np.arange(-edge, edge, width / 4)
    total = spectrum.at(energies).sum() * width / 4
    tails = spectrum.at([-edge, edge]).sum() * edge / 3
    assert tails < 1e-5
    assert total + tails == pytest.approx(2 * pi, rel=1e-7)


@pytest.mark.parametrize("way", WAYS)
def test_never_negative(way: str) -> None:
    spectrum = Spectrum(*WAYS[way])
    far = np.geomspace(1e-6, 1e9, 300)
    rates = spectrum.at(np.concatenate([-far, far, np.linspace(-60, 60, 3001)]))
    assert np.isfinite(rates).all()
    assert (rates >= 0).all()


@pytest.mark.parametrize("way", WAYS)
def test_symmetries(way: str) -> None:
    g, omega, loss, gain = (np.array(x) for x in WAYS[way])
    energies = np.linspace(-5, 5, 41)
    rates = flip_rates(g, omega, loss, gain, 1.0, energies)
    close = {"rtol": 1e-9, "atol": 1e-13 * rates.max()}
    np.testing.assert_array_equal(flip_rates(-g, omega, loss, gain, 1.0, energies), rates)
    np.testing.assert_allclose(flip_rates(g, omega, loss, gain, -0.2, energies), 0.04 * rates)
    # All energies times c: W/h² has the unit 1/energy.
    for c in (1e-3, 7.0):
        scaled = Spectrum(c * g, c * omega, c * loss, c * gain).at(c * energies)
        np.testing.assert_allclose(c * scaled, rates, **close)
    # A mode of frequency −ω absorbs what the other emits.
    np.testing.assert_allclose(Spectrum(g, -omega, loss, gain).at(-energies), rates, **close)
    # A mode split into two of the same kind.
    split = [np.repeat(x, 2) for x in (omega, loss, gain)]
    np.testing.assert_allclose(
        Spectrum([0.6 * g[0], 0.8 * g[0]], *split).at(energies), rates, **close
    )


def test_nearly_equal_modes() -> None:
    """Two modes that are not merged make the spectrum of the one that they nearly are."""
    energies = np.linspace(-6, 6, 101)
    for g, omega, loss, gain in WAYS.values():
        one = Spectrum(g, omega, loss, gain)
        shifted = omega[0] * (1 + 1e-13)
        two = Spectrum([0.6 * g[0], 0.8 * g[0]], [omega[0], shifted], loss[0], gain[0])
        assert len(two.bath.decay) == 2
        np.testing.assert_allclose(
            two.at(energies), one.at(energies), rtol=1e-9, atol=1e-12 * one.peak
        )


def test_modes_that_do_not_couple() -> None:
    alone = flip_rates([0.5], 1.0, 0.3, 0.1, 1.0, [0.2, -1.0])
    beside = flip_rates([0.0, 0.5], [3.0, 1.0], [0.0, 0.3], [0.0, 0.1], 1.0, [0.2, -1.0])
    np.testing.assert_array_equal(alone, beside)


def test_many_rows() -> None:
    rows = np.array([[0.5, 0.2], [-0.5, 0.2], [1.5, 0.0]])
    modes = ([1.0, 1.7], [0.3, 0.4], [0.1, 0.0])
    field = np.array([0.1, 0.2, 0.3])
    energies = np.linspace(-3, 2, 7)
    own = energies + np.arange(3)[:, None]
    shared = flip_rates(rows, *modes, field, energies)
    each = flip_rates(rows, *modes, field, own)
    single = flip_rates(rows, *modes, 0.1, 0.7)
    assert shared.shape == each.shape == (3, 7)
    assert single.shape == (3,)
    for i, row in enumerate(rows):
        np.testing.assert_array_equal(shared[i], flip_rates(row, *modes, field[i], energies))
        np.testing.assert_array_equal(each[i], flip_rates(row, *modes, field[i], own[i]))
        assert single[i] == flip_rates(row, *modes, 0.1, 0.7)
    square = np.ones((2, 3, 4))
    assert flip_rates(rows[0], *modes, 0.1, square).shape == square.shape
    assert flip_rates(rows[0], *modes, 0.1, []).shape == (0,)


def test_lines_of_weak_damping() -> None:
    spectrum = Spectrum([0.4, 0.3], [1.0, 1.618], [0.004, 0.002], [0.001, 0.0])
    centres, widths, weights = spectrum.lines
    assert weights.sum() == pytest.approx(1, abs=1e-6)
    middle = int(np.argmin(np.abs(centres)))
    assert centres[middle] == 0
    # Quanta that come and go widen it a little.
    assert 1 <= widths[middle] / spectrum.bath.dephasing <= 1.2
    # Each strong line stands where it is said to, as high and as wide.
    high = np.argsort(-weights / widths)[:12]
    for centre, width, weight in zip(centres[high], widths[high], weights[high], strict=True):
        assert spectrum.at(centre) == pytest.approx(2 * weight / width, rel=0.05)
        assert spectrum.at(centre + width) == pytest.approx(weight / width, rel=0.1)
    assert {(0, 0), (-1, 0), (0, -1), (-1, -1)} <= {
        (a, b)
        for a in range(-2, 2)
        for b in range(-2, 2)
        if np.isclose(a + 1.618 * b, centres[high]).any()
    }


def test_lines_that_merge() -> None:
    centres, widths, weights = Spectrum([10.0], [1.0], [0.5], [0.1]).lines
    assert len(centres) == 1
    spectrum = Spectrum([10.0], [1.0], [0.5], [0.1])
    top, side = spectrum.at([centres[0], centres[0] + widths[0]])
    assert top == pytest.approx(spectrum.peak, rel=0.01)
    assert side == pytest.approx(top / 2, rel=0.1)
    assert weights == 1


def test_lines_of_many_modes() -> None:
    rng = np.random.default_rng(0)
    frequency = rng.uniform(0.5, 2, 60)
    row = (rng.normal(size=60), frequency, 0.15 * frequency, 0.05 * frequency)
    spectrum = Spectrum(*row)
    centres, widths, _ = spectrum.lines
    assert len(centres) == 1
    sides = spectrum.at(centres[0] + widths[0] * np.array([-1, 1]))
    assert sides.mean() == pytest.approx(spectrum.peak / 2, rel=0.1)


def test_extreme_sizes() -> None:
    """Nothing over- or underflows, and a line of weight one has the height 2/γ_φ."""
    for coupling in (1e-60, 1e-8):
        spectrum = Spectrum([coupling], 1.0, 1.0)
        assert spectrum.at(0.0) == pytest.approx(2 / spectrum.bath.dephasing, rel=1e-14)
        assert spectrum.bath.dephasing == pytest.approx(2 * coupling**2 / 1.25, rel=1e-14)
    for coupling, damping in ((1e3, 1.0), (1e6, 1e-3)):
        spectrum = Spectrum([coupling], 1.0, damping)
        assert spectrum.peak == pytest.approx(np.sqrt(2 * pi) / spectrum.bath.spread, rel=0.01)
    rates = [flip_rates([c], c, c, 0.0, 1.0, c) * c for c in (1e-100, 1.0, 1e100)]
    assert rates == pytest.approx([rates[1]] * 3, rel=1e-12)


def test_peak() -> None:
    for row in WAYS.values():
        spectrum = Spectrum(*row)
        energies = np.linspace(-60, 20, 80001)
        assert spectrum.peak == pytest.approx(spectrum.at(energies).max(), rel=0.1)
    narrow = Spectrum([0.4, 0.3, 0.2], [1.0, 1.618, 0.7], 0.002, 0.001)
    heights = narrow.at(narrow.lines[0])
    assert len(heights) > 100
    assert narrow.peak == heights.max()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[[1.0]]], 1.0, 1.0, 0.0, 1.0, 0.0), "`couplings` must be a row"),
        (([], 1.0, 1.0, 0.0, 1.0, 0.0), "`couplings` must be a row"),
        (([1.0, 2.0], [1.0], 1.0, 0.0, 1.0, 0.0), "`frequencies` must be a number or have one"),
        (([1.0], 1.0, -1.0, 0.0, 1.0, 0.0), "`loss` must not be negative"),
        (([1.0], 1.0, 1.0, -0.5, 1.0, 0.0), "`gain` must not be negative"),
        (([1.0], 1.0, 1.0, 1.0, 1.0, 0.0), "`loss` must exceed `gain`"),
        (([1.0, 0.5], 1.0, [1.0, 0.0], 0.0, 1.0, 0.0), "mode 1 has loss=0"),
        (([[1.0], [0.0]], 1.0, 1.0, 0.0, 1.0, 0.0), "row 1 was zero"),
        (([1e-170], 1.0, 1.0, 0.0, 1.0, 0.0), "must couple every spin"),
        (([1.0], 1.0, 1.0, 0.0, [1.0, 2.0], 0.0), "`field` must be a number or have one"),
        (([[1.0], [2.0]], 1.0, 1.0, 0.0, 1.0, np.zeros((3, 4))), "`energies` must be a number"),
        (([1.0], 1.0, 1.0, 0.0, 1.0, [np.nan]), "`energies` must be finite"),
        (([np.inf], 1.0, 1.0, 0.0, 1.0, 0.0), "`couplings` must be finite"),
        (([1.0], 1.0, 1.0, 0.0, "x", 0.0), "`field` must be made of real numbers"),
    ],
)
def test_bad_input(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=r"^Argument ") as caught:
        flip_rates(*arguments)
    assert message in str(caught.value)


def test_bad_input_of_one_row() -> None:
    with pytest.raises(InputError, match=r"`couplings` must be one row \(M,\)"):
        Spectrum([[1.0]], 1.0, 1.0)
    with pytest.raises(InputError, match=r"`couplings` must be one row \(M,\)"):
        coherence(1.0, [[1.0]], 1.0, 1.0)
    with pytest.raises(InputError, match="`times` must not be negative"):
        coherence(-1.0, [1.0], 1.0, 1.0)
