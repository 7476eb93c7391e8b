"""Decay of coherence between configurations, against integrals and displaced oscillators."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

import opendicke as od
from opendicke.physics import coherence_times as module
from opendicke.physics.coherence_times import (
    closest_decays,
    coherence_rates,
    coherence_times,
    pair_decays,
    validity,
)

# One mode, ω = gain = 1, loss = 11 (η = 10), h = 0.1.
PAPER = (1.0, 11.0, 1.0)


def drawn(spins: int, modes: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(seed)
    gain = random.uniform(0, 1, modes)
    loss = gain + random.uniform(0.2, 2, modes)
    return random.normal(size=(spins, modes)), random.normal(size=modes), loss, gain


def displaced_decay(change: np.ndarray, omega: Any, loss: Any, gain: Any) -> float:
    """Decay of coherence between two forces that differ by `change` (M,), by the displacements.

    Either force displaces its mode by −G/(ω − iΓ/2); jumps of both kinds tell the two apart at
    half their rates times the squared difference.
    """
    shift = -change / (omega - 0.5j * (loss - gain))
    return float(((loss + gain) / 2 * np.abs(shift) ** 2).sum())


def test_rates_are_integrals_of_the_noise() -> None:
    """The slope of D(t): 4g²(2n̄+1) times the integral of e^{−Γs/2} cos ωs over all s."""
    couplings, omega, loss, gain = drawn(3, 3)
    omega[1] = 0.0
    expected = np.zeros(3)
    for mode in range(3):
        damping = loss[mode] - gain[mode]

        def noise(s: float, mode: int = mode, damping: float = damping) -> float:
            return float(np.exp(-damping * s / 2) * np.cos(omega[mode] * s))

        memory = quad(noise, 0, 80 / damping, limit=500, epsabs=1e-12)[0]
        occupation = gain[mode] / damping
        expected += 4 * couplings[:, mode] ** 2 * (2 * occupation + 1) * memory
    rates = coherence_rates(couplings, omega, loss, gain)
    np.testing.assert_allclose(rates, expected, rtol=1e-9)
    np.testing.assert_allclose(coherence_times(couplings, omega, loss, gain), 1 / expected)


def test_time_of_the_paper() -> None:
    """fiorelli2020: t_L = ω/(2g²ν) with ν = 4(1+θ)η/[(η²+4)(1−θ)]."""
    g, omega, loss, gain = np.array([0.3, -2.0]), 0.8, 2.0, 0.5
    eta, theta = (loss - gain) / omega, gain / loss
    nu = 4 * (1 + theta) * eta / ((eta**2 + 4) * (1 - theta))
    times = coherence_times(g[:, None], omega, loss, gain)
    np.testing.assert_allclose(times, omega / (2 * g**2 * nu), rtol=1e-14)
    # A detuning of the other sign loses coherence as fast.
    np.testing.assert_allclose(coherence_times(g[:, None], -omega, loss, gain), times, rtol=1e-14)


def test_spins_without_lossy_modes_keep_their_coherence() -> None:
    times = coherence_times([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]], [1.0, 0.0], [1.0, 0.0], 0.0)
    assert times.tolist() == [np.inf, np.inf, 0.625]  # (1 + 1/4)/2
    assert closest_decays([[1.0], [2.0]], 0.0, 0.0, 0.0).tolist() == [0.0, 0.0]


def test_pairs_against_displaced_oscillators() -> None:
    """All configurations of four spins: two flips change the force on each mode by this much."""
    couplings, omega, loss, gain = drawn(4, 2)
    decays = pair_decays(couplings, omega, loss, gain)
    assert np.isinf(np.diagonal(decays)).all()
    rates = coherence_rates(couplings, omega, loss, gain)
    for i in range(4):
        single = displaced_decay(2 * couplings[i], omega, loss, gain)
        assert rates[i] == pytest.approx(single, rel=1e-13)
    least = np.full((4, 4), np.inf)
    for sigma in itertools.product((1, -1), repeat=4):
        for i, j in itertools.permutations(range(4), 2):
            after = np.array(sigma)
            after[[i, j]] *= -1
            change = np.array(sigma) @ couplings - after @ couplings
            least[i, j] = min(least[i, j], displaced_decay(change, omega, loss, gain))
    np.testing.assert_allclose(decays, least, rtol=1e-12)


@pytest.mark.parametrize("modes", [1, 2, 5, 8, 9, 20])
def test_nearest_neighbours_among_all_pairs(modes: int) -> None:
    """Sorting, tree and matrix product, with equal, reversed and uncoupled rows among them."""
    couplings, omega, loss, gain = drawn(60, modes, modes)
    expected = pair_decays(couplings, omega, loss, gain).min(axis=1)
    found = closest_decays(couplings, omega, loss, gain)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.min() > 0
    couplings[7], couplings[20], couplings[33] = -couplings[3], couplings[3], 0.0
    # Equal but for rounding.
    couplings[40] = -(couplings[50] * 3) / 3 * (1 + 2e-16)
    found = closest_decays(couplings, omega, loss, gain)
    expected = pair_decays(couplings, omega, loss, gain).min(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.flatnonzero(found == 0).tolist() == [3, 7, 20, 40, 50]
    assert closest_decays(couplings[:1], omega, loss, gain).tolist() == [np.inf]


def test_equal_patterns_are_all_protected() -> None:
    """Random ±1: of 300 rows of three signs all have a partner; of 64 distinct ones none."""
    signs = np.sign(np.random.default_rng(1).normal(size=(300, 3)))
    assert (closest_decays(signs, 1.0, 1.0, 0.0) == 0).all()
    distinct = np.array([(1, *row) for row in itertools.product((1, -1), repeat=6)])
    # The nearest differs in one sign: Λ = 2·2²/(1 + 1/4).
    np.testing.assert_allclose(closest_decays(distinct, 1.0, 1.0, 0.0), 6.4, rtol=1e-14)


def largest_rate(pair: tuple[float, float]) -> float:
    """Largest rate of any flip of two spins, by quadrature of fiorelli2020 Eq. (3)."""
    eta, theta = 10.0, 1 / 11
    nu = 4 * (1 + theta) * eta / ((eta**2 + 4) * (1 - theta))
    edges = np.linspace(0, 60, 1201)
    nodes, weights = np.polynomial.legendre.leggauss(8)
    tau = ((edges[1:] + edges[:-1])[:, None] + nodes * np.diff(edges)[:, None]).ravel() / 2
    weight = (weights * np.diff(edges)[:, None]).ravel() / 2
    decay, turn = np.exp(-eta * tau / 2), np.exp(1j * tau)
    f = (8 - 2 * eta**2) / (eta * (eta**2 + 4)) * (1 - decay * turn.real)
    f -= 8 * decay * turn.imag / (eta**2 + 4)
    s = (4 * eta * (decay * turn.real - 1) + (eta**2 - 4) * decay * turn.imag) / (eta**2 + 4)
    jump = pair[0] * pair[1]
    rates = [
        2
        * 0.1**2
        * weight
        @ (
            np.exp(-2 * g**2 * nu * (f + tau))
            * np.cos(16 * (sign * jump * tau - g**2 * s) / (eta**2 + 4))
        )
        for g in pair
        for sign in (1, -1)
    ]
    return float(max(rates))


@pytest.mark.parametrize(
    ("pair", "ratio", "doubtful", "protected"),
    [
        ((3.0, 3.0), 0.0, 2, 2),
        ((3.0, -3.0), 0.0, 2, 2),
        ((3.0, 2.8), 7.05, 2, 0),
        ((2.0, -1.5), 18.6, 2, 0),
        ((3.0, 2.5), 38.2, 0, 0),
    ],
)
def test_verdicts_on_two_spins(
    pair: tuple[float, float], ratio: float, doubtful: int, protected: int
) -> None:
    """Λ over the largest rate of a single flip: 0, 7, 19 and 38."""
    verdict = validity(np.array(pair)[:, None], *PAPER, 0.1, largest_rate(pair))
    assert verdict.ratio == pytest.approx(ratio, rel=5e-3)
    assert (verdict.doubtful, verdict.protected) == (doubtful, protected)
    # h t_L = h (1 + η²/4)/[2 g² (loss + gain)]
    np.testing.assert_allclose(verdict.drive, 0.1 * 26 / (24 * np.array(pair) ** 2), rtol=1e-13)


def test_verdicts_count_spins_not_pairs() -> None:
    g = np.array([1.0, -1.0, 1.0, 5.0, 5.1, 9.0, 0.0])
    factor = 2 * 12 / 26
    verdict = validity(g[:, None], *PAPER, [0.2] * 6 + [0.0], 0.01 * factor / 15)
    assert (verdict.protected, verdict.doubtful, verdict.ratio) == (3, 5, 0.0)
    assert verdict.drive[6] == 0  # nothing turns this spin, however long it stays coherent
    np.testing.assert_allclose(verdict.decay, factor * np.array([0, 0, 0, 0.01, 0.01, 3.9**2, 1]))
    turned = validity(g[:, None], *PAPER, 0.2, 0.0)
    assert turned.drive[6] == np.inf
    assert (turned.ratio, turned.doubtful, turned.protected) == (np.inf, 0, 3)
    assert validity([[1.0]], *PAPER, 0.1, 1.0).ratio == np.inf


def test_many_spins_and_modes_are_searched_up_to_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bounded search counts the same spins and gives the same small decays."""
    couplings, omega, loss, gain = drawn(200, 9, 3)
    couplings[5] = -couplings[4]
    rate = float(np.median(closest_decays(couplings, omega, loss, gain))) / 20
    full = validity(couplings, omega, loss, gain, 1.0, rate)
    assert full.doubtful == 100
    monkeypatch.setattr(module, "_MATRIX", 100)
    bounded = validity(couplings, omega, loss, gain, 1.0, rate)
    assert (bounded.ratio, bounded.doubtful, bounded.protected) == (0.0, 100, 2)
    near = full.decay < 20 * rate
    np.testing.assert_allclose(bounded.decay[near], full.decay[near], rtol=1e-12)
    assert np.isinf(bounded.decay[full.decay > 20 * rate * (1 + 1e-9)]).all()
    couplings[5] *= 1 + 2e-16
    assert validity(couplings, omega, loss, gain, 1.0, 0.0).protected == 2


def test_a_hundred_thousand_spins() -> None:
    g = np.random.default_rng(0).normal(size=(100_000, 1))
    decays = closest_decays(g, *PAPER)
    place = int(np.argmax(decays))  # far out in the tail
    others = np.delete(np.abs(g[:, 0]), place)
    gap = np.abs(others - np.abs(g[place, 0])).min()
    assert decays[place] == pytest.approx(24 / 26 * gap**2, rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([1.0, 2.0], 1.0, 1.0, 0.0), "`couplings` must have the shape (spin, mode)"),
        (([[1.0]], [1.0, 2.0], 1.0, 0.0), "`frequencies` must be a number or have one entry"),
        (([[1.0]], 1.0, -1.0, 0.0), "`loss` must not be negative"),
        (([[1.0]], 1.0, 1.0, 1.0), "`loss` must exceed `gain`"),
        (([[np.nan]], 1.0, 1.0, 0.0), "`couplings` must be finite"),
    ],
)
def test_bad_input_gets_one_sentence(arguments: Any, sentence: str) -> None:
    for function in (coherence_rates, coherence_times, pair_decays, closest_decays):
        with pytest.raises(od.InputError) as caught:
            function(*arguments)
        assert sentence in str(caught.value)
    with pytest.raises(od.InputError) as caught:
        validity(*arguments, 1.0, 1.0)
    assert sentence in str(caught.value)


def test_bad_rates_and_fields() -> None:
    with pytest.raises(od.InputError, match="`largest_rate` must be at least 0, but was -1"):
        validity([[1.0]], *PAPER, 0.1, -1.0)
    with pytest.raises(od.InputError, match="`field` must be a number or have one entry per spin"):
        validity([[1.0]], *PAPER, [0.1, 0.2], 1.0)
