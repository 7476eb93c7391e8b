"""Times t_h and t_ω of kelly2021 against closed forms, limits and the fields of drawn couplings."""

from __future__ import annotations

import math

import numpy as np
import pytest

import opendicke as od
from opendicke.physics.timescales import perturbative_time, photon_time


def test_by_hand() -> None:
    """kelly2021 Fig. 2 left, α = 10, σ = 2, h = 1: the paper says t_h ≈ 2/h, and 2√110/11 it is."""
    assert perturbative_time(2.0, 10.0, 1.0) == pytest.approx(2 * math.sqrt(110) / 11, rel=1e-14)
    quantum = perturbative_time(2.0, 10.0, 1.0, self_term=False)
    assert quantum == pytest.approx(2 * math.sqrt(10) / 11, rel=1e-14)
    # Fig. 2 centre: σ from 2.1 to 5, the field's sign does not matter.
    found = perturbative_time([2.1, 5.0], 10.0, [[1.0], [-2.0]])
    expected = np.array([[4.41, 25.0], [4.41 / 4, 25.0 / 4]]) * math.sqrt(110) / 22
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_many_modes() -> None:
    """α → ∞: σ²/2h² as printed; without the self-term σ²/(2h²√α)."""
    assert perturbative_time(3.0, 1e12, 2.0) == pytest.approx(9 / 8, rel=1e-11)
    quantum = perturbative_time(3.0, 1e12, 2.0, self_term=False)
    assert quantum == pytest.approx(9 / 8 / 1e6, rel=1e-11)


@pytest.mark.parametrize(("spins", "modes"), [(100, 400), (150, 150)])
def test_fields_of_drawn_couplings(spins: int, modes: int) -> None:
    """2h²t_h is the size of the field that a spin feels, of other spins alone or with its own."""
    sigma, frequency, alpha = 1.7, 2.5, modes / spins
    own, others = [], []
    for seed in range(10):
        model = od.RandomDicke(
            od.Gaussian(sigma=sigma), spins, modes, frequencies=frequency, field=1.0
        ).draw(seed)
        fields = 2 * model.couplings @ model.couplings.T / frequency
        diagonal = np.diag(fields)
        own.append((diagonal**2).mean())
        others.append((fields**2).sum(axis=1).mean() - own[-1])
    # A finite number of modes lets (Σg²)² fluctuate, 2/modes, and a spin has spins − 1 others.
    alone = math.sqrt(np.mean(others) * spins / (spins - 1)) / 2
    both = math.sqrt(alone**2 + np.mean(own) / (1 + 2 / modes) / 4)
    assert perturbative_time(sigma, alpha, 1.0, self_term=False) == pytest.approx(alone, rel=0.01)
    assert perturbative_time(sigma, alpha, 1.0) == pytest.approx(both, rel=0.01)


def test_bounds_of_the_photon_time() -> None:
    """kelly2021 below Eq. (7): ω²/(σ²h²) ≲ t_ω ≲ ω²σ²/h⁴ for many modes, here with the factors."""
    times = photon_time(3.0, 1e12, 5.0, 2.0)
    assert times.low == pytest.approx(2 * 25 / (9 * 4), rel=1e-11)
    assert times.high == pytest.approx(25 * 9 / (2 * 16), rel=1e-11)


@pytest.mark.parametrize("self_term", [True, False])
def test_bounds_follow_from_equation_7(self_term: bool) -> None:
    """t_ω = t_s² ω²/(h² t_h) at t_s = 1/h and t_s = t_h; the middle is ω²/h³, always."""
    sigma, alpha, frequency, field = 4.0, np.array([0.3, 1.0, 10.0]), 2.5, -0.7
    flips = perturbative_time(sigma, alpha, field, self_term=self_term)
    assert (flips > 1 / 0.7).all()
    times = photon_time(sigma, alpha, frequency, field, self_term=self_term)
    for found, change in zip(times, (1 / 0.7, flips), strict=True):
        np.testing.assert_allclose(found, change * 2.5**2 * change / (0.49 * flips), rtol=1e-13)
    np.testing.assert_allclose(np.sqrt(times.low * times.high), 2.5**2 / 0.7**3, rtol=1e-13)


def test_the_bounds_meet_and_change_places() -> None:
    """At h t_h = 1, that is σ² = 2√2 h for α = 1, both are ω²/h³; for weaker disorder they swap."""
    strong = 2 * math.sqrt(2)
    times = photon_time(math.sqrt(strong), 1.0, 3.0, 1.0)
    assert times.low == pytest.approx(9.0, rel=1e-13)
    assert times.high == pytest.approx(9.0, rel=1e-13)
    weak = photon_time(math.sqrt(strong / 4), 1.0, 3.0, 1.0)
    assert weak.low == pytest.approx(9.0 / 4, rel=1e-13)  # t_s = t_h
    assert weak.high == pytest.approx(9.0 * 4, rel=1e-13)  # t_s = 1/h


def test_units() -> None:
    """All energies times c, σ² among them: all times over c."""
    c = 3.7
    before = photon_time(2.0, 10.0, 3.6, 1.0)
    after = photon_time(2.0 * math.sqrt(c), 10.0, 3.6 * c, c)
    np.testing.assert_allclose(np.array(after) * c, before, rtol=1e-13)
    assert perturbative_time(2.0 * math.sqrt(c), 10.0, c) * c == pytest.approx(
        float(perturbative_time(2.0, 10.0, 1.0)), rel=1e-13
    )


def test_shapes() -> None:
    times = photon_time([1.0, 2.0], [[0.5], [1.0], [2.0]], 1.0, 1.0)
    assert times.low.shape == times.high.shape == (3, 2)
    assert (times.low <= times.high).all()


def test_one_sentence() -> None:
    with pytest.raises(od.InputError) as caught:
        perturbative_time(2.0, [1.0, -1.0], 1.0)
    assert str(caught.value) == "Argument `alpha` must be positive, but entry (1,) was -1."
    with pytest.raises(od.InputError) as caught:
        photon_time(2.0, 1.0, 0.0, 1.0)
    assert str(caught.value) == "Argument `frequency` must be positive, but was 0."
    with pytest.raises(od.InputError) as caught:
        photon_time(2.0, 1.0, 1.0, 0.0)
    assert str(caught.value) == "Argument `field` must not be zero, but was 0."
    with pytest.raises(od.InputError) as caught:
        photon_time([1.0, 2.0], [1.0, 2.0, 3.0], 1.0, 1.0)
    assert str(caught.value) == (
        "Argument `alpha` must fit the shape (2,) of the others, but had shape (3,)."
    )
    with pytest.raises(od.InputError, match="Argument `sigma` must be finite"):
        perturbative_time(np.inf, 1.0, 1.0)
