"""The flow and its error control: orders, conserved quantities, an independent integration."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import opendicke as od
from opendicke.measure.observables import find_observables
from opendicke.measure.raw import Raw, Status

Ask = Callable[..., Raw]
Make = Callable[..., Any]
UNIT = dict(zip("xyz", np.eye(3), strict=True))
NAMES = [
    "sx_spin", "sy_spin", "sz_spin", "photons_mode", "quadrature_mode", "overlap", "energy",
    "ising_energy",
]  # fmt: skip


def integrated(
    model: od.DickeModel, spins: np.ndarray, alpha: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Spins (T, N, 3) in the laboratory and amplitudes (T, M), by Runge–Kutta of order 8.

    ȧ = −(iω + Γ/2) a − i Σ_j g_j (s_j·Z),  ṡ_j = 2 (h_j X + 2 Σ g_j Re a Z) × s_j
    (carollo2021 Eqs. (6)–(8)), X and Z unit vectors of the laboratory.
    """
    g, size = model.couplings, spins.size
    x, z = UNIT[model.field_axis], UNIT[model.coupling_axis]

    def rhs(_: float, packed: np.ndarray) -> np.ndarray:
        s = packed[:size].reshape(-1, 3)
        a = packed[size::2] + 1j * packed[size + 1 :: 2]
        da = -(1j * model.frequencies + (model.loss - model.gain) / 2) * a - 1j * (s @ z) @ g
        turning = np.outer(model.field, x) + np.outer(2 * g @ a.real, z)
        ds = 2 * np.cross(turning, s)
        return np.concatenate([ds.ravel(), np.stack([da.real, da.imag], axis=1).ravel()])

    start = np.concatenate([spins.ravel(), np.stack([alpha.real, alpha.imag], axis=1).ravel()])
    solution = solve_ivp(rhs, (times[0], times[-1]), start, "DOP853", times, rtol=1e-12, atol=1e-13)
    packed = solution.y.T
    return packed[:, :size].reshape(-1, *spins.shape), packed[:, size::2] + 1j * packed[
        :, size + 1 :: 2
    ]


def measured(
    model: od.DickeModel, s: np.ndarray, a: np.ndarray, n: np.ndarray
) -> dict[str, np.ndarray]:
    """Observables by their definitions, from a trajectory and the thermal occupation (T, M)."""
    g, gamma = model.couplings, model.loss - model.gain
    z, x = s @ UNIT[model.coupling_axis], s @ UNIT[model.field_axis]
    ising = np.zeros(len(s))
    for i in range(model.spins):
        for j in range(model.spins):
            if i != j:
                pair = model.frequencies * g[i] * g[j] / (model.frequencies**2 + gamma**2 / 4)
                ising -= pair.sum() * z[:, i] * z[:, j]
    photons = np.abs(a) ** 2 + n
    return {
        "sx_spin": s[..., 0],
        "sy_spin": s[..., 1],
        "sz_spin": s[..., 2],
        "photons_mode": photons,
        "quadrature_mode": 2 * a.real,
        "overlap": z @ np.sign(g) / model.spins,
        "energy": photons @ model.frequencies
        + np.einsum("tj,jm,tm->t", z, g, 2 * a.real)
        + x @ model.field,
        "ising_energy": ising,
    }


def thermal(model: od.DickeModel, start: np.ndarray, times: np.ndarray) -> np.ndarray:
    """n(t) of ṅ = gain − (loss − gain) n, (T, M)."""
    gamma = model.loss - model.gain
    decay = np.exp(-gamma * (times[:, None] - times[0]))
    return np.asarray(model.gain / gamma + (start - model.gain / gamma) * decay)


def reference(
    model: od.DickeModel, state: od.ProductState, times: np.ndarray
) -> dict[str, np.ndarray]:
    """All observables of a state made by `make_state`, independently of the library's flow."""
    spins = np.array(state.spins.vectors)
    s, a = integrated(model, spins, np.array(state.displacement), times)
    return measured(model, s, a, thermal(model, np.array(state.occupation), times))


def error_of(raw: Raw, expected: dict[str, np.ndarray]) -> float:
    """Absolute for values below 1, else relative to the largest value: the tolerance's norm."""
    return max(
        float(np.abs(raw.values[name] - expected[name]).max())
        / max(1.0, float(np.abs(expected[name]).max()))
        for name in expected
    )


@pytest.mark.parametrize("order", [2, 4])
def test_order_of_convergence(order: int, make_model: Make, make_state: Make, ask: Ask) -> None:
    """The error of a splitting of order p falls as step^p."""
    model = make_model(2)
    state, times = make_state(model), np.linspace(0.0, 4.0, 5)
    expected = reference(model, state, times)
    steps = 0.2 * 2.0 ** -np.arange(2, 6)
    errors = [
        error_of(ask(model, state, times, NAMES, od.MeanField(step=step, order=order)), expected)
        for step in steps
    ]
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.2), errors


@pytest.mark.parametrize("order", [2, 4])
def test_spin_lengths_are_kept(order: int, make_model: Make, make_state: Make, ask: Ask) -> None:
    """Every stage turns spins rigidly: |s| is exact at any step, here a coarse one."""
    model = make_model(3)
    state, times = make_state(model), np.linspace(0.0, 2000.0, 5)
    method = od.MeanField(step=0.4, order=order)
    raw = ask(model, state, times, ["sx_spin", "sy_spin", "sz_spin"], method)
    length = np.sqrt(sum(raw.values[f"s{axis}_spin"] ** 2 for axis in "xyz"))
    np.testing.assert_allclose(length, np.broadcast_to(length[0], length.shape), atol=1e-12)


@pytest.mark.parametrize("order", [2, 4])
def test_energy_without_loss(order: int, make_model: Make, make_state: Make, ask: Ask) -> None:
    """dE/dt = 0 at zero loss: the error of the energy falls as step^p and does not grow."""
    model = make_model(4, loss=0.0, gain=0.0)
    state, times = make_state(model), np.linspace(0.0, 40.0, 161)
    steps = np.array([1 / 16, 1 / 32, 1 / 64])
    errors = []
    for step in steps:
        raw = ask(model, state, times, ["energy"], od.MeanField(step=step, order=order))
        off = np.abs(raw.values["energy"] - raw.values["energy"][0])
        errors.append(off.max())
        assert off[120:].max() < 4 * off[1:41].max()
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.3), errors


@pytest.mark.parametrize(("coupling", "field"), list(permutations("xyz", 2)))
@pytest.mark.parametrize("seed", [10, 11])
def test_against_runge_kutta(
    seed: int, coupling: str, field: str, make_model: Make, make_state: Make, ask: Ask
) -> None:
    """All observables against DOP853 on the equations in laboratory components."""
    model = make_model(seed, coupling_axis=coupling, field_axis=field)
    state, times = make_state(model, seed), np.linspace(1.0, 6.0, 6)
    raw = ask(model, state, times, NAMES, od.MeanField(tolerance=1e-8))
    assert raw.status == Status.OK
    assert error_of(raw, reference(model, state, times)) <= 1e-8


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9])
def test_tolerance_is_honoured(
    tolerance: float, make_model: Make, make_state: Make, ask: Ask
) -> None:
    """The actual error stays below the tolerance, and the reported estimate says so."""
    model = make_model(5, couplings=np.random.default_rng(5).normal(size=(4, 3)))
    state, times = make_state(model), np.linspace(0.0, 5.0, 6)
    expected = reference(model, state, times)
    for order in (2, 4):
        raw = ask(model, state, times, NAMES, od.MeanField(tolerance=tolerance, order=order))
        assert raw.status == Status.OK
        assert raw.numerics["order"] == order
        assert 0 < raw.numerics["estimated_error"] <= tolerance
        assert 0 < raw.numerics["step"] <= 1.0
        assert error_of(raw, expected) <= tolerance


def test_fixed_step_is_used_as_given(make_model: Make, make_state: Make, ask: Ask) -> None:
    """No step is longer than asked, output times are met exactly, no error is claimed."""
    model = make_model(6)
    state, times = make_state(model), np.array([0.0, 0.25, 1.0, 1.07])
    raw = ask(model, state, times, NAMES, od.MeanField(step=0.1))
    assert raw.numerics["step"] == pytest.approx(0.75 / 8)
    assert np.isnan(raw.numerics["estimated_error"])
    assert error_of(raw, reference(model, state, times)) < 1e-4


def wild(seed: int, make_model: Make) -> od.DickeModel:
    """Strong couplings without damping: chaotic, with a Lyapunov exponent of order 1."""
    couplings = 2 * np.random.default_rng(seed).normal(size=(4, 3))
    model: od.DickeModel = make_model(seed, couplings=couplings, loss=0.0, gain=0.0)
    return model


@pytest.mark.parametrize("seed", [20, 21, 22, 23])
def test_tolerance_is_honoured_where_errors_grow(
    seed: int, make_model: Make, make_state: Make, ask: Ask
) -> None:
    """Chaotic motion as long as it can be followed: OK is said only of good solutions."""
    model, times = wild(seed, make_model), np.linspace(0.0, 8.0, 6)
    state = make_state(model, seed)
    spins, alpha = np.array(state.spins.vectors), np.array(state.displacement)
    s, a = integrated(model, spins, alpha, times)
    full = measured(model, s, a, np.tile(state.occupation, (6, 1)))
    expected = {name: full[name] for name in NAMES[:4]}
    for tolerance in (1e-2, 1e-4, 1e-6):
        raw = ask(model, state, times, NAMES[:4], od.MeanField(tolerance=tolerance))
        assert raw.status == Status.OK
        assert error_of(raw, expected) <= tolerance


@pytest.mark.parametrize("tolerance", [1e-3, 1e-12])
def test_chaos_is_reported_not_hidden(
    tolerance: float, make_model: Make, make_state: Make, ask: Ask
) -> None:
    """Where shorter steps do not help: status NOT_CONVERGED, a message, finite numbers."""
    model = wild(9, make_model)
    state, times = make_state(model), np.linspace(0.0, 200.0, 51)
    raw = ask(model, state, times, NAMES[:4], od.MeanField(tolerance=tolerance))
    assert raw.status == Status.NOT_CONVERGED
    assert "tolerance" in raw.message
    assert raw.numerics["estimated_error"] > tolerance
    assert all(np.isfinite(value).all() for value in raw.values.values())


def test_one_chaotic_member_does_not_spoil_the_others(make_model: Make, make_state: Make) -> None:
    """Members of one batch are judged one by one."""
    tame = make_model(9, couplings=1e-3 * np.arange(1.0, 13).reshape(4, 3))
    models = [wild(9, make_model), tame]
    problems = [od.reduce(model, make_state(model)) for model in models]
    assert problems[0].shape == problems[1].shape
    times, asked = np.linspace(0.0, 200.0, 51), find_observables(NAMES[:4])
    method = od.MeanField(tolerance=1e-8)
    together = method.run_many(problems, times, asked, [(0, 0), (0, 1)])
    alone = method.run(problems[1], times, asked)
    assert [raw.status for raw in together] == [Status.NOT_CONVERGED, Status.OK]
    for name in NAMES[:4]:
        np.testing.assert_allclose(together[1].values[name], alone.values[name], atol=2e-8)
