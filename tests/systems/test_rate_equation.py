"""The rate equation through the front door: against other people's equations and exact numbers.

Rates come from fiorelli2020 Eq. (3) as printed, by scipy's quadrature; generators are dense and
written out entry by entry. `two_spins.json` and `cooling_n10.json` (tests/unit) name their origin.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.special import entr

import opendicke as od

REFERENCE = Path(__file__).parents[1] / "unit"
STATIONARY = {"bosons": "stationary"}
DOWN = od.ProductState.polarized("-z", **STATIONARY)
SAME = 1e-7  # what the default tolerance leaves between two equal answers
FREQUENCIES, LOSS, GAIN = np.array([1.0, 1.7]), np.array([2.1, 1.5]), np.array([0.9, 0.2])


def reference(name: str) -> Any:
    return json.loads((REFERENCE / f"{name}.json").read_text())


def solve(model: Any, state: Any, times: Any, names: Any, tolerance: float = 1e-8) -> Any:
    """Without verdicts, which have tests of their own."""
    return od.solve(model, state, times, od.RateEquation(tolerance), names, validity="ignore")


def stationary(model: Any, names: Any) -> Any:
    return od.stationary(model, observables=names, validity="ignore")


def every_configuration(spins: int) -> Any:
    return np.array(list(product((1, -1), repeat=spins)))


def printed_rate(model: od.DickeModel, i: int, sigma: Any) -> float:
    """fiorelli2020 Eq. (3), the exponents of all modes added, in units of ωt mode by mode."""
    parts = []
    for g, omega, loss, gain in zip(
        model.couplings.T, model.frequencies, model.loss, model.gain, strict=True
    ):
        eta, theta = (loss - gain) / omega, gain / loss
        nu = 4 * (1 + theta) * eta / ((eta**2 + 4) * (1 - theta))
        cost = g[i] * sigma[i] * (g @ sigma - g[i] * sigma[i])
        parts.append((g[i], omega, eta, nu, cost))

    def integrand(t: float) -> float:
        decay = phase = 0.0
        for g, omega, eta, nu, cost in parts:
            tau, size = omega * t, eta**2 + 4
            faded = np.exp(-eta * tau / 2)
            f = (8 - 2 * eta**2) / (eta * size) * (1 - faded * np.cos(tau))
            f -= 8 * faded * np.sin(tau) / size
            s = 4 * eta * (faded * np.cos(tau) - 1) + (eta**2 - 4) * faded * np.sin(tau)
            decay += 2 * g**2 * nu / omega**2 * (f + tau)
            phase += 16 * (cost * tau - g**2 * s / size) / (omega**2 * size)
        return float(np.exp(-decay) * np.cos(phase))

    value = quad(integrand, 0, np.inf, epsabs=1e-13, epsrel=1e-12, limit=400)[0]
    return float(2 * model.field[i] ** 2 * value)


def dense(model: od.DickeModel) -> Any:
    """The generator, column by column: from each configuration to those one flip away."""
    sigma = every_configuration(model.spins)
    made = np.zeros((len(sigma), len(sigma)))
    for here, spins in enumerate(sigma):
        for i in range(model.spins):
            there = int(
                np.flatnonzero(
                    (sigma == np.where(np.arange(model.spins) == i, -spins, spins)).all(1)
                )[0]
            )
            rate = printed_rate(model, i, spins)
            made[there, here] += rate
            made[here, here] -= rate
    return made


def three_spins(**replaced: Any) -> od.DickeModel:
    """Two modes, every spin with couplings and a field of its own."""
    settings: dict[str, Any] = {
        "couplings": np.array([[1.1, -0.6], [-0.5, 0.9], [0.8, 0.4]]),
        "frequencies": FREQUENCIES,
        "loss": LOSS,
        "gain": GAIN,
        "field": np.array([0.3, 0.2, 0.4]),
    }
    return od.DickeModel(**settings | replaced)


@pytest.fixture(scope="module")
def generator() -> Any:
    return dense(three_spins())


def test_two_spins_as_in_the_reference() -> None:
    truth = reference("two_spins")
    model = od.DickeModel(np.array(truth["g"])[:, None], 1.0, loss=11.0, gain=1.0, field=0.1)
    found = solve(model, DOWN, [0, 20, 50, 200], ["probability"]).probability.values
    np.testing.assert_array_equal(found[0], [0, 0, 0, 1])
    for row, time in zip(found[1:], ("20", "50", "200"), strict=True):
        np.testing.assert_allclose(row, truth["rate_equation"][time], atol=1e-8)
        # By so much the rate equation differs from the Lindblad equation.
        assert np.abs(row - truth["exact"][time]).max() < 0.010
    for arrow, rate in truth["rates"].items():
        before, after = (np.array(json.loads(f"[{part[1:-1]}]")) for part in arrow.split("->"))
        spin = int(np.flatnonzero(before != after)[0])
        assert od.flip_rate(model, spin, before) == pytest.approx(rate, rel=1e-8)


def test_rates_are_those_of_the_printed_equation() -> None:
    model = three_spins()
    for sigma in every_configuration(3)[:5]:
        for i in range(3):
            assert od.flip_rate(model, i, sigma) == pytest.approx(
                printed_rate(model, i, sigma), rel=1e-8
            )


def test_three_spins_and_two_modes(generator: Any) -> None:
    """All probabilities at all times, and what follows from them, from a tilted product state."""
    model = three_spins()
    vectors = np.array([[0.3, 0.1, 0.6], [0.0, 0.0, -1.0], [0.7, -0.2, -0.25]])
    state = od.ProductState.bloch(vectors, **STATIONARY)
    times = np.array([2.0, 2.5, 6.0, 30.0, 400.0])
    names = ["probability", "sz", "ising_energy", "photons_mode", "entropy"]
    ds = solve(model, state, times, names)
    start = np.ones(1)
    for z in vectors[:, 2]:
        start = np.kron(start, [(1 + z) / 2, (1 - z) / 2])
    np.testing.assert_allclose(ds.probability[0], start, atol=1e-15)
    sigma = every_configuration(3)
    force = sigma @ model.couplings
    weight = 1 / (FREQUENCIES**2 + (LOSS - GAIN) ** 2 / 4)
    energy = -(force**2 - (model.couplings**2).sum(axis=0)) @ (FREQUENCIES * weight)
    for k, t in enumerate(times):
        p = expm(generator * (t - times[0])) @ start
        np.testing.assert_allclose(ds.probability[k], p, atol=1e-8)
        assert float(ds.sz[k]) == pytest.approx(p @ sigma.mean(axis=1), abs=1e-8)
        assert float(ds.ising_energy[k]) == pytest.approx(p @ energy, abs=1e-7)
        photons = p @ force**2 * weight + GAIN / (LOSS - GAIN)
        np.testing.assert_allclose(ds.photons_mode[k], photons, atol=1e-7)
        assert float(ds.entropy[k]) == pytest.approx(entr(p).sum(), abs=1e-6)
    assert ds.status == 1


def test_a_wrong_rate_would_be_seen(generator: Any) -> None:
    """The comparison above rejects a coupling that is off by a thousandth."""
    model = three_spins(couplings=three_spins().couplings * np.array([[1.001], [1], [1]]))
    found = solve(model, DOWN, [0.0, 6.0], ["probability"]).probability.values[1]
    assert np.abs(found - expm(generator * 6.0)[:, -1]).max() > 1e-6


def test_long_times_end_in_the_stationary_state(generator: Any) -> None:
    model, names = three_spins(), ["probability", "ising_energy", "entropy", "g2_mode"]
    last, rest = solve(model, DOWN, [0.0, 1e5], names).isel(time=1), stationary(model, names)
    for name in names:
        np.testing.assert_allclose(last[name], rest[name], atol=SAME, err_msg=name)
    assert "time" not in rest.dims
    assert "time" not in rest.coords
    p = rest.probability.values
    assert np.abs(generator @ p).max() < 1e-9 * np.abs(generator).max()
    assert p.sum() == pytest.approx(1.0, abs=1e-14)
    assert rest.status == 1


@pytest.mark.parametrize("eta", [0.1, 10.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_cooling_of_ten_spins(seed: int, eta: float) -> None:
    """Stationary state of the reference, hot and cold, in the energies of the paper's Eq. (4)."""
    case = reference("cooling_n10")["cases"][seed]
    truth, g = case[f"eta{eta}"], np.array(case["g"])
    model = od.DickeModel(g[:, None], 1.0, loss=1.0 + eta, gain=1.0, field=0.1)
    ds = stationary(model, ["ising_energy", "probability", "ising_energy_distribution"])
    scale = od.energy_scale(1.0, 1.0 + eta, 1.0)
    assert scale * float(ds.ising_energy) == pytest.approx(truth["meanE"], abs=1e-6)
    assert scale * float(ds.lowest_energy) == pytest.approx(truth["Emin"], abs=1e-9)
    p, ground = ds.probability.values, od.ground_states(model)
    assert scale * ground.energy == pytest.approx(truth["Emin"], abs=1e-9)
    share = p[od.configuration_index(ground.configurations)].sum()
    assert share == pytest.approx(truth["p_ground"], abs=1e-6)
    assert np.abs(p - 2.0**-10).sum() / 2 == pytest.approx(truth["tv_uniform"], abs=1e-6)
    assert p.min() == pytest.approx(truth["pmin"], rel=1e-5)
    highest = 2 * ds.bin_energy.values[-1] - ds.bin_energy.values[-2]
    edge = (highest + ds.bin_energy.values[-1]) / 2
    assert scale * edge == pytest.approx(truth["Emax"], abs=1e-9)
    assert float(ds.ising_energy_distribution[0]) >= share - 1e-12


def test_a_single_spin_is_a_two_state_process() -> None:
    """Both directions have one energy: z(t) = z(0) exp(−2Wt)."""
    model = od.DickeModel([[1.2]], 1.0, loss=2.0, gain=0.5, field=0.3)
    rate, times = printed_rate(model, 0, np.ones(1)), np.array([0.0, 3.0, 10.0, 300.0])
    state = od.ProductState.bloch([0.0, 0.6, -0.8], **STATIONARY)
    ds = solve(model, state, times, ["sz", "probability", "ising_energy"])
    np.testing.assert_allclose(ds.sz, -0.8 * np.exp(-2 * rate * times), atol=1e-8)
    np.testing.assert_array_equal(ds.ising_energy, 0.0)
    assert stationary(model, ["sz"]).sz == pytest.approx(0.0, abs=1e-12)


def test_a_spin_without_field_stays() -> None:
    """It keeps its probabilities, and the others see it as it is."""
    model = three_spins(field=np.array([0.3, 0.0, 0.4]))
    z = np.array([0.2, -0.4, 0.9])
    state = od.ProductState.bloch(np.outer(z, [0, 0, 1.0]), **STATIONARY)
    ds = solve(model, state, [0.0, 5.0, 50.0], ["probability", "sz_spin"])
    np.testing.assert_allclose(ds.sz_spin[:, 1], -0.4, atol=1e-9)
    start = np.ones(1)
    for each in z:
        start = np.kron(start, [(1 + each) / 2, (1 - each) / 2])
    flow = dense(model)
    for k, t in enumerate((0.0, 5.0, 50.0)):
        np.testing.assert_allclose(ds.probability[k], expm(flow * t) @ start, atol=1e-8)
    with pytest.raises(od.InputError, match="spin 1 does not"):
        stationary(model, ["sz"])


def test_nothing_moves_without_field() -> None:
    model = three_spins(field=0.0)
    ds = solve(
        model, od.ProductState.configuration([1, -1, 1], **STATIONARY), [0.0, 1e9], ["sz_spin"]
    )
    np.testing.assert_array_equal(ds.sz_spin, [[1, -1, 1], [1, -1, 1]])


def temperature(g: Any, eta: float) -> tuple[Any, Any, float]:
    """Stationary probabilities, energies H_I and the β of the Gaussian rates."""
    model = od.DickeModel(g[:, None], 1.0, loss=1.0 + eta, gain=1.0, field=0.1)
    p = stationary(model, ["probability"]).probability.values
    total = every_configuration(len(g)) @ g
    energy = -(total**2 - (g**2).sum()) / (1 + eta**2 / 4)
    beta = float(od.inverse_temperature(g[:1], 1.0, 1.0 + eta, 1.0))
    return p, energy, beta


def test_boltzmann_where_the_damping_is_small() -> None:
    """At η = 0.01 the flips thermalise at 4η of Eq. (4); deviations fall with η."""
    g, errors = np.array([1.3, -0.7, 1.0, 0.5]), []
    for eta in (0.04, 0.01):
        p, energy, beta = temperature(g, eta)
        scale = od.energy_scale(1.0, 1.0 + eta, 1.0)
        assert beta / scale == pytest.approx(4 * eta, rel=2 * eta)
        weights = np.exp(-beta * energy)
        weights /= weights.sum()
        uneven = np.abs(np.log(weights / weights.mean())).max()
        assert uneven > 5 * eta
        errors.append(np.abs(np.log(p / weights)).max() / uneven)
    assert errors[1] < 0.02
    assert errors[1] < errors[0]


def test_both_ends_of_the_damping_are_hot() -> None:
    """Near-uniform probabilities for η → 0 and η → ∞; cold in between."""
    g = np.array([1.3, -0.7, 1.0, 0.5])
    uneven = {}
    for eta in (1e-3, 1.0, 1e3):
        p, _, beta = temperature(g, eta)
        uneven[eta] = float(np.abs(p - 1 / 16).sum() / 2)
        if eta != 1.0:
            assert beta < 0.01
    assert max(uneven[1e-3], uneven[1e3]) < 0.01
    assert uneven[1.0] > 0.3


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-8])
def test_the_estimated_error_is_honest(tolerance: float) -> None:
    """The difference to a run at 1e−12 is below what is reported, and that below the tolerance."""
    g = np.random.default_rng(1).uniform(-3, 3, 6)
    model = od.DickeModel(g[:, None], 1.0, loss=1.1, gain=1.0, field=0.1)
    times = [0.0, 30.0, 3e3]
    best = solve(model, DOWN, times, ["probability"], 1e-12).probability.values
    for names in (["probability"], ["probability", "entropy"]):  # averages of polynomials or not
        ds = solve(model, DOWN, times, names, tolerance)
        error = np.abs(ds.probability.values - best).sum(axis=1).max()
        assert error <= float(ds.estimated_error) + 1e-11
        assert float(ds.estimated_error) <= tolerance
        np.testing.assert_allclose(ds.probability.values.sum(axis=1), 1.0, atol=tolerance)


NAMES = [
    "sz", "sz_spin", "photons", "photons_mode", "quadrature_mode", "overlap", "ising_energy",
    "ising_energy_distribution", "correlation_spin", "spin_correlation", "overlap_variance",
    "g2_mode", "entropy",
]  # fmt: skip
TILTED = np.array([[0.3, 0.1, 0.6], [0.0, 0.0, -1.0], [0.7, -0.2, -0.25]])
TIMES = np.array([0.0, 4.0, 40.0])


def test_relabelling_spins_and_modes() -> None:
    model = three_spins(patterns=[[1, 1, -1], [1, -1, -1]])
    spins, modes = np.array([2, 0, 1]), np.array([1, 0])
    relabelled = three_spins(
        couplings=model.couplings[spins][:, modes],
        frequencies=FREQUENCIES[modes],
        loss=LOSS[modes],
        gain=GAIN[modes],
        field=model.field[spins],
        patterns=model.patterns[:, spins],
    )
    first = solve(model, od.ProductState.bloch(TILTED, **STATIONARY), TIMES, NAMES)
    second = solve(relabelled, od.ProductState.bloch(TILTED[spins], **STATIONARY), TIMES, NAMES)
    for name in NAMES:
        expected = first[name]
        for dim, order in (("spin", spins), ("other_spin", spins), ("mode", modes)):
            if dim in expected.dims:
                expected = expected.isel({dim: order})
        np.testing.assert_allclose(second[name], expected, atol=SAME, err_msg=name)


@pytest.mark.parametrize("factor", [0.01, 40.0])
def test_units_of_energy(factor: float) -> None:
    """Energies and rates times c, times over c: the same physics, energies times c."""
    model, state = three_spins(), od.ProductState.bloch(TILTED, **STATIONARY)
    scaled = three_spins(
        couplings=factor * model.couplings,
        frequencies=factor * FREQUENCIES,
        loss=factor * LOSS,
        gain=factor * GAIN,
        field=factor * model.field,
    )
    first, second = solve(model, state, TIMES, NAMES), solve(scaled, state, TIMES / factor, NAMES)
    for name in NAMES:
        unit = factor if first[name].attrs["units"] == "energy" else 1.0
        np.testing.assert_allclose(second[name] / unit, first[name], atol=SAME, err_msg=name)
    for name in ("bin_energy", "lowest_energy"):
        np.testing.assert_allclose(second[name] / factor, first[name], rtol=1e-12)
    rest = stationary(model, ["sz_spin", "entropy"]), stationary(scaled, ["sz_spin", "entropy"])
    np.testing.assert_allclose(rest[1].entropy, rest[0].entropy, atol=SAME)


@pytest.mark.parametrize("axes", list(zip("zxyzxy", "xzzyyx", strict=True)))
def test_choice_of_axes(axes: tuple[str, str]) -> None:
    """The component along the coupling axis is what counts, whatever that axis is called."""
    place = "xyz".index(axes[0])
    vectors = np.zeros((3, 3))
    vectors[:, place] = TILTED[:, 2]
    turned = three_spins(coupling_axis=axes[0], field_axis=axes[1])
    first = solve(three_spins(), od.ProductState.bloch(TILTED, **STATIONARY), TIMES, NAMES)
    names = [f"s{axes[0]}", f"s{axes[0]}_spin", *NAMES[2:]]
    second = solve(turned, od.ProductState.bloch(vectors, **STATIONARY), TIMES, names)
    for name, usual in zip(names, NAMES, strict=True):
        np.testing.assert_allclose(second[name], first[usual], atol=SAME, err_msg=name)
    asked = solve(turned, od.ProductState.bloch(vectors, **STATIONARY), TIMES, None)
    assert {f"s{axes[0]}", "ising_energy", "photons"} <= set(asked)


def test_the_origin_of_time_and_the_company_do_not_matter() -> None:
    model, state = three_spins(), od.ProductState.bloch(TILTED, **STATIONARY)
    first, late = (solve(model, state, TIMES + shift, NAMES) for shift in (0.0, 8.0))
    few = solve(model, state, TIMES[[0, 2]], ["sz"])
    for name in NAMES:
        np.testing.assert_allclose(late[name], first[name], atol=1e-12, err_msg=name)
    np.testing.assert_allclose(few.sz, first.sz[[0, 2]], atol=1e-8)
    assert solve(model, DOWN, [5.0], ["sz"]).sz == -1.0
