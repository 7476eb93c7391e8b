"""Truncated Wigner against closed forms, independent integrations and its own exact reductions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

import opendicke as od
from opendicke.measure.observables import find_observables
from opendicke.methods import trajectories as trajectories_module
from opendicke.methods.trajectories import Numerics, Trajectories

Make = Callable[..., Any]
MOST = 5.0
"""Largest z: a false alarm in 2 million comparisons; there are some thousand of them."""
UNIT = dict(zip("xyz", np.eye(3), strict=True))


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


def z_scores(found: dict[str, Any], exact: dict[str, Any]) -> np.ndarray:
    """All (value − exact)/error, of quantities that scatter."""
    scores = []
    for name, wanted in exact.items():
        apart, error = found[name].value - wanted, found[name].stderr
        fixed = error < 1e-12
        assert np.abs(apart[fixed]).max(initial=0) < 1e-9, name
        scores.append((apart[~fixed] / error[~fixed]).ravel())
    return np.concatenate(scores)


def check_pooled(rows: list[np.ndarray]) -> None:
    """Scores of independent runs: none large, and their mean square 1 within 5 of its errors."""
    table = np.stack(rows)
    assert np.abs(table).max() < 5.5, np.abs(table).max()
    squares = (table**2).mean(axis=1)
    error = squares.std(ddof=1) / np.sqrt(len(squares))
    assert error < 0.05, error
    assert abs(squares.mean() - 1) < MOST * error, (squares.mean(), error)
    assert 0.9 < np.sqrt(squares.mean()) < 1.1


# Exact answers


def test_relaxing_modes_have_honest_error_bars() -> None:
    """A held spin drives modes with loss and gain: z of many runs has mean square 1."""
    model = od.DickeModel(
        [[0.5, -0.3, 0.0]], [1.0, 0.0, 1.4], loss=[0.7, 0.5, 0.9], gain=[0.2, 0.0, 0.4]
    )
    alpha, n = np.array([0.4 - 0.6j, 0.0, 0.0]), np.array([0.0, 0.8, 0.0])
    state = od.ProductState.polarized("+z", displacement=alpha, occupation=n)
    times = np.array([0.0, 0.5, 1.5, 6.0])
    rate, gamma = model.damping / 2 + 1j * model.frequencies, model.damping
    decay, kept = np.exp(-rate * times[:, None]), np.exp(-gamma * times[:, None])
    a = alpha * decay - 1j * model.couplings[0] * (1 - decay) / rate
    occupied = n * kept + model.gain / gamma * (1 - kept)
    exact = {"photons_mode": np.abs(a) ** 2 + occupied, "quadrature_mode": 2 * a.real}
    exact["photons"] = exact["photons_mode"].sum(axis=1)
    rows = []
    for seed in range(100):
        found = answers(model, state, times, list(exact), seed, trajectories=400, block=400)
        rows.append(z_scores(found, exact))
        assert rows[-1].size == 28
    check_pooled(rows)


def test_vacuum_stays_empty() -> None:
    """g = 0: no photons at any time, with and without loss, although a spin turns."""
    model = od.DickeModel(np.zeros((1, 3)), [1.0, 2.5, 0.7], loss=[0.0, 0.8, 3.0], field=0.6)
    times = np.array([0.0, 0.3, 2.0, 10.0])
    names = ["photons_mode", "quadrature_mode", "sz"]
    state = od.ProductState.polarized("+z")
    found = answers(model, state, times, names, bright=False, trajectories=40_000, block=10_000)
    exact = {"photons_mode": np.zeros((4, 3)), "quadrature_mode": np.zeros((4, 3))}
    exact["sz"] = np.cos(1.2 * times)
    assert np.abs(z_scores(found, exact)).max() < MOST
    # ½ + n is the mean of an exponential distribution: its spread is ½.
    spread = found["photons_mode"].stderr * np.sqrt(40_000)
    np.testing.assert_allclose(spread, 0.5, rtol=0.1)


def dephasing(couplings: Any, omega: float, loss: float, gain: float, t: float) -> Any:
    """Exact ⟨X_i(t)⟩ of spins along X without field, one mode from vacuum; and φ(t)."""
    g = np.asarray(couplings)
    gamma, z = loss - gain, (loss - gain) / 2 + 1j * omega
    nbar = gain / gamma
    phi = 2 * (-1j * (t / z - (1 - np.exp(-z * t)) / z**2)).real

    def slope(s: float) -> float:
        stay = (1 - np.exp(-z * s)) / z
        leave = (np.exp(-gamma * s) - np.exp(-z * s)) / (z - gamma)
        return float(((2 * nbar + 1) * stay - 2 * nbar * leave).real)

    decay = np.exp(-4 * g**2 * quad(slope, 0, t, epsabs=1e-13)[0])
    turning = np.cos(2 * np.outer(g, g) * phi)
    np.fill_diagonal(turning, 1.0)
    return decay * turning.prod(axis=1), phi


def test_dephasing_without_field() -> None:
    """The exact decay with loss and gain, times cos 2g²φ that a spin's own field makes of it."""
    known, _ = dephasing([0.4, 0.7], 1.0, 1.3, 0.3, 1.0)
    np.testing.assert_allclose(known, [0.736443944302, 0.399841092530], atol=1e-11)
    times = [0.0, 0.5, 1.0, 1.8, 3.0]
    for g in ([0.4, 0.7], [0.4, 0.7, -0.55]):
        model = od.DickeModel(np.array(g)[:, None], 1.0, loss=1.3, gain=0.3)
        state = od.ProductState.polarized("+x")
        found = answers(model, state, times, ["sx_spin"], 3, trajectories=200_000, block=20_000)
        exact, classical = np.ones((5, len(g))), np.ones((5, len(g)))
        for k, t in enumerate(times[1:], 1):
            exact[k], phi = dephasing(g, 1.0, 1.3, 0.3, t)
            classical[k] = exact[k] * np.cos(2 * np.array(g) ** 2 * phi)
        assert np.abs(z_scores(found, {"sx_spin": classical})).max() < MOST
        apart = np.abs(found["sx_spin"].value - exact)[3, 1]
        assert apart > 10 * found["sx_spin"].stderr[3, 1]


# Independent integrations


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


def generic(axes: str = "zx", loss: Any = 0.0, gain: Any = 0.0) -> tuple[Any, Any]:
    """Five different spins, four modes of different frequencies."""
    rng = np.random.default_rng(11)
    model = od.DickeModel(
        rng.normal(size=(5, 4)) * 0.35,
        [0.6, 1.0, 1.7, -0.5],
        field=rng.uniform(0.3, 1.0, 5),
        loss=loss,
        gain=gain,
        coupling_axis=axes[0],
        field_axis=axes[1],
    )
    vectors = rng.normal(size=(5, 3))
    vectors *= (np.array([1, 0.8, 1, 0.3, 0.6]) / np.linalg.norm(vectors, axis=1))[:, None]
    state = od.ProductState.bloch(
        vectors, displacement=[0.5, 0, -0.3j, 0.2], occupation=[0, 0.4, 0, 0]
    )
    return model, state


SPINS = ["sx_spin", "sy_spin", "sz_spin", "photons_mode", "quadrature_mode", "energy"]


@pytest.mark.parametrize("axes", ["zx", "xz", "yx"])
def test_every_trajectory_against_runge_kutta(axes: str) -> None:
    """From the sampled start each obeys the classical equations, signs of all axes included."""
    model, state = generic(axes)
    times = [0.0, 0.7, 2.0, 4.0]
    start = followed(model, state, times[:1], SPINS, 5, trajectories=12, step=1.0)[1]
    found, end = followed(model, state, times, SPINS, 5, trajectories=12, step=0.02)
    s, a = integrated(model, start, np.array(times))
    for k, axis in enumerate("xyz"):
        expected = s[..., k].swapaxes(0, 1)
        np.testing.assert_allclose(found[f"s{axis}_spin"], expected, atol=2e-6)
    photons = (np.abs(a) ** 2 - 0.5).swapaxes(0, 1)
    np.testing.assert_allclose(found["photons_mode"], photons, atol=1e-5)
    np.testing.assert_allclose(found["quadrature_mode"], 2 * a.real.swapaxes(0, 1), atol=1e-5)
    np.testing.assert_allclose(end.spins, s[-1], atol=2e-6)
    np.testing.assert_allclose(end.amplitudes, a[-1], atol=1e-5)
    # What is conserved: lengths at any step, the energy as far as the step allows.
    np.testing.assert_allclose((end.spins**2).sum(axis=-1), 3.0, atol=1e-12)
    drift = np.abs(found["energy"] - found["energy"][:, :1]).max()
    assert drift < 1e-5
    z, x = (s[0] @ UNIT[model.coupling_axis], s[0] @ UNIT[model.field_axis])
    energy = photons[:, 0] @ model.frequencies + x @ model.field
    energy += np.einsum("nj,jm,nm->n", z, model.couplings, 2 * a[0].real)
    np.testing.assert_allclose(found["energy"][:, 0], energy, atol=1e-12)


def test_energy_and_lengths_for_many_steps() -> None:
    """Without loss the drift falls as step⁴ down to round-off; |s|² = 3 after 20,000 steps."""
    model, state = generic()
    drift = []
    for step in (0.02, 0.01, 0.0025):
        found, end = followed(model, state, [0.0, 10.0, 50.0], SPINS, trajectories=12, step=step)
        drift.append(np.abs(found["energy"] - found["energy"][:, :1]).max())
        np.testing.assert_allclose((end.spins**2).sum(axis=-1), 3.0, atol=1e-12)
    assert drift[0] / drift[1] > 10
    assert drift[2] < 2e-8


def test_order_of_means() -> None:
    """Without noise the error of ensemble means falls as step^p, p = 2 and 4."""
    model, state = generic()
    times = [0.0, 1.0, 2.0]
    start = followed(model, state, times[:1], SPINS, 5, trajectories=12, step=1.0)[1]
    s = integrated(model, start, np.array(times))[0]
    steps = 0.2 * 2.0 ** -np.arange(4)
    for order in (2, 4):
        errors = []
        for step in steps:
            found = followed(
                model, state, times, SPINS, 5, trajectories=12, step=step, order=order
            )[0]
            apart = [
                found[f"s{axis}_spin"].mean(axis=0) - s[..., k].mean(axis=1)
                for k, axis in enumerate("xyz")
            ]
            errors.append(max(np.abs(each).max() for each in apart))
        slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
        assert slope == pytest.approx(order, abs=0.25), (order, errors)


def test_order_with_noise() -> None:
    """On one path of the noise trajectories converge as step², and so do their means."""
    model, state = generic(loss=[1.5, 0.8, 1.0, 2.0], gain=[0.9, 0.2, 0.0, 0.5])
    problem = od.reduce(model, state)
    names = find_observables(["sx_spin"])
    made = Trajectories(problem, np.array([0.0, 2.0]), names, Numerics(4, 40, False), (3, 0))
    finest = 48
    runs = [made.values(0, 40, np.array([0, finest // fold]), fold) for fold in (4, 2, 1)]
    for mean in (False, True):
        apart = []
        for coarse, fine in pairwise(runs):
            differences = [fine[name] - coarse[name] for name in fine]
            if mean:
                differences = [each.mean(axis=-1) for each in differences]
            apart.append(np.sqrt(np.mean([np.mean(each**2) for each in differences])))
        assert 2**1.7 < apart[0] / apart[1] < 2**2.6, apart
        assert 1e-4 < apart[0] < 0.02, apart


def test_noise_and_field_against_an_independent_integration() -> None:
    """Field, coupling, loss and gain together: means as by Heun's rule with other noise."""
    model = od.DickeModel(
        [[0.5, 0.3], [-0.4, 0.6]], [1.0, 0.4], loss=[1.4, 0.6], gain=[0.6, 0.0], field=[0.7, 1.1]
    )
    state = od.ProductState.bloch([[0.0, 0.0, 1.0], [0.6, 0.0, 0.8]], displacement=[0.0, 0.5])
    names = ["sx_spin", "sy_spin", "sz_spin", "photons_mode", "quadrature_mode"]
    times = [0.0, 1.0, 2.0]
    count, step = 10_000, 0.02
    found = answers(model, state, times, names, 1, trajectories=count, step=0.1, block=5000)
    start = followed(model, state, [0.0], ["sx"], 2, trajectories=count, step=1.0, block=5000)[1]
    s, a = np.array(start.spins), np.array(start.amplitudes)
    rng = np.random.default_rng(6)
    size = np.sqrt((model.loss + model.gain) / 4 * step)
    for number in range(1, 101):
        noise = size * (rng.normal(size=a.shape) + 1j * rng.normal(size=a.shape))
        ds, da = right_side(model, s, a)
        more_s, more_a = right_side(model, s + step * ds, a + step * da + noise)
        s, a = s + step * (ds + more_s) / 2, a + step * (da + more_a) / 2 + noise
        if number % 50:
            continue
        other = {f"s{axis}_spin": s[..., k] for k, axis in enumerate("xyz")}
        other |= {"photons_mode": np.abs(a) ** 2 - 0.5, "quadrature_mode": 2 * a.real}
        for name, values in other.items():
            error = np.hypot(found[name].stderr[number // 50], values.std(axis=0) / count**0.5)
            apart = np.abs(found[name].value[number // 50] - values.mean(axis=0))
            assert (apart / error).max() < MOST, name


# Reductions


def reduced_cases() -> dict[str, tuple[Any, Any, list[str]]]:
    """Models that reduce, states that do not make it easy, and observables."""
    rng = np.random.default_rng(21)
    spin = ["sx", "sy", "sz", "sx_spin", "spin_correlation", "energy", "ising_energy"]
    mode = ["photons", "photons_mode", "quadrature_mode"]
    alike = od.DickeModel(rng.normal(size=(20, 200)) * 0.05, 1.2, field=0.8)
    thermal = od.ProductState.bloch(
        [0.6, 0.0, 0.7],
        displacement=0.3 * rng.normal(size=200) + 0.2j,
        occupation=0.5,
    )
    place, kinds = rng.permuted(np.arange(40) % 4), rng.normal(size=(4, 12)) * 0.12
    flips = np.where(np.arange(40) % 3 == 0, -1.0, 1.0)[:, None]
    bloch = np.array([[0.9, 0.0, 0.3], [0.0, -0.6, 0.5], [0.1, 0.2, -1.0]]) / 1.1
    groups = od.DickeModel(
        kinds[place] * flips,
        np.repeat([1.0, 1.8], 6),
        loss=np.repeat([0.5, 1.1], 6),
        gain=np.repeat([0.2, 0.0], 6),
        field=np.array([0.5, 0.9, 0.5, 0.9])[place],
        coupling_axis="x",
        field_axis="z",
        patterns=rng.choice([-1, 1], (2, 40)),
    )
    lit = od.ProductState.bloch(
        bloch[rng.integers(3, size=40)],
        displacement=rng.normal(size=12) * 0.4,
        occupation=np.repeat([0.6, 0.0], 6),
    )
    signs = rng.choice([-1.0, 1.0], (24, 4))
    grid = od.DickeModel(0.8 / np.sqrt(24) * signs, [0.7, 1.0, 1.3, 1.6], loss=0.4, field=0.5)
    near = od.ProductState.pattern(1, flipped=0.25, seed=3, displacement=0.2)
    return {
        "bright": (alike, thermal, [*spin, *mode]),
        "groups": (groups, lit, [*spin, *mode, "overlap", "overlap_variance"]),
        "grid": (grid, near, [*spin, *mode, "overlap", "overlap_variance"]),
    }


@pytest.mark.parametrize("case", ["bright", "groups", pytest.param("grid", marks=pytest.mark.slow)])
def test_reduced_is_full(case: str) -> None:
    """Groups, bright modes, grids and padding change no mean and no error bar of an ensemble."""
    model, state, names = reduced_cases()[case]
    problem = od.reduce(model, state)
    assert (problem.shape[0] < model.spins) == (case != "bright")
    assert (problem.mode_lift.rotation is not None) == (case != "grid")
    assert (problem.factors is not None) == (case == "grid")
    times, rows = [0.0, 0.6, 2.0], []
    plain = {"group": False, "bright": False, "pad": False}
    # Reductions are exact at any step, so a coarse one does.
    counts = {"trajectories": 300, "block": 300, "step": 0.35}
    for seed in range(20):
        one = answers(model, state, times, names, seed, **counts)
        other = answers(model, state, times, names, seed + 1000, **counts, **plain)
        scores = []
        for name in names:
            apart = one[name].value - other[name].value
            error = np.hypot(one[name].stderr, other[name].stderr)
            assert (error > 0).mean() > 0.6 or name in ("photons_mode", "quadrature_mode")
            fixed = error < 1e-12
            assert np.abs(apart[fixed]).max(initial=0) < 1e-10
            scores.append(np.where(fixed, np.nan, apart / np.where(fixed, 1.0, error)).ravel())
        row = np.concatenate(scores)
        rows.append(row)
    table = np.stack(rows)
    kept = ~np.isnan(table).any(axis=0)
    assert kept.sum() > 60
    merged = table[:, kept].mean(axis=0) * np.sqrt(len(table))
    assert np.abs(merged).max() < MOST
    check_pooled(list(table[:, kept]))


@pytest.mark.parametrize("frequencies", [[1.0], [1.0, 1.7]])
def test_modes_seen_from_the_spins(
    frequencies: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Undamped degenerate modes by g gᵀ are the same trajectories as by couplings."""
    rng = np.random.default_rng(2)
    modes = 8 * len(frequencies)
    model = od.DickeModel(
        rng.normal(size=(4, modes)) * 0.2, np.repeat(frequencies, 8), field=rng.uniform(0.3, 1, 4)
    )
    state = od.ProductState.bloch([0.5, 0.3, 0.6], displacement=0.2j, occupation=0.3)
    problem, times = od.reduce(model, state), np.array([0.0, 0.5, 2.0])
    names, counts = find_observables([*SPINS, "photons", "ising_energy"]), np.array([0, 10, 30])
    by_sums = Trajectories(problem, times, names, Numerics(4, 9, False), (1, 0))
    monkeypatch.setattr(trajectories_module, "_gram", lambda *_: (None, None))
    by_modes = Trajectories(problem, times, names, Numerics(4, 9, False), (1, 0))
    assert len(by_sums._parameters.couplings.matrix) == 4 * len(frequencies)
    assert by_modes._parameters.couplings.couplings.shape == (4, 4 * len(frequencies))
    expected = by_modes.values(0, 9, counts)
    for name, values in by_sums.values(0, 9, counts).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-9, atol=1e-9)


# Large numbers


@pytest.mark.slow
def test_large_groups_follow_mean_field() -> None:
    """Means of 4 groups of n spins differ from mean field by about 1/n: seen at 25, not 25,000."""
    rows = np.array([[1.0, 1.0], [1.0, -1.0], [0.5, 2.0], [-2.0, 0.3]])
    bloch = np.array([[0.6, 0.0, 0.8], [0.0, 0.6, -0.8]])
    times, names = [0.0, 1.0, 2.0], ["sx", "sy", "sz", "photons"]
    apart = {}
    for size in (25, 25_000):
        spins = 4 * size
        model = od.DickeModel(
            np.repeat(rows, size, axis=0) * 0.9 / np.sqrt(spins), [1.0, 1.5], field=0.6, loss=0.3
        )
        # Two Bloch vectors in every group; amplitudes grow as the root of the number of spins.
        state = od.ProductState.bloch(
            np.tile(bloch[[0, 0, 0, 1, 0]], (spins // 5, 1)), displacement=0.3 * np.sqrt(spins)
        )
        found = answers(model, state, times, names, 2, trajectories=4000, block=1000, step=0.1)
        mean = od.solve(model, state, times, od.MeanField(), names)
        scale = {"photons": spins}
        apart[size] = 0.0
        for name in names:
            shift = np.abs(found[name].value - mean[name].values) / scale.get(name, 1)
            error = found[name].stderr / scale.get(name, 1)
            assert (shift < MOST * error + 4 / size).all(), name
            assert (error < 2 / np.sqrt(4000 * size)).all(), name
            apart[size] = max(apart[size], float((shift - MOST * error).max()))
    assert apart[25] > 0.005
    assert apart[25_000] < 2e-4


def test_errors_fall_as_the_root_of_the_number() -> None:
    """Four times the trajectories halve the standard errors, which the scatter of runs confirms."""
    model, state = generic()
    names, sizes = ["sx", "sz", "photons"], (100, 400)
    found = []
    for count in sizes:
        runs = [
            answers(model, state, [0.0, 1.0], names, seed, trajectories=count, block=100, step=0.25)
            for seed in range(40)
        ]
        said = np.array([[run[name].stderr[1] for name in names] for run in runs])
        scatter = np.array([[run[name].value[1] for name in names] for run in runs]).std(axis=0)
        # 40 runs know their scatter to 11 %: 5 of these are allowed.
        np.testing.assert_allclose(scatter / said.mean(axis=0), 1.0, atol=0.56)
        found.append(said.mean(axis=0))
    np.testing.assert_allclose(found[0] / found[1], 2.0, rtol=0.05)
