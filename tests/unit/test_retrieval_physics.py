"""Closed forms of retrieval, stationary states and the theorem, against independent numbers."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

import opendicke as od
from opendicke.physics.folded import derivative

# carollo2021 Fig. 3: M = 4, loss 1, Ω = .5, Ω_μ = Ω(μ + 2); numbers by hand from the closed forms.
FIELD, LOSS = 0.5, 1.0
FREQUENCIES = FIELD * np.array([3, 4, 5, 6])
CRITICAL = [0.6454972243679028, 0.7288689868556626, 0.806225774829855, 0.8779711460710615]


def limit(strength: float, **replaced: Any) -> od.DickeModel:
    settings = {"frequencies": FREQUENCIES, "loss": LOSS, "field": FIELD, **replaced}
    return od.RandomDicke(
        od.Binary(strength), 16, len(settings["frequencies"]), **settings
    ).thermodynamic()


def drawn(strength: float = 1.6, seed: int = 4, spins: int = 40, modes: int = 3) -> od.DickeModel:
    """Unequal counts and correlated patterns."""
    return od.RandomDicke(
        od.Binary(strength), spins, modes, frequencies=FREQUENCIES[:modes], loss=LOSS, field=FIELD
    ).draw(seed)


def rates(model: od.DickeModel, bloch: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean-field equations spin by spin, as carollo2021 Eqs. (S27) print them."""
    weights = np.ones(model.spins) if model.weights is None else model.weights
    x, y, z = bloch.T
    phi = np.array(
        [
            sum(g * (c + c.conjugate()).real for g, c in zip(row, a, strict=True))
            for row in model.couplings
        ]
    )
    ds = np.stack([-2 * phi * y, -2 * model.field * z + 2 * phi * x, 2 * model.field * y], axis=1)
    da = [
        -(1j * w + (lo - ga) / 2) * c - 1j * np.sum(weights * g * z)
        for w, lo, ga, c, g in zip(
            model.frequencies, model.loss, model.gain, a, model.couplings.T, strict=True
        )
    ]
    return ds, np.array(da)


def test_nothing_is_kept_without_coupling() -> None:
    """Overlap and occupation 0 at g₀ = 0, without a warning, even where the threshold is 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(
            od.retrieval_overlap([0.0, 1e-200, 1.0], [[0.0], [0.5]], 1.5, 1.0) > 0,
            [[False, True, True], [False, False, True]],
        )
        assert od.retrieval_occupation(0.0, FIELD, FREQUENCIES, LOSS).tolist() == [0.0] * 4


def test_occupation() -> None:
    """g₀²ξ²/(ω² + loss²/4): g₀² = 1, ξ² = 1 − (5/12)², ω² + ¼ = 5/2 for pattern 0 of Fig. 3."""
    assert od.critical_coupling(FIELD, 1.5, LOSS) ** 2 == pytest.approx(5 / 12, rel=1e-14)
    found = od.retrieval_occupation(1.0, FIELD, 1.5, LOSS)
    assert found == pytest.approx((1 - (5 / 12) ** 2) / 2.5, rel=1e-14)
    shorter = od.retrieval_occupation(1.0, FIELD, 1.5, LOSS, length=0.8)
    assert shorter == pytest.approx((0.64 - (5 / 12) ** 2) / 2.5, rel=1e-14)


@pytest.mark.parametrize("orientation", [1, -1])
@pytest.mark.parametrize("length", [1.0, 0.8])
@pytest.mark.parametrize("pattern", range(4))
def test_retrieval_state_is_the_closed_form(pattern: int, length: float, orientation: int) -> None:
    """ξ, x = −(g_c/g₀)², |α|², and nothing moves by an independent right-hand side."""
    model = limit(1.3)
    state = od.retrieval_state(model, pattern, orientation, length)
    xi = math.sqrt(length**2 - (CRITICAL[pattern] / 1.3) ** 4)
    expected = orientation * xi * np.eye(4)[pattern]
    np.testing.assert_allclose(state.overlap, expected, atol=1e-14)
    np.testing.assert_allclose(state.spins[:, 0], -((CRITICAL[pattern] / 1.3) ** 2), rtol=1e-13)
    np.testing.assert_allclose(np.linalg.norm(state.spins, axis=1), length, rtol=1e-14)
    occupation = od.retrieval_occupation(1.3, FIELD, FREQUENCIES[pattern], LOSS, length)
    np.testing.assert_allclose(abs(state.amplitudes[pattern]) ** 2, occupation, rtol=1e-13)
    still = np.concatenate([np.ravel(r) for r in rates(model, state.spins, state.amplitudes)])
    assert np.abs(still).max() < 1e-14
    assert state.residual < 1e-14
    assert (state.patterns, state.branch) == (((pattern, orientation),), -1)


def test_retrieval_with_negative_frequency_gain_field_and_axes() -> None:
    """H → −H: spins along their field; gain reduces the damping; Z and X may be any axes."""
    model = limit(
        1.3,
        frequencies=-FREQUENCIES,
        loss=1.5,
        gain=0.5,
        field=-FIELD,
        coupling_axis="x",
        field_axis="y",
    )
    state = od.retrieval_state(model, 1)
    assert state.branch == 1
    np.testing.assert_allclose(abs(state.overlap), abs(od.retrieval_state(limit(1.3), 1).overlap))
    lab = state.product_state()
    assert lab.occupation.tolist() == [0.5] * 4
    resolved = lab.resolve(model)
    np.testing.assert_allclose(resolved.bloch, state.spins, atol=1e-15)
    np.testing.assert_allclose(
        rates(model, resolved.bloch, resolved.displacement)[0], 0, atol=1e-14
    )
    settled = od.ProductState.bloch(lab.spins.vectors, bosons="stationary").resolve(model)
    np.testing.assert_allclose(settled.displacement, resolved.displacement, atol=1e-15)


def test_the_residual_is_measured_by_the_equations() -> None:
    """The right-hand side behind `residual`, away from rest, against one written by hand."""
    rng = np.random.default_rng(0)
    for model in (drawn(), limit(1.3, gain=0.3)):
        bloch = rng.normal(size=(model.spins, 3))
        a = rng.normal(size=model.modes) + 1j * rng.normal(size=model.modes)
        for found, expected in zip(
            derivative(model, bloch, a), rates(model, bloch, a), strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_kicked() -> None:
    model = limit(1.3)
    state = od.retrieval_state(model, 0, length=0.7)
    moved = state.kicked(1e-3, seed=5).resolve(model).bloch
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 0.7, rtol=1e-14)
    assert 2e-4 < np.std(moved - state.spins) < 2e-3
    again, other = (state.kicked(1e-3, seed=s).resolve(model).bloch for s in (5, 6))
    assert (moved == again).all()
    assert (moved != other).any()


def test_below_threshold_one_sentence_says_so() -> None:
    with pytest.raises(od.InputError) as caught:
        od.retrieval_state(limit(0.8), 3)
    assert str(caught.value) == (
        "Argument `model` must couple above the threshold of pattern 3 (g₀ = 0.877971), "
        "but had g₀ = 0.8."
    )
    for pattern in range(3):
        with pytest.raises(od.InputError, match=f"must keep pattern {pattern}"):
            od.retrieval_state(drawn(0.3), pattern)
    od.retrieval_state(limit(CRITICAL[3] / np.sqrt(0.8) + 1e-6), 3, length=0.8)
    with pytest.raises(od.InputError, match=r"0\.981602"):  # the threshold divided by √.8
        od.retrieval_state(limit(0.98), 3, length=0.8)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("orientation", [1, -1])
def test_retrieval_with_unequal_counts(seed: int, orientation: int) -> None:
    """Newton's root on a drawn model: nothing moves, pattern 2 leads, others are mixed in."""
    model = drawn(seed=seed)
    state = od.retrieval_state(model, 2, orientation, 0.9)
    spin_rates, mode_rates = rates(model, state.spins, state.amplitudes)
    assert np.abs(spin_rates).max() < 1e-12
    assert np.abs(mode_rates).max() < 1e-12
    assert orientation * state.overlap[2] > 0.7
    assert 1e-3 < np.abs(state.overlap[:2]).max() < 0.5
    assert (2, orientation) in state.patterns
    np.testing.assert_allclose(np.linalg.norm(state.spins, axis=1), 0.9, rtol=1e-13)


def energy(model: od.DickeModel, forces: np.ndarray, branch: int) -> float:
    """V(p) = Σ p²/(2χ) + ½ σ Σ_k w_k √(h² + φ_k²), rows not folded."""
    chi = model.frequencies / (model.frequencies**2 + model.damping**2 / 4)
    phi = 2 * model.couplings @ forces
    return float(np.sum(forces**2 / (2 * chi)) + branch / 2 * np.mean(np.hypot(model.field, phi)))


def test_search_finds_every_minimum_and_nothing_that_moves() -> None:
    """All local minima of V that SciPy finds from 200 starts are in the list; all are at rest."""
    model = limit(2.5, frequencies=FREQUENCIES[:3])
    states = od.stationary_states(model, starts=300)
    for state in states:
        assert max(np.abs(r).max() for r in rates(model, state.spins, state.amplitudes)) < 1e-12
    found = np.array([s.amplitudes.real for s in states if s.branch == -1])
    assert len(np.unique(found.round(6), axis=0)) == len(found)
    rng, minima = np.random.default_rng(3), set()
    for start in rng.normal(size=(200, 3)):
        end = minimize(lambda p: energy(model, p, -1), start, options={"gtol": 1e-9}).x
        apart = np.abs(found - end).max(axis=1)
        assert apart.min() < 1e-5
        minima.add(int(np.argmin(apart)))
    # Three patterns and their mixture, with signs, are the stable ones; nothing else is.
    stable = {
        i for i, s in enumerate(s for s in states if s.branch == -1) if od.is_stable(model, s)
    }
    assert stable == minima
    kinds = sorted(len(s.patterns) for s in states if od.is_stable(model, s))
    assert kinds == [1] * 6 + [3] * 8


def test_a_small_search_finds_the_deep_minima_too() -> None:
    """Strong coupling, four patterns, no random starts: minima of V by SciPy are all listed."""
    model = limit(4.0)
    stable = [s for s in od.stationary_states(model, starts=0) if od.is_stable(model, s)]
    forces = np.array([s.amplitudes.real for s in stable])
    seen = set()
    for start in np.random.default_rng(3).normal(size=(150, 4)):
        end = minimize(lambda p: energy(model, p, -1), start, options={"gtol": 1e-9}).x
        apart = np.abs(forces - end).max(axis=1)
        assert apart.min() < 1e-5
        seen.add(int(np.argmin(apart)))
    assert len(seen) > 20
    # Even without systematic starts for them, mixtures of four are found by going downhill in V.
    fewer = od.stationary_states(model, starts=20, mixtures=3)
    assert any(len(s.patterns) == 4 and od.is_stable(model, s) for s in fewer)


def test_search_at_weak_and_intermediate_coupling() -> None:
    """Below all thresholds two paramagnets; between the first two ±pattern 0 besides."""
    weak = od.stationary_states(limit(0.6), starts=50)
    assert [(s.patterns, s.branch) for s in weak] == [((), -1), ((), 1)]
    np.testing.assert_allclose([s.spins[0] for s in weak], [[-1, 0, 0], [1, 0, 0]], atol=1e-15)
    some = od.stationary_states(limit(0.7), starts=50)
    assert [s.patterns for s in some] == [(), (), ((0, 1),), ((0, -1),)]
    inverted = od.stationary_states(limit(0.7, frequencies=-FREQUENCIES), starts=50)
    assert {s.branch for s in inverted if s.patterns} == {1}


def test_search_of_a_drawn_model_has_both_orientations() -> None:
    states = od.stationary_states(drawn(), starts=100)
    spins = np.array([s.spins[:, 2] for s in states])
    for z in spins:
        assert np.abs(spins + z).max(axis=1).min() < 1e-6
    for pattern in range(3):
        own = od.retrieval_state(drawn(), pattern).spins[:, 2]
        assert np.abs(spins - own).max(axis=1).min() < 1e-6


def test_search_refuses_what_it_cannot_do() -> None:
    with pytest.raises(od.InputError, match="at most 20000 starts"):
        od.stationary_states(many(10))
    assert od.stationary_states(many(10), mixtures=1, starts=0)
    with pytest.raises(od.InputError, match="have a field at every spin"):
        od.stationary_states(limit(1.0, field=0.0))
    with pytest.raises(od.InputError, match="mode 1 has neither"):
        od.stationary_states(limit(1.0, frequencies=np.array([1.0, 0.0]), loss=0.0))


def many(modes: int) -> od.DickeModel:
    return od.RandomDicke(
        od.Binary(0.2), 30, modes, frequencies=1.0 + np.arange(modes), loss=1.0, field=1.0
    ).draw(0)


def test_theorem_constants_by_hand() -> None:
    """M = 2, g₀ = √2 so g = 1, Ω = 1, Ω_μ = (1, −3), loss (2, 1), α₀ = (0, 1) per √N."""
    root2, root3 = math.sqrt(2), math.sqrt(3)
    found = od.theorem_constants(root2, -1.0, [1.0, -3.0], [2.0, 1.0], amplitudes=[0.0, 1.0j])
    beta = 2 * (root2 + 4 * root3)
    c0 = 12 + 48 + 24 * beta
    d0 = 2 * (3.5 + 2)
    np.testing.assert_allclose(found, [c0, d0, beta, 4 * d0 + 6 * c0], rtol=1e-14)
    assert found.bound(0.01, 0.5) == pytest.approx(0.5 * math.exp(0.01 * found.C), rel=1e-14)
    assert found.bound(1e9, 1.0) == np.inf


@pytest.mark.parametrize("finite", [True, False])
def test_theorem_constants_of_models(finite: bool) -> None:
    model = drawn(1.3, modes=4) if finite else limit(1.3)
    np.testing.assert_allclose(
        od.theorem_constants(model), od.theorem_constants(1.3, FIELD, FREQUENCIES, LOSS), rtol=1e-13
    )


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: od.theorem_constants(limit(1.0, loss=0.0)), "mode 0 has 0"),
        (lambda: od.theorem_constants(limit(1.0, gain=0.1)), "have no gain, but mode 0"),
        (lambda: od.theorem_constants(limit(1.0), 0.5), "`field` must be left out"),
        (lambda: od.theorem_constants(1.0, 0.5, [1.0], None), "`loss` must be given"),
        (lambda: od.retrieval_state(limit(1.0), 4), "be one of 0 … 3, but was 4"),
        (lambda: od.retrieval_state(limit(1.0), 0, sign=2), "`sign` must be 1 or -1"),
        (lambda: od.retrieval_state(limit(1.0), 0, length=0.0), "`length` must be larger than 0"),
        (lambda: od.instability_windows(0.5, [1.0, 0.0], 1.0), "mode 1 has frequency 0"),
        (lambda: od.kept_patterns(1.0, 0.5, 1.0, -1.0), "`loss` must not be negative"),
        (lambda: od.retrieval_growth(1.0, 0.0, 1.0, 1.0), "`field` must not be zero"),
        (lambda: od.stable_intervals(limit(1.0), 0, [2.0, 1.0]), "`factors` must be positive"),
    ],
)
def test_bad_arguments(call: Any, sentence: str) -> None:
    with pytest.raises(od.InputError, match=sentence):
        call()
