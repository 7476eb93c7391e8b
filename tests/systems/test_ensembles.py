"""Ensembles: going on from where trajectories ended, single precision, blocks and seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import opendicke as od
from opendicke.measure.observables import find_observables

MOST = 5.0
"""Largest z: a false alarm in 2 million comparisons; there are some dozen of them."""
UNIT = dict(zip("xyz", np.eye(3), strict=True))
SPINS = ["sx_spin", "sy_spin", "sz_spin", "photons_mode", "quadrature_mode", "energy"]

pytestmark = pytest.mark.slow  # compiles many programs


def answers(
    model: Any, state: Any, times: Any, names: list[str], seed: int = 0, **settings: Any
) -> dict[str, Any]:
    """Statistics of every observable, by method settings and reductions as keywords."""
    reductions = {key: settings.pop(key) for key in ("group", "bright", "pad") if key in settings}
    method = od.TruncatedWigner(**{"step": 100.0} | settings)
    problem = od.reduce(model, state, **reductions)
    key = (seed, 0)
    return method.run(problem, np.asarray(times, float), find_observables(names), key).values


def followed(
    model: Any, state: Any, times: Any, names: list[str], seed: int = 0, **settings: Any
) -> tuple[dict[str, np.ndarray], od.Ensemble]:
    """Values (n, T, …) along single trajectories, and where they end."""
    method = od.TruncatedWigner(**settings)
    ds, end = od.trajectories(model, state, times, method, names, seed, validity="ignore")
    return {name: ds[name].values for name in names}, end


def right_side(model: Any, s: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ṡ = 2 (h X + 2 Σ g Re a Z) × s and ȧ = −(iω + Γ/2) a − i Σ g (s·Z), over trajectories."""
    x, z = UNIT[model.field_axis], UNIT[model.coupling_axis]
    turning = model.field[:, None] * x + (2 * a.real @ model.couplings.T)[..., None] * z
    rate = 1j * model.frequencies + (model.loss - model.gain) / 2
    return 2 * np.cross(turning, s), -rate * a - 1j * (s @ z) @ model.couplings


def integrated(model: Any, start: od.Ensemble, times: Any) -> tuple[np.ndarray, np.ndarray]:
    """Spins (T, n, N, 3) and amplitudes (T, n, M) by Runge–Kutta of order 8."""
    spins, a = start.spins, start.amplitudes

    def rhs(_: float, packed: np.ndarray) -> np.ndarray:
        parts = np.split(packed, [spins.size, spins.size + a.size])
        s, re, im = (p.reshape(q.shape) for p, q in zip(parts, (spins, a, a), strict=True))
        ds, da = right_side(model, s, re + 1j * im)
        return np.concatenate([ds.ravel(), da.real.ravel(), da.imag.ravel()])

    first = np.concatenate([spins.ravel(), a.real.ravel(), a.imag.ravel()])
    span = (times[0], times[-1])
    found = solve_ivp(rhs, span, first, "DOP853", times, rtol=1e-11, atol=1e-12).y.T
    parts = np.split(found, [spins.size, spins.size + a.size], axis=1)
    re, im = (part.reshape(-1, *a.shape) for part in parts[1:])
    return parts[0].reshape(-1, *spins.shape), re + 1j * im


# Going on


def test_half_way_and_on() -> None:
    """Without noise two halves are the whole, for groups and bright modes, with any model after."""
    rng = np.random.default_rng(3)
    place = np.arange(9) % 3
    flips = np.where(np.arange(9) % 2 == 0, 1.0, -1.0)[:, None]
    settings: dict[str, Any] = {"field": 0.7, "coupling_axis": "x", "field_axis": "z"}
    rows = rng.normal(size=(3, 10)) * 0.25
    model = od.DickeModel(rows[place] * flips, np.repeat([1.0, 1.6], 5), **settings)
    state = od.ProductState.bloch(
        rng.normal(size=(9, 3)) / 4, displacement=0.4 - 0.1j, occupation=0.2
    )
    method: dict[str, Any] = {"trajectories": 6, "step": 0.05}
    assert od.reduce(model, state).mode_lift.rotation is not None
    names = [*SPINS, "photons", "sx", "overlap"]
    whole, last = followed(model, state, [0.0, 1.0, 2.0], names, 4, **method)
    half, middle = followed(model, state, [0.0, 1.0], names, 4, **method)
    rest, end = followed(model, middle, [1.0, 2.0], names, 99, **method)
    np.testing.assert_allclose(end.spins, last.spins, atol=1e-10)
    assert (np.abs(last.spins - middle.spins).max(axis=(0, 2)) > 0.1).all()
    for name in ("sx_spin", "sy_spin", "sz_spin", "sx", "overlap"):
        np.testing.assert_allclose(rest[name][:, 0], half[name][:, 1], atol=1e-10)
        np.testing.assert_allclose(rest[name][:, 1], whole[name][:, 2], atol=1e-10)
    # Energies too once dark parts are what the ensemble says.
    np.testing.assert_allclose(rest["energy"][:, 1], rest["energy"][:, 0], atol=1e-4)
    # Every further half goes on from given amplitudes: now modes agree as well.
    later = followed(model, middle, [1.0, 1.5], names, 5, **method)[1]
    on, final = followed(model, later, [1.5, 2.0], names, 6, **method)
    np.testing.assert_allclose(final.amplitudes, end.amplitudes, atol=1e-10)
    for name in names:
        np.testing.assert_allclose(on[name][:, 1], rest[name][:, 1], atol=1e-10)
    # A quench: other couplings, frequencies, axes; against an independent integration.
    quenched = od.DickeModel(
        rows[place] * 0.5, np.repeat([0.8, 1.9], 5), field=np.linspace(0, 1, 9)
    )
    fast = {"trajectories": 6, "step": 0.01}
    after, stopped = followed(quenched, middle, [0.0, 1.5], names, **fast)
    s, a = integrated(quenched, middle, np.array([0.0, 1.5]))
    np.testing.assert_allclose(stopped.spins, s[-1], atol=1e-6)
    np.testing.assert_allclose(stopped.amplitudes, a[-1], atol=1e-6)
    np.testing.assert_allclose(after["photons_mode"][:, 1], np.abs(a[-1]) ** 2 - 0.5, atol=1e-6)


@pytest.mark.parametrize("loss", [0.0, 0.6])
def test_degenerate_modes_end_independent(loss: float) -> None:
    """A held spin drives degenerate modes: about their means, ⟨δ_m δ_n*⟩ = (n + ½) δ_mn."""
    model = od.DickeModel([[0.5, -0.4, 0.3]], 1.3, loss=loss)
    state = od.ProductState.polarized("+z", occupation=0.6, displacement=[0.2, 0.0, 0.7])
    assert od.reduce(model, state).shape[2] == 1
    count, times = 6000, [0.0, 1.2]
    method: dict[str, Any] = {"trajectories": count, "block": 3000, "step": 2.0}
    end = followed(model, state, times, ["sx"], 4, **method)[1].amplitudes
    rate = loss / 2 + 1.3j
    decay = np.exp(-rate * 1.2)
    mean = np.array([0.2, 0.0, 0.7]) * decay - 1j * model.couplings[0] * (1 - decay) / rate
    settled = 0.6 * np.exp(-loss * 1.2) + 0.5
    apart = end - mean
    assert np.abs(apart.mean(axis=0)).max() < MOST * np.sqrt(settled / count)
    found = apart.T @ apart.conj() / count
    # Products of circular normal numbers scatter by their variance.
    assert np.abs(found - settled * np.eye(3)).max() < MOST * settled / np.sqrt(count)
    assert np.abs(apart.T @ apart / count).max() < MOST * settled * np.sqrt(2 / count)


def test_half_way_and_on_with_noise() -> None:
    """With loss and gain the law is the same: an ensemble half way, and on with other noise."""
    model = od.DickeModel(
        np.array([[0.5, 0.2, 0.3], [0.5, 0.2, 0.3], [-0.3, 0.6, 0.1]]),
        [1.0, 1.0, 1.0],
        loss=0.8,
        gain=0.3,
        field=0.7,
    )
    state = od.ProductState.bloch([0.3, 0.0, 0.9], displacement=[0.6, 0.0, -0.4], occupation=0.4)
    names, count = ["sx_spin", "sz_spin", "photons_mode", "quadrature_mode"], 8000
    method = {"trajectories": count, "step": 0.25, "block": 4000}
    whole = answers(model, state, [0.0, 1.0, 2.0], names, 1, **method)
    middle = followed(model, state, [0.0, 1.0], ["sx"], 2, **method)[1]
    rest = answers(model, middle, [1.0, 2.0], names, 3, **method)
    for name in names:
        apart = rest[name].value - whole[name].value[1:]
        error = np.hypot(rest[name].stderr, whole[name].stderr[1:])
        assert np.abs(apart / error).max() < MOST, name


# Numerics


def test_precision_blocks_and_seeds() -> None:
    """Single agrees with double to 1e-4; blocks change round-off only; seeds change everything."""
    rng = np.random.default_rng(11)
    model = od.DickeModel(rng.normal(size=(5, 2)) * 0.4, [0.6, 1.7], field=0.8)
    state = od.ProductState.bloch([0.5, -0.2, 0.7], displacement=0.3)
    names, times = ["sx_spin", "photons_mode", "energy", "spin_correlation"], [0.0, 0.5, 1.0]
    settings: dict[str, Any] = {"trajectories": 100, "step": 0.1}
    double = answers(model, state, times, names, 1, block=100, **settings)
    single = answers(model, state, times, names, 1, block=100, precision="single", **settings)
    for name in names:
        apart = np.abs(single[name].value - double[name].value)
        assert (apart < 1e-4 * (1 + np.abs(double[name].value))).all(), name
        assert apart.any(), name
        assert single[name].value.dtype == np.float64
    for block in (7, 32):
        other = answers(model, state, times, names, 1, block=block, **settings)
        for name in names:
            np.testing.assert_allclose(other[name].value, double[name].value, atol=1e-12)
            np.testing.assert_allclose(other[name].stderr, double[name].stderr, atol=1e-12)
            assert other[name].count == 100
    method, problem = od.TruncatedWigner(block=100, **settings), od.reduce(model, state)
    asked = find_observables(names)
    found = [
        method.run(problem, np.array(times), asked, key).values["photons_mode"].value
        for key in ((1, 0), (2, 0), (1, 1))
    ]
    np.testing.assert_array_equal(found[0], double["photons_mode"].value)
    for k in range(3):
        assert (found[k] != found[k - 1]).all()


@pytest.mark.parametrize("couplings", [[[0.3, 0.3, 0.0]], [[0.3, 0.3, 1e-16]], [[0.0, 0.0, 0.0]]])
def test_modes_that_do_not_couple_keep_their_light(couplings: list[list[float]]) -> None:
    """Displaced modes of a frequency that no spin sees, or hardly: |α|² photons at all times."""
    model = od.DickeModel(couplings, frequencies=[1.0, 1.0, 2.0], field=0.5)
    state = od.ProductState.polarized("+z", displacement=3.0)
    found = answers(model, state, [0.0, 1.0], ["photons_mode"], 3, trajectories=400, step=0.5)
    third = found["photons_mode"]
    assert (np.abs(third.value[:, 2] - 9) < MOST * np.maximum(third.stderr[:, 2], 0.1)).all()


def test_what_else_is_asked_changes_no_second_moment() -> None:
    """Spins of an ensemble whose means coincide are still different spins, not sampled ones."""
    model = od.DickeModel(np.full((6, 1), 0.1), frequencies=1.0, field=0.7)
    start = od.Ensemble(np.tile([1.0, 1.0, 1.0], (20, 6, 1)), np.zeros((20, 1)))
    together, apart = (
        answers(model, start, [1.0, 2.0], names, 3, trajectories=20, step=0.1)
        for names in (["spin_correlation"], ["spin_correlation", "sz_spin"])
    )
    np.testing.assert_allclose(
        together["spin_correlation"].value, apart["spin_correlation"].value, rtol=1e-12
    )
