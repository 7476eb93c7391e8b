"""Stationary states and their stability in the dynamics: kicks, growth rates, what users hear."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import opendicke as od

# carollo2021 Fig. 3 parameters.
FIELD, LOSS = 0.5, 1.0
FREQUENCIES = FIELD * np.array([3, 4, 5, 6])
CRITICAL = [0.6454972243679028, 0.7288689868556626, 0.806225774829855, 0.8779711460710615]
SIGNS = np.array([(1, *rest) for rest in product((1, -1), repeat=3)], dtype=float)  # (8, 4)


def limit(strength: float, **replaced: Any) -> od.DickeModel:
    settings = {"frequencies": FREQUENCIES, "loss": LOSS, "field": FIELD, **replaced}
    return od.RandomDicke(od.Binary(strength), 16, 4, **settings).thermodynamic()


def kicked_run(strength: float, pattern: int, kick: float, times: np.ndarray) -> np.ndarray:
    """Overlaps (T, 4) by DOP853 from the closed-form state, spins moved: without this library."""
    z = np.sqrt(1 - (CRITICAL[pattern] / strength) ** 4)
    spins = np.zeros((8, 3))
    spins[:, 0], spins[:, 2] = -np.sqrt(1 - z**2), z * SIGNS[:, pattern]
    a = np.zeros(4, dtype=complex)
    a[pattern] = -1j * strength * z / (LOSS / 2 + 1j * FREQUENCIES[pattern])
    spins += kick * np.random.default_rng(1).normal(size=spins.shape)
    spins /= np.linalg.norm(spins, axis=1)[:, None]

    def rhs(_: float, u: np.ndarray) -> np.ndarray:
        (x, y, z), a = u[:24].reshape(3, 8), u[24:28] + 1j * u[28:]
        phi = 2 * strength * SIGNS @ a.real
        da = -(LOSS / 2 + 1j * FREQUENCIES) * a - 1j * strength * (SIGNS.T @ z) / 8
        ds = [-2 * phi * y, 2 * (phi * x - FIELD * z), 2 * FIELD * y]
        return np.concatenate([*ds, da.real, da.imag])

    start = np.concatenate([spins.T.ravel(), a.real, a.imag])
    span = (0.0, float(times[-1]))
    u = solve_ivp(rhs, span, start, "DOP853", times, rtol=1e-11, atol=1e-13).y
    return np.asarray((u[16:24].T @ SIGNS) / 8)


@pytest.mark.parametrize(("pattern", "ratio"), [(3, 1.02), (3, 1.1), (2, 1.05)])
def test_growth_rate_of_a_kick(pattern: int, ratio: float) -> None:
    """A kick of 10⁻⁸ grows exponentially at the rate of the quartic and of the Jacobian."""
    strength = ratio * CRITICAL[pattern]
    rate = od.retrieval_growth(strength, FIELD, FREQUENCIES, LOSS)[pattern]
    model = limit(strength)
    found = od.spectrum(model, od.retrieval_state(model, pattern))
    assert found.growth_rate == pytest.approx(rate, rel=1e-10)
    times = np.array([0.0, 6.0, 10.0]) / rate
    course = np.abs(kicked_run(strength, pattern, 1e-8, times)[1:, 0])
    assert course[1] < 1e-3
    assert np.log(course[1] / course[0]) / (times[2] - times[1]) == pytest.approx(rate, rel=0.01)


@pytest.mark.parametrize(
    ("pattern", "ratio", "ends"),
    [(3, 1.02, 0), (3, 1.1, 0), (3, 1.25, 3), (2, 1.05, 0), (2, 1.3, 2), (0, 1.1, 0)],
)
def test_where_a_kick_ends(pattern: int, ratio: float, ends: int) -> None:
    """Inside its window a kicked memory goes over to pattern 0, beyond it survives."""
    strength = ratio * CRITICAL[pattern]
    model = limit(strength)
    state = od.retrieval_state(model, pattern)
    assert od.is_stable(model, state) == (ends == pattern)
    own = kicked_run(strength, pattern, 1e-3, np.array([0.0, 150.0, 300.0]))[-1]
    start, times = state.kicked(1e-3, seed=2), np.array([0.0, 300.0])
    ds = od.solve(model, start, times, od.MeanField(), ["overlap"])
    theory = od.retrieval_overlap(strength, FIELD, FREQUENCIES[ends], LOSS)
    for overlap in (own, ds.overlap.values[-1]):
        assert np.argmax(np.abs(overlap)) == ends
        assert abs(overlap[ends]) == pytest.approx(theory, abs=0.05)


def test_a_mixture_of_three_patterns_is_stable_at_strong_coupling() -> None:
    """At g₀ = 3 a spurious memory survives a kick; at g₀ = 1.5 there is no stable one."""
    model = limit(3.0)
    states = od.stationary_states(model, starts=100)
    mixed = [s for s in states if len(s.patterns) > 1 and od.is_stable(model, s)]
    assert {len(s.patterns) for s in mixed} == {3}
    state = next(s for s in mixed if s.patterns == ((0, 1), (1, 1), (2, 1)))
    ds = od.solve(model, state.kicked(1e-3), [0.0, 100.0], od.MeanField(), ["overlap"])
    np.testing.assert_allclose(ds.overlap.values[-1], state.overlap, atol=5e-3)
    weaker = limit(1.5)
    kinds = [
        len(s.patterns) for s in od.stationary_states(weaker, starts=100) if od.is_stable(weaker, s)
    ]
    assert kinds == [1] * 8


def test_a_start_in_a_stationary_state_stays_there() -> None:
    """Drawn couplings, gain and other axes: the solver does not move the state."""
    model = od.RandomDicke(
        od.Binary(1.6),
        40,
        3,
        frequencies=FREQUENCIES[:3],
        loss=1.2,
        gain=0.2,
        field=FIELD,
        coupling_axis="x",
        field_axis="z",
    ).draw(4)
    state = od.retrieval_state(model, 0, -1)
    assert od.is_stable(model, state)
    ds = od.solve(
        model,
        state.product_state(),
        np.linspace(0.0, 40.0, 5),
        od.MeanField(),
        ["sx_spin", "sz_spin", "overlap", "photons_mode"],
        validity="ignore",
    )
    np.testing.assert_allclose(ds.sx_spin - state.spins[:, 2], 0, atol=1e-5)
    np.testing.assert_allclose(ds.sz_spin - state.spins[:, 0], 0, atol=1e-5)
    np.testing.assert_allclose(ds.overlap - state.overlap, 0, atol=1e-5)
    photons = np.abs(state.amplitudes) ** 2 + 0.2
    np.testing.assert_allclose(ds.photons_mode - photons, 0, atol=1e-4)


def remarks(model: od.DickeModel, state: od.ProductState) -> str:
    return " ".join(od.assess(model, state, [0.0, 1.0], od.MeanField()).remarks)


def test_mean_field_says_that_an_aligned_start_hides_an_instability() -> None:
    rate = od.retrieval_growth(0.9, FIELD, FREQUENCIES, LOSS)[3]
    expected = (
        "MeanField: the retrieval state of pattern 3 is linearly unstable here (g₀ = 0.9, unstable "
        f"below 1.024): small perturbations grow at the rate {rate:.3g}, which a start exactly "
        "along the pattern hides."
    )
    with pytest.warns(od.ValidityWarning) as caught:
        od.solve(limit(0.9), od.ProductState.pattern(3), [0.0, 1.0], od.MeanField(), ["overlap"])
    assert [str(warning.message) for warning in caught] == [expected]


def test_no_remark_where_nothing_is_hidden() -> None:
    start = od.ProductState.pattern
    hidden = "linearly unstable"
    assert hidden in remarks(limit(-0.9), start(3))
    assert hidden in remarks(limit(1.1), start(3, flipped=0.1))  # window up to 1.024/√.8 = 1.145
    assert hidden in remarks(limit(1.1), start(3, flipped=0.9))
    assert "at every coupling" in remarks(
        limit(3.0, frequencies=FREQUENCIES * [1, 1, -1, 1]), start(3)
    )
    assert hidden in remarks(limit(0.9), start(3, displacement=[0, 0, 0, 0.1]))
    signs = np.array(list(product((1, -1), repeat=4)))
    finite = od.DickeModel(0.9 * signs / 4, FREQUENCIES, LOSS, field=FIELD)
    assert hidden in remarks(finite, start(3))  # 16 spins, each row of signs once
    for model, state in [
        (replace(finite, couplings=1.1 * signs / 4), start(3, flipped=0.1)),
        (
            od.DickeModel(0.9 * signs / 4 * [1, 1.001, 1, 1], FREQUENCIES, LOSS, field=FIELD),
            start(3),
        ),
        (limit(0.9), start(0)),
        (limit(1.03), start(3)),
        (limit(0.87), start(3)),  # below threshold: there is no such state
        (limit(1.03), start(3, flipped=0.5)),
        (limit(0.9), start(3, displacement=0.1)),  # not aligned
        (limit(0.9), od.ProductState.polarized("+z")),
        (limit(0.9, field=0.0), start(3)),
        (limit(0.9, frequencies=FREQUENCIES * [1, 1, 0, 1]), start(3)),
        (
            od.RandomDicke(
                od.Binary(0.9), 50, 4, frequencies=FREQUENCIES, loss=LOSS, field=FIELD
            ).draw(),
            start(3),
        ),
    ]:
        assert hidden not in remarks(model, state)
