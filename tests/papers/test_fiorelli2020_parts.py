"""fiorelli2020: what its figures and claims are made of, against closed forms and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import simpson
from scipy.linalg import expm

import opendicke as od
from opendicke.papers import find_paper
from opendicke.papers.fiorelli2020.asymmetry import rise_of
from opendicke.papers.fiorelli2020.claims_of_cooling import power_of
from opendicke.papers.fiorelli2020.fictitious import dephased, readings
from opendicke.papers.fiorelli2020.loops import lowest_minimum
from opendicke.papers.fiorelli2020.standards import with_error
from opendicke.physics.rate_limits import Dephasing


def test_speeds_of_every_reading() -> None:
    """Order two of the field: 2Ω′²γ′/(γ′² + ξ²ΔE²) beside 2Ω²γ/(γ² + ε²), with ξΔE = λ²ε/2.

    At γ′ = cλ²γ and Ω′ = Ωλ this is (1/c)(1 + x²)/(1 + x²/4c²) times as fast, x = ε/γ. At η = 100,
    κ = ω = 1 it is x = 2g₁g₂(1 − θ)/[ηg₁²(1 + θ)] for the spin of small |g|; γ and ε in closed form
    differ from large η by parts in η² only.
    """
    parameters = find_paper("fiorelli2020").scale("smoke").parameters["ising"]
    found = readings(parameters, [2.0, -1.5])
    x = 2 * 3.0 / (0.05 * 100) * (100 / 101) / (102 / 101)
    assert float(found["case_cost"][1]) == pytest.approx(x, rel=1e-3)
    for decay in (0.5, 1.0, 2.0):
        slow, fast = (float(v) for v in found["reading_speed"].sel(reading=decay))
        assert slow == pytest.approx(1 / decay, rel=0.02)
        assert fast == pytest.approx((1 + x**2) / (1 + x**2 / (4 * decay**2)) / decay, rel=0.01)
    np.testing.assert_allclose(found["case_corrected"], 1, rtol=0.02)


@pytest.mark.parametrize("decay", [0.5, 1.0, 2.0])
def test_coherences_decay_as_read(decay: float) -> None:
    """One spin of γ_eff = 3 without field: ρ(↑↓) falls like exp(−decay·3 t)."""
    model = od.DickeModel([[1.0]], 1.0, loss=11.0, gain=1.0, field=0.0)
    given = Dephasing(od.dephasing_model(model).model, np.array([3.0]))
    generator = dephased(given, decay=decay)
    coherence = (expm(0.4 * generator) @ np.array([0.0, 1.0, 0.0, 0.0]))[1]
    assert abs(coherence) == pytest.approx(np.exp(-3 * 0.4 * decay), rel=1e-12)


@pytest.mark.parametrize(
    ("zero", "expected"), [(0.3, (0.3, 0.0)), (1.0, (1.0, 0.0)), (None, (0.5, 2e-3))]
)
def test_a_zero_on_the_grid_is_a_minimum(
    monkeypatch: pytest.MonkeyPatch, zero: float | None, expected: tuple[float, float]
) -> None:
    """Also where a point of the grid hits it; what rounding makes at the ends is none."""

    def loops(parameters: object, couplings: object, eta: float) -> float:
        x = np.log(eta)
        if abs(x) > np.log(50):
            return float(1e-8 * (2 + np.cos(40 * x)))  # noise
        if zero is None:
            return float(1e-3 * (2 + (x - np.log(0.5)) ** 2))
        return float(abs(x - np.log(zero)) * 1e-2)

    monkeypatch.setattr("opendicke.papers.fiorelli2020.loops.largest_loop", loops)
    etas = np.geomspace(0.01, 100, 41)
    own = np.array([loops(None, None, eta) for eta in etas])
    assert zero != 1.0 or own.min() < 1e-9
    place, value = lowest_minimum({}, [], etas, own)
    assert place == pytest.approx(expected[0], rel=1e-4)
    assert value == pytest.approx(expected[1], abs=1e-8)


def eq3(coupling: float, eta: float, jumps: np.ndarray, last: float) -> np.ndarray:
    """Eq. (3) as printed, ω = κ = 1, Ω = .1, by Simpson's rule on [0, last]."""
    t = np.linspace(0.0, last, 2 * round(50 * last) + 1)
    fade, bottom = np.exp(-eta * t / 2), eta**2 + 4
    f = (8 - 2 * eta**2) / (eta * bottom) * (1 - fade * np.cos(t)) - 8 * fade * np.sin(t) / bottom
    s = ((eta**2 - 4) * fade * np.sin(t) + 4 * eta * (fade * np.cos(t) - 1)) / bottom
    size = np.exp(-2 * coupling**2 * 4 * (2 + eta) / bottom * (f + t))
    phase = 16 * (jumps[:, None] * t - coupling**2 * s) / bottom
    return 2 * 0.1**2 * np.asarray(simpson(size * np.cos(phase), x=t, axis=-1))


@pytest.mark.parametrize(("coupling", "last", "rises"), [(0.1, 400.0, True), (1.2, 40.0, False)])
def test_rates_rise_again_where_the_coherence_revives(
    coupling: float, last: float, rises: bool
) -> None:
    """Lines at multiples of ω for small |g|, at η = .1, and none for a larger one."""
    quantum = 4.01 / 16
    away = np.arange(0.0, 3.0 * quantum, quantum / 20)
    rates = eq3(coupling, 0.1, away - coupling**2, last)
    again = float((rates / np.minimum.accumulate(rates)).max())
    assert (again > 2) is rises
    found = rise_of({"frequency": 1.0, "gain": 1.0, "field": 0.1}, coupling, 0.1)
    if rises:
        assert found >= again * (1 - 1e-6)
    else:
        assert found == again == 1


def test_powers_and_errors() -> None:
    """ln y = −x ln N, its error from the errors of y; digits of an error."""
    sizes = np.array([10, 100, 1000])
    power, error = power_of(sizes, 3.0 * sizes**-0.8, 0.03 * sizes**-0.8)
    assert power == pytest.approx(0.8, rel=1e-9)
    assert error == pytest.approx(0.01 / (np.log(10) * 2**0.5), rel=1e-6)
    bent = power_of(sizes, np.array([1.0, 0.2, 0.01]), np.array([1e-3, 2e-4, 1e-5]))
    assert bent[1] > 0.1
    assert power_of(sizes[:2], np.array([1.0, 0.1]), np.array([0.03, 0.004]))[1] == pytest.approx(
        0.05 / np.log(10)
    )
    assert with_error(0.028776, 0.00043680) == "0.02878 ± 0.00044"
    assert with_error(2.3187, 0.1359) == "2.32 ± 0.14"
    assert with_error(0.5, float("nan")) == "0.5"
