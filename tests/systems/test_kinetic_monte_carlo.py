"""Kinetic Monte Carlo through the front door: against the rate equation and dense exponentials.

Means are compared in units of their own standard errors, pooled over independent seeds.
"""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

import opendicke as od

STATIONARY = {"bosons": "stationary"}
SAMPLERS = ("rejection-free", "windowed", "plain", "automatic")
NAMES = ["probability", "sz_spin", "ising_energy", "overlap"]
SEEDS = 24


def solve(model: Any, state: Any, times: Any, method: Any, names: Any, seed: int = 0) -> Any:
    """Without verdicts, which have tests of their own."""
    return od.solve(model, state, times, method, names, seed, validity="ignore")


def follow(model: Any, state: Any, times: Any, method: Any, names: Any, seed: int = 0) -> Any:
    return od.trajectories(model, state, times, method, names, seed, validity="ignore")


def rms(z: Any) -> float:
    return float(np.sqrt((np.asarray(z) ** 2).mean()))


def worst_mean(z: Any) -> float:
    """The largest deviation, (seeds, values), of means over seeds."""
    return float(np.abs(z.mean(axis=0)).max() * np.sqrt(len(z)))


# Several spins and one or three modes


def several(modes: int, ratio: float = 1.0) -> od.DickeModel:
    """Five spins on one mode or four on three, one coupling times `ratio`."""
    if modes == 1:
        couplings = np.array(ONE)[:, None]
        couplings[2] *= ratio
        field = 0.1 * np.linspace(0.8, 1.2, 5)
        return od.DickeModel(couplings, 1.0, loss=1.3, gain=1.0, field=field)
    couplings = np.array(THREE)
    couplings[1, 0] *= ratio
    field = 0.1 * np.linspace(0.8, 1.2, 4)
    return od.DickeModel(couplings, [1.0, 1.4, 0.7], loss=0.4, field=field)


ONE = [1.11, 1.16, 1.78, -0.91, 1.52]
THREE = [[0.53, -0.53, -0.55], [-0.56, 0.34, -0.46], [0.38, 0.45, -0.32], [0.69, 0.37, -0.56]]
SPANS = {1: [0.0, 1300.0, 5000.0, 15000.0], 3: [0.0, 150.0, 760.0, 4000.0]}


def started(model: od.DickeModel) -> od.ProductState:
    return od.ProductState.configuration([1, -1, -1, 1, -1][: model.spins], **STATIONARY)


@cache
def law(modes: int, ratio: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Means of all that is asked, and standard deviations of one trajectory, (T, values)."""
    model = several(modes, ratio)
    p = solve(model, started(model), SPANS[modes], od.RateEquation(), NAMES).probability[1:].values
    sigma = od.configurations(model.spins)
    squares = (sigma @ model.couplings) ** 2 - (model.couplings**2).sum(axis=0)
    width = model.loss - model.gain
    energy = -squares @ (model.frequencies / (model.frequencies**2 + width**2 / 4))
    overlaps = sigma @ np.sign(model.couplings) / model.spins
    single = np.column_stack([np.eye(len(sigma)), sigma, energy, overlaps])
    mean = p @ single
    return mean, np.sqrt(p @ single**2 - mean**2)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_means_are_those_of_the_rate_equation(sampler: str) -> None:
    """Two models, 24 seeds each, three times; a law with one coupling changed by 5 % is not it."""
    count, right, wrong, errors = 240, [], [], []
    for modes in (1, 3):
        model, method = several(modes), od.KineticMonteCarlo(count, sampler=sampler)
        runs = [
            solve(model, started(model), SPANS[modes], method, NAMES, 100 + seed)
            for seed in range(SEEDS)
        ]
        found, told = (
            np.array([np.column_stack([run[name + end][1:] for name in NAMES]) for run in runs])
            for end in ("", "_stderr")
        )
        for pool, ratio in ((right, 1.0), (wrong, 1.05)):
            mean, spread = law(modes, ratio)
            shown = spread > 0.2  # no rare configurations
            pool.append(((found - mean) / spread * np.sqrt(count))[:, shown])
        errors.append((told * np.sqrt(count) / law(modes)[1])[:, law(modes)[1] > 0.2])
        assert worst_mean(right[-1]) < 4.0
        assert worst_mean(wrong[-1]) > 6.0
    z, off, ratio = (np.concatenate([*map(np.ravel, each)]) for each in (right, wrong, errors))
    assert z.size >= 1000
    assert 0.9 < rms(z) < 1.1
    assert rms(off) > 1.1
    # The errors that are told are those.
    assert rms(ratio) == pytest.approx(1.0, abs=0.02)
    assert np.std(ratio) < 0.15


def test_the_sampler_chosen_is_told() -> None:
    for modes in (1, 3):
        model = several(modes)
        for sampler in SAMPLERS:
            method = od.KineticMonteCarlo(trajectories=64, sampler=sampler)
            ds = solve(model, started(model), SPANS[modes], method, ["sz"])
            told = json.loads(ds.attrs["numerics"])["sampler"]
            if sampler != "automatic":
                assert told == sampler
                continue
            # The same numbers as when asked for by name.
            named = od.KineticMonteCarlo(trajectories=64, sampler=told)
            again = solve(model, started(model), SPANS[modes], named, ["sz"])
            np.testing.assert_array_equal(ds.sz, again.sz)


# Three spins, mixed at first


TILTED = np.array([[0.3, 0.1, 0.6], [0.0, 0.0, -1.0], [0.7, -0.2, -0.25]])
MIXED = od.ProductState.bloch(TILTED, **STATIONARY)
EVERY = np.array([[1 - 2 * (k >> i & 1) for i in (2, 1, 0)] for k in range(8)])
MANY_NAMES = [
    "sz", "overlap_variance", "spin_correlation", "correlation_spin", "probability",
    "ising_energy_distribution", "photons", "photons_mode", "quadrature_mode", "g2_mode",
]  # fmt: skip


def three(**replaced: Any) -> od.DickeModel:
    settings: dict[str, Any] = {
        "couplings": np.array([[1.1, -0.6], [-0.5, 0.9], [0.8, 0.4]]),
        "frequencies": [1.0, 1.7],
        "loss": [2.1, 1.5],
        "gain": [0.9, 0.2],
        "field": np.array([0.3, 0.2, 0.4]),
        "patterns": [[1, 1, -1], [1, -1, -1]],
    }
    return od.DickeModel(**settings | replaced)


def mixed_at_first() -> np.ndarray:
    start = np.ones(1)
    for z in TILTED[:, 2]:
        start = np.kron(start, [(1 + z) / 2, (1 - z) / 2])
    return start


def test_mixed_states_are_drawn_spin_by_spin() -> None:
    """At times[0]: probabilities of a product, a spin along −Z certain, errors binomial."""
    method, p = od.KineticMonteCarlo(trajectories=4000), mixed_at_first()
    ds = solve(three(), MIXED, [3.0], method, ["probability", "sz_spin"], seed=4).isel(time=0)
    error = np.sqrt(p * (1 - p) / 4000)
    np.testing.assert_array_equal(ds.probability[p == 0], 0.0)
    assert (np.abs(ds.probability - p)[p > 0] < 4 * error[p > 0]).all()
    np.testing.assert_allclose(ds.probability_stderr, error, rtol=0.1)
    assert float(ds.sz_spin[1]) == -1.0
    # Another state would be seen.
    flipped = p[[4, 5, 6, 7, 0, 1, 2, 3]]
    assert np.abs(ds.probability - flipped).max() > 10 * error.max()


def test_every_kind_of_observable_from_a_mixed_state() -> None:
    """Variances, correlations, histograms and g², with errors that are neither small nor large."""
    times, method = [0.0, 4.0, 40.0], od.KineticMonteCarlo(trajectories=640)
    expected = solve(three(), MIXED, times, od.RateEquation(), MANY_NAMES)
    runs = [solve(three(), MIXED, times, method, MANY_NAMES, seed) for seed in range(20)]
    for name in MANY_NAMES:
        error = np.array([run[f"{name}_stderr"].values for run in runs])
        apart = np.array([run[name].values for run in runs]) - expected[name].values
        # Counts of very rare configurations are not normally distributed.
        still = (error < 1e-12).all(axis=0)
        common = ~still & (np.abs(expected[name].values) > 0.02)
        np.testing.assert_allclose(apart[:, still], 0.0, atol=1e-8, err_msg=name)
        z = (apart[:, common] / error[:, common]).ravel()
        assert z.size >= 60, name
        assert 0.85 < rms(z) < 1.2, name
        assert worst_mean(apart[:, common] / error[:, common]) < 4.0, name
    np.testing.assert_array_equal(runs[0].bin_energy, expected.bin_energy)
    assert float(runs[0].lowest_energy) == float(expected.lowest_energy)


# Annealing: dense generators, piece by piece


@cache
def dense(damping: float) -> np.ndarray:
    """The generator of `three()` with loss − gain times a factor, entry by entry."""
    model = three()
    frequencies, gain = model.frequencies, model.gain
    width = damping * (model.loss - gain)
    strength = 16 * frequencies / (4 * frequencies**2 + width**2)
    made = np.zeros((8, 8))
    for here, spins in enumerate(EVERY):
        for i, g in enumerate(model.couplings):
            others = spins @ model.couplings - g * spins[i]
            energy = float(np.sum(strength * g * spins[i] * others))
            rate = float(od.flip_rates(g, frequencies, gain + width, gain, model.field[i], energy))
            made[here ^ (4 >> i), here] += rate
            made[here, here] -= rate
    return made


TABLES = {
    "anneal_times": [2.0, 5.0, 9.0, 20.0],
    "anneal_field": [1.0, 0.0, -1.5, 0.7],
    "anneal_damping": [1.0, 0.3, 0.3, 4.0],
}


def piecewise(times: Any, tables: Any = TABLES) -> np.ndarray:
    """Probabilities at `times` from those of MIXED at the first one, (T, 8)."""
    edges = np.array(tables["anneal_times"])
    p, found = mixed_at_first(), [mixed_at_first()]
    for start, end in pairwise(times):
        cuts = [start, *edges[(edges > start) & (edges < end)], end]
        for left, right in pairwise(cuts):
            k = max(0, int(np.sum(edges <= left)) - 1)
            flow = dense(tables["anneal_damping"][k])
            p = expm(flow * tables["anneal_field"][k] ** 2 * (right - left)) @ p
        found.append(p)
    return np.array(found)


@pytest.mark.parametrize("sampler", SAMPLERS[:3])
@pytest.mark.parametrize("first", [0.0, 6.0, 9.0], ids=["before", "between", "edge"])
def test_tables_against_the_piecewise_master_equation(sampler: str, first: float) -> None:
    """Fields and dampings that change in steps, from times before, between and at their edges."""
    times = np.append(first, [t for t in (4.0, 5.0, 8.0, 12.0, 20.0, 45.0) if t > first])
    method = od.KineticMonteCarlo(trajectories=2000, sampler=sampler, **TABLES)
    shares = np.array(
        [solve(three(), MIXED, times, method, ["probability"], seed).probability.values
         for seed in range(3)]
    )  # fmt: skip
    p = piecewise(times)
    shown = p > 0.01
    z = (shares - p)[:, shown] / np.sqrt(p * (1 - p) / 2000)[shown]
    assert worst_mean(z) < 4.0
    assert 0.8 < rms(z) < 1.2
    # Tables that begin a little later, or with another damping, are rejected.
    late = TABLES | {"anneal_times": [2.0, 6.0, 10.0, 21.0]}
    for other in (late, TABLES | {"anneal_damping": [1.0, 1.0, 1.0, 1.0]}):
        q = piecewise(times, other)
        off = (shares - q)[:, shown] / np.sqrt(q * (1 - q) / 2000)[shown]
        assert worst_mean(off) > 4.0


@pytest.mark.parametrize("sampler", SAMPLERS[:3])
def test_fields_alone_rescale_the_waiting_times(sampler: str) -> None:
    """Weak and strong fields in turn: what is left of a wait at an edge shrinks or grows."""
    edges, fields = [0.0, 4.0, 5.0, 9.0, 10.0], [0.3, 3.0, 0.3, 3.0, 0.3]
    method = od.KineticMonteCarlo(2000, sampler=sampler, anneal_times=edges, anneal_field=fields)
    times = [0.0, 5.0, 10.0]
    law = piecewise(
        times, {"anneal_times": edges, "anneal_field": fields, "anneal_damping": [1.0] * 5}
    )[1:]
    runs = [solve(three(), MIXED, times, method, ["probability"], seed) for seed in range(3)]
    z = np.array([run.probability[1:] for run in runs]) - law
    z = (z / np.sqrt(law * (1 - law) / 2000))[:, law > 0.01]
    assert worst_mean(z) < 4.0
    assert 0.7 < rms(z) < 1.3


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_without_field_nothing_flips(sampler: str) -> None:
    """From 5 to 9 there is none: every trajectory is frozen, and goes on afterwards."""
    method = od.KineticMonteCarlo(trajectories=64, sampler=sampler, **TABLES)
    times = [0.0, 5.0, 6.0, 9.0, 14.0]
    spins = follow(three(), MIXED, times, method, ["sz_spin"])[0].sz_spin
    np.testing.assert_array_equal(spins.isel(time=2), spins.isel(time=1))
    np.testing.assert_array_equal(spins.isel(time=3), spins.isel(time=1))
    for before, after in ((0, 1), (3, 4)):
        moved = (spins.isel(time=before) != spins.isel(time=after)).any("spin")
        assert moved.mean() > 0.3


def test_constant_tables_are_another_model() -> None:
    """One entry, wherever it lies: bit by bit the model with that damping and field."""
    model, times = three(), [0.0, 4.0, 40.0]
    damping = 0.4 * (model.loss - model.gain)
    names = ["sz_spin", "ising_energy", "photons_mode", "ising_energy_distribution"]
    slow = three(loss=model.gain + damping)
    expected = solve(slow, MIXED, times, od.KineticMonteCarlo(200), names)
    for place in (-9.0, 0.0, 20.0, 1e3):
        tables = {"anneal_times": [place], "anneal_damping": [0.4]}
        found = solve(model, MIXED, times, od.KineticMonteCarlo(200, **tables), names)
        for name in (*names, "bin_energy"):
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    # A field is a factor of time, of either sign.
    expected = solve(model, MIXED, np.multiply(times, 4.0), od.KineticMonteCarlo(200), names)
    tables = {"anneal_times": [0.0], "anneal_field": [-2.0]}
    found = solve(model, MIXED, times, od.KineticMonteCarlo(200, **tables), names)
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-12, err_msg=name)


COOLED = {"anneal_times": [0.0, 10.0], "anneal_damping": [1.0, 4.0]}


def test_an_entry_holds_from_its_time_on() -> None:
    """At t = 10 bosons are stationary for the second damping, whether one arrives or starts."""
    model, method = three(), od.KineticMonteCarlo(64, **COOLED)
    names = ["sz_spin", "photons_mode", "ising_energy"]
    ds, _ = follow(model, MIXED, [0.0, 9.0, 10.0, 11.0], method, names)
    end = follow(model, MIXED, [0.0, 9.0, 10.0], method, names)[0].isel(time=-1)
    for name in names:
        np.testing.assert_array_equal(end[name], ds[name].isel(time=2), err_msg=name)
    for k, factor in enumerate((1.0, 1.0, 4.0, 4.0)):
        spins = ds.sz_spin.isel(time=k).transpose("trajectory", "spin").values
        damping = factor * (model.loss - model.gain)
        force = (spins @ model.couplings) ** 2
        weight = 1 / (model.frequencies**2 + damping**2 / 4)
        # Equal gain over another damping: fewer thermal photons, too.
        expected = force * weight + model.gain / damping
        photons = ds.photons_mode.isel(time=k).transpose("trajectory", "mode")
        np.testing.assert_allclose(photons, expected, rtol=1e-12, err_msg=str(ds.time[k].item()))
        energy = -(force - (model.couplings**2).sum(axis=0)) @ (model.frequencies * weight)
        np.testing.assert_allclose(ds.ising_energy.isel(time=k), energy, atol=1e-12)


def test_distributions_agree_with_their_labels_while_damping_changes() -> None:
    """At every time the mean of `bin_energy` is the mean energy within half an interval."""
    names = ["ising_energy", "ising_energy_distribution"]
    ds = solve(three(), MIXED, [0.0, 9.0, 11.0, 30.0], od.KineticMonteCarlo(200, **COOLED), names)
    width = float(np.diff(ds.bin_energy.values)[0])
    mean = ds.ising_energy_distribution.values @ ds.bin_energy.values
    assert (np.abs(mean - ds.ising_energy.values) <= width / 2).all()


# Single trajectories


@pytest.mark.parametrize("annealed", [{}, COOLED], ids=["", "annealed"])
def test_means_of_trajectories_are_the_answers(annealed: Any) -> None:
    """Of the same seed, to round-off; values are those of single configurations."""
    names = [name for name in MANY_NAMES if name not in ("overlap_variance", "g2_mode")]
    method, times = od.KineticMonteCarlo(150, **annealed), [0.0, 4.0, 40.0]
    ds, last = follow(three(), MIXED, times, method, [*names, "sz_spin"], seed=5)
    mean = solve(three(), MIXED, times, method, [*names, "sz_spin"], seed=5)
    assert ds.sizes["trajectory"] == 150
    for name in (*names, "sz_spin"):
        assert ds[name].dims == ("trajectory", *mean[name].dims)
        np.testing.assert_allclose(ds[name].mean("trajectory"), mean[name], atol=1e-12)
        error = ds[name].std("trajectory", ddof=1) / np.sqrt(150)
        np.testing.assert_allclose(error, mean[f"{name}_stderr"], atol=1e-12, err_msg=name)
    assert (ds.bin_energy == mean.bin_energy).all()
    assert set(np.unique(ds.sz_spin)) == {-1.0, 1.0}
    np.testing.assert_array_equal(ds.probability.sum("configuration"), 1.0)
    assert last.shape == (150, 3)
    assert last.dtype == np.int8
    np.testing.assert_array_equal(last, ds.sz_spin.isel(time=-1).values)


def test_last_configurations_go_on() -> None:
    """Half the way, then each from where it ended: the law of the whole way."""
    model, times, count = three(), [0.0, 6.0], 10
    method = od.KineticMonteCarlo(count, sampler="windowed")
    _, last = follow(model, MIXED, times, method, ["sz"], seed=1)
    total, spread = np.zeros(3), np.zeros(3)
    for k, spins in enumerate(last):
        state = od.ProductState.configuration(spins, **STATIONARY)
        few = od.KineticMonteCarlo(100, sampler="windowed")
        ds = solve(model, state, [6.0, 12.0], few, ["sz_spin"], seed=10 + k)
        np.testing.assert_array_equal(ds.sz_spin[0], spins)
        total += ds.sz_spin[1].values
        exact = solve(model, state, [6.0, 12.0], od.RateEquation(), ["sz_spin"]).sz_spin[1]
        total -= exact.values
        spread += (1 - exact.values**2) / 100
    assert (np.abs(total) < 4 * np.sqrt(spread)).all()


# Many spins


def stored(strength: float, loss: float, gain: float, field: float) -> od.DickeModel:
    return od.RandomDicke(
        od.Binary(strength, spread=0.05), 200, 3, frequencies=1.0, loss=loss, gain=gain, field=field
    ).draw(0)


def recalled(model: od.DickeModel, end: float) -> np.ndarray:
    state = od.ProductState.pattern(0, flipped=0.2, seed=1, **STATIONARY)
    method = od.KineticMonteCarlo(trajectories=3)
    ds, _ = follow(model, state, [0.0, end], method, ["overlap"])
    return np.asarray(ds.overlap.isel(pattern=0).transpose("time", "trajectory"))


def test_a_memory_corrects_errors() -> None:
    """Cold sidebands: a fifth of the spins are wrong at first, and nearly none in the end."""
    before, after = recalled(stored(0.5, 0.4, 0.0, 2e-4), 1e10)
    np.testing.assert_allclose(before, 0.6, atol=1e-12)
    assert (after > 0.9).all()


def test_strong_coupling_forgets() -> None:
    """In the power law of long jumps the bias is lost, and the pattern with it."""
    before, after = recalled(stored(3.0, 1.1, 1.0, 0.01), 1e8)
    np.testing.assert_allclose(before, 0.6, atol=1e-12)
    assert (after < 0.6).all()


def test_thousands_of_spins() -> None:
    """A table of two dimensions: samplers agree, and the energy flows down from its summit."""
    spins, names, found = 3000, ["ising_energy", "photons"], []
    rng = np.random.default_rng(2)
    couplings = 3 * np.sort(rng.uniform(0.5, 1.5, spins)) / np.sqrt(spins)
    model = od.DickeModel(couplings[:, None], 1.0, loss=2.0, gain=0.5, field=0.3)
    # Neighbours point against each other: no force on the mode.
    state = od.ProductState.configuration(np.resize([1, -1], spins), **STATIONARY)
    for seed, sampler in enumerate(SAMPLERS[:3]):
        method = od.KineticMonteCarlo(16, sampler=sampler)
        found.append(solve(model, state, [0.0, 1.0, 4.0], method, names, seed))
        assert json.loads(found[-1].attrs["numerics"])["form"] == "nodes"
    for first, second in pairwise(found):
        for name in names:
            assert float(first[name][0]) == pytest.approx(float(second[name][0]), rel=1e-12)
            error = np.hypot(first[f"{name}_stderr"], second[f"{name}_stderr"])[1:]
            assert (np.abs(first[name] - second[name])[1:] < 4 * error).all(), name
    energy = np.array([run.ising_energy for run in found])
    error = np.array([run.ising_energy_stderr for run in found])[:, 1:]
    assert (np.diff(energy, axis=1) < -3 * error).all()
    # H_I = −s (S² − Σg²), and photons |S|²/(ω² + Γ²/4) above the thermal ones, with s alike.
    size = 1 / (1 + 1.5**2 / 4)
    alone = size * float(couplings @ couplings)
    photons = np.array([run.photons for run in found])
    np.testing.assert_allclose(photons - 0.5 / 1.5, alone - energy, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_nothing_flips_without_field(sampler: str) -> None:
    """However weak the couplings are."""
    model = od.DickeModel([[0.02], [-0.01]], frequencies=1.0, loss=4.0)
    state = od.ProductState.configuration([-1, 1], bosons="stationary")
    method = od.KineticMonteCarlo(trajectories=16, sampler=sampler)
    found = od.solve(model, state, [0, 1, 5], method, ["sz_spin"], validity="ignore")
    np.testing.assert_array_equal(found.sz_spin, [[-1, 1]] * 3)
