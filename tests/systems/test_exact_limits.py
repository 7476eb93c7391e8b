"""Closed forms: no coupling, no field, one driven damped mode, gain, ω = 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.sparse import csr_array, identity, kron
from scipy.sparse.linalg import expm_multiply

import opendicke as od
from opendicke.measure.raw import Status

Make = Callable[..., Any]
TIMES = np.linspace(0.0, 6.0, 13)
# Either part of the splitting alone is exact at any step: one step from each time to the next.
METHOD = od.MeanField(step=100.0)
NO_FIELD = {"coupling_axis": "z", "field_axis": "x", "field": 0.0}


def values(
    model: od.DickeModel, state: od.ProductState, names: list[str], times: np.ndarray = TIMES
) -> dict[str, np.ndarray]:
    """Answers of mean field, here exact or not judged for its validity."""
    ds = od.solve(model, state, times, METHOD, names, validity="ignore")
    assert ds.status == Status.OK
    return {name: ds[name].values for name in names}


def test_uncoupled_spins_precess(make_model: Make) -> None:
    """g = 0: ṡ = 2hX × s, so from +z (fields along x): z = cos 2ht, y = −sin 2ht."""
    model = make_model(1, couplings=np.zeros((3, 2)), spins=3, modes=2, field=[0.5, -0.9, 1.3])
    got = values(model, od.ProductState.polarized("+z"), ["sx_spin", "sy_spin", "sz_spin", "sz"])
    angle = 2 * model.field * TIMES[:, None]
    np.testing.assert_allclose(got["sz_spin"], np.cos(angle), atol=1e-12)
    np.testing.assert_allclose(got["sy_spin"], -np.sin(angle), atol=1e-12)
    np.testing.assert_allclose(got["sx_spin"], 0, atol=1e-15)
    np.testing.assert_allclose(got["sz"], np.cos(angle).mean(axis=1), atol=1e-12)


def test_precession_in_the_axes_of_kelly2021() -> None:
    """Field along z: σx + iσy turns as e^{2iht}, whichever axis is called Y."""
    model = od.DickeModel(np.zeros((1, 1)), 1.0, field=0.7, coupling_axis="x", field_axis="z")
    got = values(model, od.ProductState.polarized("+x"), ["sx", "sy", "sz"])
    turning = np.exp(2j * 0.7 * TIMES)
    np.testing.assert_allclose(got["sx"] + 1j * got["sy"], turning, atol=1e-12)
    np.testing.assert_allclose(got["sz"], 0, atol=1e-15)


def test_uncoupled_modes_decay(make_model: Make) -> None:
    """g = 0: a(t) = α e^{−(iω+Γ/2)t}; a mode without gain in vacuum holds exactly 0 photons."""
    model = make_model(2, couplings=np.zeros((3, 2)), spins=3, modes=2, gain=0.0, field=0.4)
    alpha = np.array([0.8 - 0.3j, 1.1j])
    state = od.ProductState.polarized("+y", displacement=alpha)
    got = values(model, state, ["photons_mode", "quadrature_mode", "photons"])
    a = alpha * np.exp(-(1j * model.frequencies + model.loss / 2) * TIMES[:, None])
    np.testing.assert_allclose(got["photons_mode"], np.abs(a) ** 2, atol=1e-12)
    np.testing.assert_allclose(got["quadrature_mode"], 2 * a.real, atol=1e-12)
    np.testing.assert_allclose(got["photons"], (np.abs(a) ** 2).sum(axis=1), atol=1e-12)
    empty = values(model, od.ProductState.polarized("+y"), ["photons"])
    assert not empty["photons"].any()


def test_no_field_conserves_z_and_turns_about_it(make_model: Make) -> None:
    """h = 0: Z fixed, a = αe^{−rt} − iF(1−e^{−rt})/r, s turns about Z by ∫4 Σ g Re a dt."""
    model = make_model(3, **NO_FIELD)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(4, 3)) / 3
    alpha = rng.normal(size=3) + 1j * rng.normal(size=3)
    state = od.ProductState.bloch(vectors, displacement=alpha)
    names = ["sx_spin", "sy_spin", "sz_spin", "photons_mode"]
    got = values(model, state, names)
    rate = 1j * model.frequencies + (model.loss - model.gain) / 2
    force = vectors[:, 2] @ model.couplings

    def amplitude(time: Any) -> np.ndarray:
        decay = np.exp(-rate * np.asarray(time)[..., None])
        return np.asarray(alpha * decay - 1j * force * (1 - decay) / rate)

    np.testing.assert_allclose(got["sz_spin"], np.tile(vectors[:, 2], (13, 1)), atol=1e-14)
    mean = model.gain / (model.loss - model.gain)
    hot = mean * (1 - np.exp(-(model.loss - model.gain) * TIMES[:, None]))
    np.testing.assert_allclose(got["photons_mode"], np.abs(amplitude(TIMES)) ** 2 + hot, atol=1e-11)
    for spin in range(4):
        angle = [
            quad(lambda t, g=model.couplings[spin]: 4 * g @ amplitude(t).real, 0, end)[0]
            for end in TIMES
        ]
        transverse = (vectors[spin, 0] + 1j * vectors[spin, 1]) * np.exp(1j * np.array(angle))
        found = got["sx_spin"][:, spin] + 1j * got["sy_spin"][:, spin]
        np.testing.assert_allclose(found, transverse, atol=1e-9)


def test_stationary_bosons_stay(make_model: Make) -> None:
    """h = 0: started in the state their spins hold them in, no mode moves."""
    model = make_model(4, **NO_FIELD)
    state = od.ProductState.configuration([1, -1, 1, 1], bosons="stationary")
    got = values(model, state, ["photons_mode", "quadrature_mode", "energy"])
    for name, series in got.items():
        np.testing.assert_allclose(series, np.broadcast_to(series[0], series.shape), atol=1e-12)
        assert np.abs(series).min() > 1e-3, name


def test_one_driven_damped_mode() -> None:
    """One spin up: a settles at −ig/(Γ/2 + iω), |a|² = g²/(ω² + Γ²/4)."""
    g, omega, loss = 0.6, 1.4, 0.9
    model = od.DickeModel([[g]], omega, loss=loss, coupling_axis="z", field_axis="x")
    times = np.array([0.0, 0.5, 2.0, 80.0])
    got = values(model, od.ProductState.polarized("+z"), ["photons", "energy"], times)
    rate = loss / 2 + 1j * omega
    a = -1j * g * (1 - np.exp(-rate * times)) / rate
    np.testing.assert_allclose(got["photons"], np.abs(a) ** 2, atol=1e-12)
    np.testing.assert_allclose(got["energy"], omega * np.abs(a) ** 2 + 2 * g * a.real, atol=1e-12)
    assert got["photons"][-1] == pytest.approx(g**2 / (omega**2 + loss**2 / 4), rel=1e-12)


def test_gain_fills_a_mode() -> None:
    """n(t) = n₀e^{−Γt} + n̄(1 − e^{−Γt}) beside the amplitude, n̄ = gain/Γ in the end."""
    loss, gain, alpha, start = np.array([0.9, 0.5]), np.array([0.4, 0.0]), [0.7, 0.2j], [0.0, 2.0]
    model = od.DickeModel(np.zeros((1, 2)), [1.0, 2.0], loss=loss, gain=gain)
    state = od.ProductState.polarized("+z", displacement=alpha, occupation=start)
    times = np.array([0.0, 0.3, 1.0, 4.0, 200.0])
    got = values(model, state, ["photons_mode"], times)["photons_mode"]
    decay = np.exp(-(loss - gain) * times[:, None])
    expected = np.abs(alpha) ** 2 * decay + np.array(start) * decay + [0.8, 0.0] * (1 - decay)
    np.testing.assert_allclose(got, expected, atol=1e-12)
    np.testing.assert_allclose(got[-1], [0.8, 0.0], atol=1e-12)


def lindblad_photons(
    omega: float, drive: float, loss: float, gain: float, alpha: complex, times: np.ndarray
) -> np.ndarray:
    """⟨a†a⟩ of H = ωa†a + F(a + a†) with loss and gain, in a Fock space of 40 levels."""
    levels = 40
    a = csr_array(np.diag(np.sqrt(np.arange(1.0, levels)), 1))
    up, one = a.T.tocsr(), csr_array(identity(levels))
    h = omega * (up @ a) + drive * (a + up)

    def dissipator(jump: Any) -> Any:
        square = (jump.T @ jump).tocsr()
        return kron(jump, jump) - 0.5 * (kron(square, one) + kron(one, square.T))

    # Row-major: A ρ B is (A ⊗ Bᵀ) vec ρ; all jump operators are real.
    flow = -1j * (kron(h, one) - kron(one, h.T)) + loss * dissipator(a) + gain * dissipator(up)
    fock = np.arange(1, levels)
    psi = np.concatenate([[1.0 + 0j], np.cumprod(alpha / np.sqrt(fock))])
    psi /= np.linalg.norm(psi)
    rho = np.outer(psi, psi.conj()).ravel()
    number = np.arange(levels)
    return np.array(
        [
            (number * np.diag(expm_multiply(flow.tocsr() * t, rho).reshape(levels, levels)))
            .sum()
            .real
            for t in times
        ]
    )


def test_gain_and_drive_against_the_lindblad_equation() -> None:
    """One spin held at Z = +1 is a constant force: mean field is exact, thermal noise included."""
    omega, g, loss, gain, alpha = 1.3, 0.5, 0.8, 0.25, 0.9 - 0.4j
    model = od.DickeModel([[g]], omega, loss=loss, gain=gain)
    state = od.ProductState.polarized("+z", displacement=alpha)
    times = np.array([0.0, 0.7, 2.0, 5.0])
    expected = lindblad_photons(omega, g, loss, gain, alpha, times)
    np.testing.assert_allclose(
        values(model, state, ["photons"], times)["photons"], expected, atol=1e-7
    )


def test_zero_frequency_without_damping() -> None:
    """ω = Γ = 0: a = α − iFt, Re a constant, and the spin turns by 4g Re α t."""
    g, alpha = 0.4, 0.3 + 0.2j
    model = od.DickeModel([[g]], 0.0)
    state = od.ProductState.bloch([0.6, 0.0, 0.8], displacement=alpha)
    got = values(model, state, ["photons", "quadrature_mode", "sx", "sy", "sz"])
    a = alpha - 1j * g * 0.8 * TIMES
    np.testing.assert_allclose(got["photons"], np.abs(a) ** 2, atol=1e-12)
    np.testing.assert_allclose(got["quadrature_mode"][:, 0], 0.6, atol=1e-14)
    turned = 0.6 * np.exp(4j * g * alpha.real * TIMES)
    np.testing.assert_allclose(got["sx"] + 1j * got["sy"], turned, atol=1e-12)
    np.testing.assert_allclose(got["sz"], 0.8, atol=1e-14)


@pytest.mark.parametrize("loss", [1e-7, 1e-3, 0.5])
def test_zero_frequency_with_damping(loss: float) -> None:
    """ω = 0: a = αe^{−γt/2} − 2iF(1 − e^{−γt/2})/γ, also for tiny damping (no cancellation)."""
    g, alpha = 0.4, 0.3 + 0.2j
    model = od.DickeModel([[g]], 0.0, loss=loss)
    state = od.ProductState.bloch([0.6, 0.0, 0.8], displacement=alpha)
    got = values(model, state, ["photons", "quadrature_mode", "sx", "sy", "ising_energy"])
    grown = -2 * np.expm1(-loss * TIMES / 2) / loss
    a = alpha * np.exp(-loss * TIMES / 2) - 1j * g * 0.8 * grown
    np.testing.assert_allclose(got["photons"], np.abs(a) ** 2, atol=1e-12)
    np.testing.assert_allclose(got["quadrature_mode"][:, 0], 2 * a.real, atol=1e-12)
    turned = 0.6 * np.exp(4j * g * alpha.real * grown)
    np.testing.assert_allclose(got["sx"] + 1j * got["sy"], turned, atol=1e-11)
    np.testing.assert_allclose(got["ising_energy"], 0, atol=1e-15)
