"""Linear stability of retrieval states: Jacobian, spectrum, windows (correction of carollo2021)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import opendicke as od

FIELD, LOSS = 0.5, 1.0
FREQUENCIES = FIELD * np.array([3, 4, 5, 6])
CRITICAL = np.array([0.6454972243679028, 0.7288689868556626, 0.806225774829855, 0.8779711460710615])
UPPER = CRITICAL**1.5 / CRITICAL[0] ** 0.5  # .6455, .7745, .9010, 1.0239


def limit(strength: float, **replaced: Any) -> od.DickeModel:
    settings = {"frequencies": FREQUENCIES, "loss": LOSS, "field": FIELD, **replaced}
    return od.RandomDicke(
        od.Binary(strength), 16, len(settings["frequencies"]), **settings
    ).thermodynamic()


def drawn(seed: int = 4) -> od.DickeModel:
    return od.RandomDicke(
        od.Binary(1.6), 40, 3, frequencies=FREQUENCIES[:3], loss=LOSS, gain=0.2, field=FIELD
    ).draw(seed)


def flow(u: np.ndarray, rows: np.ndarray, weights: np.ndarray, model: od.DickeModel) -> np.ndarray:
    """Mean-field equations of groups, per spin, written out by component."""
    modes, count = model.modes, len(rows)
    s = u[: 3 * count].reshape(-1, 3)
    p, q = u[3 * count :: 2], u[3 * count + 1 :: 2]
    h, out = model.field[0], np.empty_like(u)
    for k in range(count):
        phi = 2 * sum(rows[k, m] * p[m] for m in range(modes))
        x, y, z = s[k]
        out[3 * k : 3 * k + 3] = -2 * phi * y, 2 * (phi * x - h * z), 2 * h * y
    for m in range(modes):
        w, decay = model.frequencies[m], (model.loss[m] - model.gain[m]) / 2
        drive = sum(weights[k] * rows[k, m] * s[k, 2] for k in range(count))
        out[3 * count + 2 * m] = -decay * p[m] + w * q[m]
        out[3 * count + 2 * m + 1] = -decay * q[m] - w * p[m] - drive
    return out


@pytest.mark.parametrize("finite", [True, False])
def test_jacobian_by_finite_differences(finite: bool) -> None:
    """Central differences of an independently written flow, groups made by hand."""
    model = drawn() if finite else limit(0.95)
    state = od.retrieval_state(model, 2, length=0.9)
    scale = np.sqrt(model.spins) if finite else 1.0
    # Groups: rows up to a sign, in order of first appearance, with a positive first entry.
    gauge = np.sign(model.couplings[:, 0])
    rows = model.couplings * gauge[:, None] * scale
    keys = [tuple(np.sign(row)) for row in rows]
    order = list(dict.fromkeys(keys))
    first = [keys.index(key) for key in order]
    weights = np.array([np.mean([key == other for other in keys]) for key in order])
    bloch = state.spins * np.stack([np.ones_like(gauge), gauge, gauge], axis=1)
    modes = np.stack([state.amplitudes.real, state.amplitudes.imag], axis=1) / scale
    u = np.concatenate([bloch[first].ravel(), modes.ravel()])
    assert np.abs(flow(u, rows[first], weights, model)).max() < 1e-13
    step = 1e-5
    expected = np.stack(
        [
            (
                flow(u + step * e, rows[first], weights, model)
                - flow(u - step * e, rows[first], weights, model)
            )
            / (2 * step)
            for e in np.eye(len(u))
        ],
        axis=1,
    )
    np.testing.assert_allclose(od.jacobian(model, state), expected, atol=1e-9)


def test_sixteen_of_thirty_two_are_neutral() -> None:
    """8 spin lengths and 8 at ±2iΩ(g₀/g_c)²; the rest is the spectrum of the full matrix."""
    for pattern in range(4):
        model = limit(1.2 * CRITICAL[pattern])
        state = od.retrieval_state(model, pattern)
        found = od.spectrum(model, state)
        assert found.eigenvalues.shape == (32,)
        # They are split off exactly, without any help from the tolerance.
        assert od.spectrum(model, state, tolerance=0.0).neutral.sum() == 16
        assert (found.neutral ^ found.stable ^ found.unstable).all()
        neutral = np.sort(found.eigenvalues[found.neutral].imag)
        turn = 2 * FIELD * 1.2**2
        np.testing.assert_allclose(neutral, [-turn] * 4 + [0] * 8 + [turn] * 4, atol=1e-12)
        full = list(np.linalg.eigvals(od.jacobian(model, state)))
        for value in found.eigenvalues:
            nearest = int(np.argmin(np.abs(np.array(full) - value)))
            assert abs(full.pop(nearest) - value) < 1e-6  # zeros may be defective there


def test_windows_of_figure_3() -> None:
    windows = od.instability_windows(FIELD, FREQUENCIES, LOSS)
    np.testing.assert_allclose(windows[:, 0], CRITICAL, rtol=1e-12)
    np.testing.assert_allclose(windows[:, 1], UPPER, rtol=1e-12)
    np.testing.assert_allclose(windows[:, 1], [0.6455, 0.7745, 0.9010, 1.0239], atol=5e-5)
    shorter = od.instability_windows(FIELD, FREQUENCIES, LOSS, length=0.81)
    np.testing.assert_allclose(shorter, windows / 0.9, rtol=1e-13)


@pytest.mark.parametrize("length", [1.0, 0.7])
@pytest.mark.parametrize("pattern", [1, 2, 3])
def test_upper_ends_by_bisection_of_the_jacobian(pattern: int, length: float) -> None:
    edge = UPPER[pattern] / np.sqrt(length)
    found = od.stable_intervals(
        limit(1.0), pattern, np.linspace(0.5, 2, 16), length, precision=1e-7
    )
    np.testing.assert_allclose(found, [[edge, 2.0]], rtol=1e-6)


@pytest.mark.parametrize("pattern", [1, 2, 3])
@pytest.mark.parametrize("away", [1e-3, 1e-6])
def test_verdict_close_to_the_edge(pattern: int, away: float) -> None:
    for side in (-1, 1):
        model = limit(UPPER[pattern] + side * away)
        state = od.retrieval_state(model, pattern)
        found = od.spectrum(model, state)
        assert od.is_stable(model, state) == (side > 0)
        assert found.unstable.sum() == (side < 0)
        assert found.neutral.sum() == 16
        if side < 0:  # λ = (L − 1)(Ω_0² + loss²/4)/loss, where L = (edge/g₀)⁴
            slope = 4 * (FREQUENCIES[0] ** 2 + LOSS**2 / 4) / LOSS / UPPER[pattern]
            assert found.growth_rate == pytest.approx(slope * away, rel=0.05)


def test_stable_from_the_threshold_on_where_it_is_lowest() -> None:
    model = limit(CRITICAL[0] + 1e-4)
    assert od.is_stable(model, od.retrieval_state(model, 0))
    [[low, high]] = od.stable_intervals(limit(1.0), 0, [0.5, 0.7, 3.0])
    assert (low, high) == (pytest.approx(CRITICAL[0], rel=1e-5), 3.0)


def cases(count: int, signs: str) -> Any:
    """Random M, field, frequencies, loss, length and coupling."""
    rng = np.random.default_rng(7)
    for _ in range(count):
        modes = int(rng.integers(2, 5))
        frequencies = rng.uniform(0.2, 5, modes)
        frequencies *= rng.choice([-1, 1], modes) if signs == "mixed" else rng.choice([-1, 1])
        loss, field = rng.uniform(0.05, 3, modes), rng.uniform(0.1, 2) * rng.choice([-1, 1])
        length = rng.uniform(0.3, 1)
        strength = (
            rng.uniform(0.9, 2.5)
            * rng.choice(od.critical_coupling(field, frequencies, loss))
            / np.sqrt(length)
        )
        yield strength, field, frequencies, loss, length


@pytest.mark.parametrize("signs", ["one", "mixed"])
def test_closed_forms_agree_with_the_jacobian_at_random_parameters(signs: str) -> None:
    """Existence, verdict and growth rate; both verdicts and non-existence must occur."""
    seen = []
    for strength, field, frequencies, loss, length in cases(60, signs):
        model = limit(strength, frequencies=frequencies, loss=loss, field=field)
        kept = od.kept_patterns(strength, field, frequencies, loss, length)
        growth = od.retrieval_growth(strength, field, frequencies, loss, length)
        for pattern in range(model.modes):
            if not kept.exists[pattern]:
                assert np.isnan(growth[pattern])
                with pytest.raises(od.InputError):
                    od.retrieval_state(model, pattern, length=length)
                seen.append("none")
                continue
            state = od.retrieval_state(model, pattern, length=length)
            found = od.spectrum(model, state)
            assert found.unstable.any() != kept.stable[pattern]
            scale = np.abs(found.eigenvalues).max()
            if abs(growth[pattern]) > 1e-9 * scale:
                assert found.growth_rate == pytest.approx(growth[pattern], abs=1e-11 * scale)
            if found.unstable.any():
                fastest = found.eigenvalues[0]
                seen.append("static" if fastest.imag == 0 else "oscillating")
            else:
                seen.append("stable")
    if signs == "one":
        assert set(seen) == {"none", "stable", "static"}
        assert min(seen.count(word) for word in set(seen)) > 5
    else:
        assert seen.count("oscillating") > 20


def test_opposite_frequency_makes_a_growing_oscillation() -> None:
    """Any loss, however small, any coupling: L < 0 violates Routh–Hurwitz. Without loss it needs
    a resonance, which is absent here."""
    frequencies = np.array([1.0, -2.0])
    for loss, strength in [(1e-3, 1.0), (1.0, 1.0), (1.0, 4.0), (3.0, 1.5)]:
        model = limit(strength, frequencies=frequencies, loss=loss)
        found = od.spectrum(model, od.retrieval_state(model, 0))
        assert found.unstable.sum() == 2
        assert abs(found.eigenvalues[0].imag) > 0.5
    assert np.isinf(od.instability_windows(FIELD, frequencies, 1.0)[:, 1]).all()
    undamped = limit(2.0, frequencies=frequencies, loss=0.0)
    assert od.spectrum(undamped, od.retrieval_state(undamped, 0)).neutral.all()


def test_number_of_growing_modes_is_that_of_negative_curvatures() -> None:
    """For frequencies above 0 a state is stable exactly at a minimum of V: over all states."""
    model = limit(2.5, frequencies=FREQUENCIES[:3])
    chi = model.frequencies / (model.frequencies**2 + model.damping**2 / 4)
    counts = set()
    for state in od.stationary_states(model):
        phi = 2 * model.couplings @ state.amplitudes.real
        bend = 2 * FIELD**2 / np.hypot(FIELD, phi) ** 3 * model.weights
        inner = (model.couplings * bend[:, None]).T @ model.couplings
        curvature = np.linalg.eigvalsh(np.diag(1 / chi) + state.branch * inner)
        unstable = od.spectrum(model, state).unstable.sum()
        if state.branch == -1:
            assert unstable == (curvature < 0).sum()
            counts.add(int(unstable))
        else:
            assert unstable > 0
    assert counts == {0, 1, 2, 3}


def test_kept_patterns_and_intermediate_regime() -> None:
    """Between .6455 and .8780 some exist; at .95 all exist and the last is unstable."""
    kept = od.kept_patterns([[0.6, 0.75], [-0.95, 1.1]], FIELD, FREQUENCIES, LOSS)
    assert kept.exists.shape == (2, 2, 4)
    assert kept.exists.sum(axis=-1).tolist() == [[0, 2], [4, 4]]
    assert kept.stable.sum(axis=-1).tolist() == [[0, 1], [3, 4]]
    regime = od.intermediate_regime(FIELD, FREQUENCIES, LOSS)
    np.testing.assert_allclose(regime.exists, CRITICAL[[0, 3]], rtol=1e-12)
    np.testing.assert_allclose(regime.stable, UPPER[[0, 3]], rtol=1e-12)
    alike = od.intermediate_regime(FIELD, np.full(4, 1.5), LOSS)
    assert np.ptp(alike.exists) == np.ptp(alike.stable) == 0


def test_stable_intervals_with_unequal_counts() -> None:
    """Edges differ from those of the limit, and the Jacobian changes its verdict there."""
    model = replace(drawn(), couplings=drawn().couplings / 1.6)
    intervals = od.stable_intervals(model, 2, np.linspace(0.6, 2.0, 15), precision=1e-8)
    assert len(intervals) == 1
    edge = float(intervals[0, 0])
    damping = 0.8
    assert abs(edge / od.instability_windows(FIELD, FREQUENCIES[:3], damping)[2, 1] - 1) > 1e-3
    inside = replace(model, couplings=model.couplings * (edge + 1e-4))
    assert od.is_stable(inside, od.retrieval_state(inside, 2))
    outside = replace(model, couplings=model.couplings * (edge - 1e-4))
    try:
        state = od.retrieval_state(outside, 2)
    except od.InputError:
        return
    assert not od.is_stable(outside, state)


def test_spins_that_feel_nothing() -> None:
    """An uncoupled spin, of any length and without field: three neutral eigenvalues, no error."""
    couplings = np.array([[1.0], [1.0], [0.0]])
    model = od.DickeModel(couplings, frequencies=1.0, loss=1.0, field=[0.2, 0.2, 0.0])
    base = od.DickeModel(couplings[:2], frequencies=1.0, loss=1.0, field=0.2)
    inner = od.retrieval_state(base, 0)
    expected = od.spectrum(base, inner)
    for third in ([0.0, 1.0, 0.0], [0.0, 0.0, 0.0]):
        spins = np.concatenate([inner.spins, [third]])
        found = od.spectrum(model, replace(inner, model=model, spins=spins))
        assert found.neutral.sum() == expected.neutral.sum() + 3
        assert found.growth_rate == pytest.approx(expected.growth_rate, abs=1e-12)


def test_a_state_of_another_model_is_refused() -> None:
    state = od.retrieval_state(limit(1.0), 0)
    with pytest.raises(od.InputError, match="be stationary in this model"):
        od.spectrum(limit(1.1), state)
    with pytest.raises(od.InputError, match="belong to the model"):
        od.jacobian(drawn(), state)
    with pytest.raises(od.InputError, match="be a StationaryState"):
        od.spectrum(limit(1.0), od.ProductState.pattern(0))  # type: ignore[arg-type]
