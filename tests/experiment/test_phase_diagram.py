"""Phase diagrams against an independent integration of every point, and what is said of them."""

from __future__ import annotations

import _thread
import dataclasses
import itertools
import json
import signal
import threading
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr
from scipy.integrate import simpson, solve_ivp

import opendicke as od
from opendicke.methods import attractors, long_time, parallel
from opendicke.physics.motion import Motion

UNIT = dict(zip("xyz", np.eye(3), strict=True))
PATTERN = od.ProductState.pattern(0)
TWO = [1.5, 2.0]


def ensemble(couplings: Any = None, modes: int | None = 2, **replaced: Any) -> od.RandomDicke:
    settings: dict[str, Any] = {"spins": 12, "frequencies": 1.5, "loss": 1.0, "field": 0.5}
    couplings = od.Binary(1.0) if couplings is None else couplings
    return od.RandomDicke(couplings, modes=modes, **settings | replaced)


def directions(count: int, seed: int = 7, length: float = 1.0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return np.asarray(length * vectors / np.linalg.norm(vectors, axis=1)[:, None])


def reference(
    model: od.DickeModel, state: od.ProductState, duration: float, window: float
) -> dict[str, Any]:
    """Averages over the last window by Runge–Kutta of order 8, rows of couplings apart.

    ȧ = −(iω + Γ/2) a − i Σ_j w_j g_j (s_j·Z),  ṡ_j = 2 (h_j X + 2 Σ g_j Re a Z) × s_j
    (carollo2021 Eqs. (6)–(8)), X and Z unit vectors of the laboratory.
    """
    start = state.resolve(model)
    spins = start.bloch @ model.frame()
    x, z, g = UNIT[model.field_axis], UNIT[model.coupling_axis], model.couplings
    weights = model.weights if model.thermodynamic else np.ones(len(g))
    rate, size = 1j * model.frequencies + (model.loss - model.gain) / 2, spins.size
    amplitude = start.displacement
    if state.bosons == "stationary":
        amplitude = -1j * (weights * (spins @ z)) @ g / rate

    def rhs(_: float, packed: np.ndarray) -> np.ndarray:
        s = packed[:size].reshape(-1, 3)
        a = packed[size::2] + 1j * packed[size + 1 :: 2]
        da = -rate * a - 1j * (weights * (s @ z)) @ g
        turning = np.outer(model.field, x) + np.outer(2 * g @ a.real, z)
        ds = 2 * (turning[:, [1, 2, 0]] * s[:, [2, 0, 1]] - turning[:, [2, 0, 1]] * s[:, [1, 2, 0]])
        return np.concatenate([ds.ravel(), np.stack([da.real, da.imag], axis=1).ravel()])

    packed = np.concatenate(
        [spins.ravel(), np.stack([amplitude.real, amplitude.imag], axis=1).ravel()]
    )
    times = np.linspace(duration - window, duration, _TIMES)
    solution = solve_ivp(rhs, (0, duration), packed, "DOP853", times, rtol=1e-8, atol=1e-9)
    u = solution.y.T
    s, a = u[:, :size].reshape(len(u), -1, 3), u[:, size::2] + 1j * u[:, size + 1 :: 2]
    mean = weights / weights.sum()
    overlap = (s @ z * mean) @ model.pattern_matrix.T
    return {
        "overlap": averaged(np.abs(overlap)),
        "swing": np.ptp(overlap, axis=0),
        "photons": averaged(np.abs(a) ** 2) + thermal(model, state, duration, window),
        "along": averaged(s @ x @ mean),
    }


_TIMES = 401


def averaged(values: np.ndarray) -> np.ndarray:
    """Average over time by Simpson's rule."""
    return np.asarray(simpson(values, dx=1 / (_TIMES - 1), axis=0))


def thermal(
    model: od.DickeModel, state: od.ProductState, duration: float, window: float
) -> np.ndarray:
    """Average of n(t), ṅ = gain − (loss − gain) n; per spin none is left in the limit."""
    if model.thermodynamic:
        return np.zeros(model.modes)
    damping = model.loss - model.gain
    settled = np.divide(model.gain, damping, out=np.zeros(model.modes), where=damping > 0)
    start = settled if state.bosons == "stationary" else state.resolve(model).occupation
    times = duration - window * (np.arange(4000) + 0.5) / 4000
    decay = np.exp(-np.outer(times, damping))
    return np.asarray((settled + (start - settled) * decay).mean(axis=0))


def replaced(target: Any, path: str, value: Any) -> Any:
    """An independent reading of sweep paths."""
    name, _, rest = path.partition(".")
    if rest:
        value = replaced(getattr(target, name), rest, value)
    if isinstance(target, od.ProductState) and name in ("flipped", "pattern"):
        name = {"pattern": "index"}.get(name, name)
        value = dataclasses.replace(target.spins, **{name: value})
        name = "spins"
    if isinstance(target, od.ProductState) and isinstance(value, str) and name == "spins":
        value = od.ProductState.polarized(value).spins
    return dataclasses.replace(target, **{name: value})


def check_points(
    ds: xr.Dataset,
    model: od.RandomDicke,
    state: od.ProductState,
    sweep: dict[str, Any],
    duration: float,
    *,
    window: float,
    thermodynamic: bool = True,
    seed: int = 0,
    most: float = 1.5e-4,
    settled: bool = False,
) -> None:
    """Every point of a dataset against the reference for the parameters of its place."""
    axes = [v if isinstance(v, dict) else {path: v} for path, v in sweep.items()]
    lengths = [len(next(iter(axis.values()))) for axis in axes]
    assert ds.motion.shape == tuple(lengths)
    for place in itertools.product(*map(range, lengths)):
        # Sizes go first, with what goes with them.
        values = {
            path: listed[k]
            for axis, k in zip(axes, place, strict=True)
            for path, listed in axis.items()
        }
        together = {
            path[6:]: v
            for path, v in values.items()
            if path[:6] == "model." and "." not in path[6:]
        }
        there = {"model": dataclasses.replace(model, **together), "state": state}
        for path, value in values.items():
            head, _, rest = path.partition(".")
            there[head] = replaced(there[head], rest, value)
        random = there["model"]
        drawn = random.thermodynamic() if thermodynamic else random.draw(seed)
        expected = reference(drawn, there["state"], duration, window)
        at = dict(zip(ds.motion.dims, place, strict=True))
        point, size = ds.isel(at), drawn.modes
        if settled:
            assert expected["swing"].max() < 5e-5
            assert point.motion == Motion.SETTLED, place
        np.testing.assert_allclose(
            point.overlap[:size], expected["overlap"], atol=most, err_msg=f"at {values}"
        )
        # The tolerance is one of overlaps; other averages are about as good.
        loose = 5 * most
        np.testing.assert_allclose(
            point.photons_mode[:size],
            expected["photons"],
            atol=loose,
            rtol=1e-3,
            err_msg=f"at {values}",
        )
        along = point[f"s{model.field_axis}"]
        np.testing.assert_allclose(along, expected["along"], atol=loose, err_msg=f"at {values}")
        for rest in (point.overlap, point.overlap_swing, point.photons_mode):
            assert np.isfinite(rest[:size]).all()
            assert np.isnan(rest[size:]).all()


FOUR = [1.5, 2.0, 2.5, 3.0]
POOR = [[1, 0.5], [0.5, -1], [1, 0.5], [-1, -0.5], [1, 0.5]]
STATIONARY = od.ProductState.pattern(0, flipped=0.05, bosons="stationary")
SETTLED: dict[str, tuple[od.RandomDicke, od.ProductState, dict[str, Any], bool]] = {
    "one pattern": (ensemble(od.Binary(0.9), 1, loss=1.5), PATTERN, {}, True),
    "one pattern, stationary": (ensemble(od.Binary(0.9), 1, loss=1.5), STATIONARY, {}, True),
    "slowly settling": (
        ensemble(frequencies=TWO),
        PATTERN,
        {"sweep": {"model.field": [0.4]}},
        True,
    ),
    "two, flipped and displaced": (
        ensemble(frequencies=TWO),
        od.ProductState.pattern(0, flipped=0.1, displacement=[0.1 + 0.2j, -0.3]),
        {},
        True,
    ),
    "four, the third": (
        ensemble(od.Binary(1.3), 4, frequencies=FOUR),
        od.ProductState.pattern(2),
        {"duration": 400.0},
        True,
    ),
    "random directions": (
        ensemble(frequencies=TWO),
        od.ProductState.bloch(directions(4, length=0.9)),
        {},
        True,
    ),
    "mixture of values": (
        ensemble(od.Discrete([1, -0.5], [0.3, 0.7], 1.3), frequencies=TWO),
        od.ProductState.pattern(1),
        {},
        True,
    ),
    "given couplings": (
        ensemble(od.Fixed(POOR, 1.0), None, spins=None, frequencies=TWO, loss=1.5),
        PATTERN,
        {"duration": 400.0},
        True,
    ),
    "unequal counts with gain": (
        ensemble(frequencies=TWO, loss=1.5, gain=[0.1, 0.0]),
        od.ProductState.pattern(0, flipped=0.1, occupation=[0.5, 3.0]),
        {"duration": 400.0},
        False,
    ),
    "normal couplings": (
        ensemble(od.Gaussian(1.4), spins=3, frequencies=TWO, loss=1.75),
        od.ProductState.bloch(directions(3)),
        {"duration": 400.0},
        False,
    ),
    "field that varies": (
        ensemble(od.Uniform(0.6), spins=3, field=[0.3, 0.6, 0.5], loss=2.0, gain=0.1),
        od.ProductState.pattern(0, bosons="stationary"),
        {"duration": 400.0},
        False,
    ),
    "axes x and z": (
        ensemble(frequencies=TWO, coupling_axis="x", field_axis="z"),
        od.ProductState.bloch(directions(4)),
        {},
        True,
    ),
    "axes y and x": (
        ensemble(od.Fixed(POOR, 1.0), None, spins=None, loss=1.5, coupling_axis="y"),
        od.ProductState.polarized("-y"),
        {"duration": 400.0},
        True,
    ),
    "axes z and y": (
        ensemble(od.Binary(1.1), frequencies=TWO, field_axis="y"),
        od.ProductState.bloch(directions(4, 3)),
        {},
        True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(SETTLED))
def test_settled_points_against_runge_kutta(name: str) -> None:
    """Where a point settles, its averages are right within the tolerance of 1e-4."""
    model, state, more, thermodynamic = SETTLED[name]
    duration = more.get("duration", 300.0)
    sweep = more.get("sweep", {"model.loss": [model.loss]})
    settings: dict[str, Any] = {"thermodynamic": thermodynamic, "seed": 3}
    ds = od.phase_diagram(model, state, sweep, duration, **settings)
    check_points(ds, model, state, sweep, duration, window=duration / 4, settled=True, **settings)
    assert json.loads(ds.numerics)["estimated_error"] <= 1e-4
    assert not ds.hidden_instability.any()


SAMPLED = {"model.couplings.strength": [0.75, 0.9, 1.05], "model.loss": [0.8, 1.5]}


@pytest.fixture(scope="module")
def sampled() -> dict[tuple[int, int], dict[str, Any]]:
    """References for some points that settle sooner or later."""
    model, state = ensemble(frequencies=TWO), od.ProductState.bloch(directions(4, 2))
    found = {}
    for i, strength in enumerate(SAMPLED["model.couplings.strength"]):
        for j, loss in enumerate(SAMPLED["model.loss"]):
            there = dataclasses.replace(model, couplings=od.Binary(strength), loss=loss)
            found[i, j] = reference(there.thermodynamic(), state, 500.0, 125.0)
    return found


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-6])
def test_tolerance_is_honoured_where_points_settle(
    tolerance: float, sampled: dict[tuple[int, int], dict[str, Any]]
) -> None:
    """Estimate and error stay below the tolerance at points that settle, sooner or later."""
    model, state = ensemble(frequencies=TWO), od.ProductState.bloch(directions(4, 2))
    ds = od.phase_diagram(model, state, SAMPLED, 500.0, tolerance=tolerance)
    assert json.loads(ds.numerics)["estimated_error"] <= tolerance
    settled = [at for at, found in sampled.items() if found["swing"].max() < tolerance / 4]
    assert len(settled) >= 4
    for at in settled:
        error = np.abs(ds.overlap.values[at] - sampled[at]["overlap"]).max()
        assert error <= tolerance, at
        assert ds.motion.values[at] == Motion.SETTLED


FIG3 = 0.5 * (np.arange(1, 5) + 2)
GAUGE = np.sqrt(0.5 * (0.5 / FIG3) * (FIG3**2 + 0.25))  # g_crit, below carollo2021 Eq. (12)


def test_retrieval_of_equation_12() -> None:
    """|ξ| = √(s² − (g_c/g)⁴) with s = 1 − 2f, its photons and spins; nothing of other patterns."""
    ratios, flips = np.array([1.1, 1.2, 1.5]), np.array([0.0, 0.05])
    model = ensemble(od.Binary(1.0), 4, frequencies=FIG3)
    strengths = ratios * GAUGE[0]
    sweep = {"model.couplings.strength": -strengths, "state.flipped": flips}
    ds = od.phase_diagram(model, PATTERN, sweep, 1000.0)
    length = 1 - 2 * flips
    expected = np.sqrt(length**2 - ratios[:, None] ** -4.0)
    np.testing.assert_allclose(ds.overlap.values[..., 0], expected, atol=1e-4)
    assert (ds.overlap.values[..., 1:] == 0).all()
    photons = (strengths[:, None] * expected) ** 2 / (FIG3[0] ** 2 + 0.25)
    np.testing.assert_allclose(ds.photons_mode.values[..., 0], photons, atol=2e-4)
    along = np.broadcast_to(-(ratios[:, None] ** -2.0), expected.shape)
    np.testing.assert_allclose(ds.sx.values, along, atol=2e-4)
    assert (ds.motion == Motion.SETTLED).all()
    assert ds.period.isnull().all()
    assert not ds.hidden_instability.any()


def test_paramagnet_below_threshold() -> None:
    """g₀ < g_crit: nothing is left of the pattern, nor of the photons."""
    model = ensemble(frequencies=TWO, field=0.7)
    critical = np.sqrt(0.5 * (0.7 / 1.5) * (1.5**2 + 0.25))
    sweep = {"model.couplings.strength": critical * np.array([0.7, 0.8])}
    ds = od.phase_diagram(model, PATTERN, sweep, 1000.0)
    assert ds.overlap.values.max() < 1e-4
    assert ds.photons_mode.values.max() < 1e-4
    assert (ds.motion == Motion.SETTLED).all()


def test_hidden_instability() -> None:
    """From g_c,ν to g_c,ν^{3/2}/g_c,0^{1/2} pattern ν is unstable; an aligned start hides it."""
    model, state = ensemble(od.Binary(1.0), 4, frequencies=FIG3), od.ProductState.pattern(3)
    upper = GAUGE[3] ** 1.5 / GAUGE[0] ** 0.5
    sweep = {"model.couplings.strength": [0.9, 0.99 * upper, 1.01 * upper]}
    with pytest.warns(od.ValidityWarning, match="2 points settle in a retrieval state that is"):
        ds = od.phase_diagram(model, state, sweep, 1000.0)
    assert ds.hidden_instability.values.tolist() == [True, True, False]


def test_no_hidden_instability_is_claimed_of_patterns_that_overlap() -> None:
    """The closed forms hold for orthogonal patterns only."""
    signs = np.array([[1, 1], [1, 1], [1, -1], [1, 1]])
    model = ensemble(od.Fixed(signs, 0.8), None, spins=None, frequencies=[3.0, 1.5])
    assert abs(signs[:, 0] @ signs[:, 1]) > 0
    ds = od.phase_diagram(model, PATTERN, {"model.couplings.strength": [0.8, 0.9]}, 300.0)
    assert not ds.hidden_instability.any()


DISCRETE = od.Discrete([1, 0.5, -1, -0.5], [0.25] * 4)
SWEEPS: dict[str, tuple[od.RandomDicke, od.ProductState, dict[str, Any], bool]] = {
    "strength and field": (
        ensemble(frequencies=TWO, gain=[0.1, 0.2]),
        od.ProductState.bloch(directions(4), displacement=[0.2, 0.1j]),
        {"model.couplings.strength": [-0.8, 0.0, 1.1], "model.field": [-0.3, 0.0, 0.6]},
        True,
    ),
    "strength and modes": (
        ensemble(),
        od.ProductState.pattern(0, flipped=0.1, displacement=0.3),
        {"model.modes": [3, 1, 2], "model.couplings.strength": [0.7, 1.2]},
        True,
    ),
    "modes with frequencies": (
        ensemble(frequencies=TWO, loss=[1.0, 0.5]),
        PATTERN,
        {
            "size": {
                "model.modes": [2, 1],
                "model.frequencies": [[1.0, -2.0], [1.3]],
                "model.loss": [0.8, [1.4]],
            },
            "model.gain": [0.0, 0.2],
        },
        True,
    ),
    "modes of a draw with frequencies": (
        ensemble(frequencies=TWO),
        PATTERN,
        {
            "size": {"model.modes": [1, 3], "model.frequencies": [[1.3], [1.0, 2.0, 1.5]]},
            "model.field": [0.4, 0.9],
        },
        False,
    ),
    "modes of a mixture": (
        ensemble(od.Discrete([1, 0.5, -1], [0.5, 0.3, 0.2])),
        PATTERN,
        {"model.modes": [1, 2], "model.loss": [1.0, 0.3]},
        True,
    ),
    "flipped, of a mixture": (
        ensemble(DISCRETE),
        PATTERN,
        {"state.flipped": [0.0, 0.1, 0.5], "model.couplings.strength": [0.7, 1.2]},
        True,
    ),
    "flipped, in a draw": (
        ensemble(spins=8),
        PATTERN,
        {"model.couplings.strength": [1.2], "state.flipped": [0.0, 0.125, 0.25]},
        False,
    ),
    "flipped, in a draw of a mixture": (
        ensemble(od.Discrete([1, 0.25], [0.5, 0.5]), spins=9, modes=1),
        PATTERN,
        {"state.flipped": [0.0, 0.3, 0.5], "model.loss": [1.0, 0.3]},
        False,
    ),
    "pattern": (
        ensemble(frequencies=TWO),
        od.ProductState.pattern(0, 0.1),
        {"state.pattern": [1, 0], "model.couplings.strength": [1.2, 0.6]},
        True,
    ),
    "bosons": (
        ensemble(frequencies=TWO, gain=0.2),
        PATTERN,
        {"state.bosons": ["vacuum", "stationary"], "model.couplings.strength": [1.2, 0.6]},
        False,
    ),
    "distributions": (
        ensemble(),
        PATTERN,
        {"model.couplings": [od.Binary(1.0), od.Binary(2.0), DISCRETE]},
        True,
    ),
    "probabilities": (
        ensemble(DISCRETE),
        PATTERN,
        {"model.couplings.probabilities": [[0.25] * 4, [0.4, 0.1, 0.4, 0.1]]},
        True,
    ),
    "fields that vary": (
        ensemble(),
        PATTERN,
        {"model.field": [0.4, np.linspace(0.2, 0.9, 12), [1.0] * 12, 1.0], "model.loss": [1, 2]},
        False,
    ),
    "three axes": (
        ensemble(),
        PATTERN,
        {
            "model.frequencies": [1.0, [1.0, -2.0]],
            "model.loss": [[1.0, 0.4], 1.5],
            "model.gain": [0.0, [0.0, 0.3], 0.1],
        },
        False,
    ),
    "normal couplings": (
        ensemble(od.Gaussian(1.0), spins=3),
        od.ProductState.bloch(directions(3)),
        {"model.couplings.sigma": [0.5, 1.0, 2.5], "model.frequencies": [0.7, [2.0, 1.0]]},
        False,
    ),
    "uniform couplings and sizes": (
        ensemble(od.Uniform(0.5)),
        od.ProductState.polarized("+y"),
        {"model.spins": [3, 5], "model.couplings.strength": [0.5, 1.0]},
        False,
    ),
    "directions": (
        ensemble(od.Discrete([1, 0.5], [0.3, 0.7]), frequencies=TWO),
        od.ProductState.polarized("+x"),
        {"state.spins": ["-z", "+y"], "model.field": [0.3, 0.8]},
        True,
    ),
    "displacement and occupation": (
        ensemble(frequencies=TWO, loss=0.5, gain=0.2),
        PATTERN,
        {"state.displacement": [0.3j, [0.5, -0.2]], "state.occupation": [0.0, [2.0, 0.3]]},
        False,
    ),
    "no loss, no frequency": (
        ensemble(frequencies=TWO),
        od.ProductState.pattern(0, occupation=0.5),
        {"model.loss": [0.0, 1.0], "model.frequencies": [0.0, 1.0]},
        False,
    ),
    "axis of coupling": (
        ensemble(frequencies=TWO),
        od.ProductState.bloch(directions(4)),
        {"model.coupling_axis": ["z", "y"], "model.loss": [0.5, 1.0]},
        True,
    ),
    "given strength and loss": (
        ensemble(od.Fixed(POOR, 1.0), None, spins=None),
        PATTERN,
        {"both": {"model.couplings.strength": [0.7, 1.3], "model.loss": [0.5, [1.0, 2.0]]}},
        False,
    ),
}  # fmt: skip


def not_judged(_: Any, found: Any, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Motion is judged elsewhere; here it would only take time."""
    return np.full(len(steps), Motion.MOVING, np.int8), np.full(len(steps), np.nan)


@pytest.mark.parametrize("name", list(SWEEPS))
def test_every_point_has_its_own_parameters(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the way to rest all parameters show: every point of a sweep against Runge–Kutta."""
    monkeypatch.setattr(attractors.Attractors, "_judged", not_judged)
    model, state, sweep, thermodynamic = SWEEPS[name]
    settings: dict[str, Any] = {"window": 2.5, "thermodynamic": thermodynamic, "seed": 4}
    ds = od.phase_diagram(model, state, sweep, 4.0, **settings)
    check_points(ds, model, state, sweep, 4.0, **settings)


@pytest.mark.parametrize("window", [3.0, 2.99, 2.0, 1.5, 1.2, 0.3, 0.01, None])
def test_the_window_is_averaged(window: float | None) -> None:
    """The last `window` of `duration`, a quarter by default, wherever whole steps would end."""
    model, sweep = ensemble(frequencies=TWO), {"model.field": [0.5]}
    ds = od.phase_diagram(model, PATTERN, sweep, 3.0, window=window)
    expected = reference(model.thermodynamic(), PATTERN, 3.0, window or 0.75)
    np.testing.assert_allclose(ds.overlap[0], expected["overlap"], atol=1e-4)
    np.testing.assert_allclose(ds.overlap_swing[0], expected["swing"], rtol=0.03, atol=1e-5)
    np.testing.assert_allclose(ds.photons_mode[0], expected["photons"], atol=1e-4)


def test_realizations_are_draws_of_their_own() -> None:
    """`seed` and `realization` pick the draw."""
    model, sweep = ensemble(spins=6, frequencies=TWO), {"model.field": [0.5]}
    for seed, realization in ((0, 0), (5, 0), (5, 2)):
        ds = od.phase_diagram(
            model, PATTERN, sweep, 4.0, thermodynamic=False, seed=seed, realization=realization
        )
        expected = reference(model.draw(seed, realization), PATTERN, 4.0, 1.0)
        np.testing.assert_allclose(ds.overlap[0], expected["overlap"], atol=1e-4)
        assert (ds.seed, json.loads(ds.experiment)["realization"]) == (seed, realization)


def test_a_grid_is_its_points_one_by_one() -> None:
    """Numbers within two tolerances of single-point diagrams, and the same motion."""
    # The displacement of modes that a point has not must not be seen to move.
    model, state = ensemble(), od.ProductState.pattern(0, displacement=0.1)
    sweep: dict[str, list[Any]] = {
        "model.couplings.strength": [0.4, 0.9, 1.1],
        "model.modes": [1, 3],
        "model.loss": [1.5, 2.0],
    }
    ds = od.phase_diagram(model, state, sweep, 400.0)
    for place in itertools.product(*(range(len(v)) for v in sweep.values())):
        single = {path: [v[k]] for (path, v), k in zip(sweep.items(), place, strict=True)}
        alone = od.phase_diagram(model, state, single, 400.0).isel(strength=0, modes=0, loss=0)
        point = ds.isel(dict(zip(ds.motion.dims, place, strict=True)))
        size = single["model.modes"][0]
        np.testing.assert_allclose(point.overlap[:size], alone.overlap, atol=2e-4)
        np.testing.assert_allclose(point.photons_mode[:size], alone.photons_mode, atol=1e-3)
        np.testing.assert_allclose(point.sx, alone.sx, atol=1e-3)
        assert point.motion == alone.motion == Motion.SETTLED


def test_one_program_for_all_numbers_of_modes() -> None:
    """A diagram of settled points compiles once; another of its shape, with other sizes, never."""
    program, state = long_time.follow_program, od.ProductState.pattern(0)
    sweep = {"model.modes": [1, 2, 5], "model.couplings.strength": [0.85, 0.9, 1.0]}
    before = program.compilations
    ds = od.phase_diagram(ensemble(loss=1.5), state, sweep, 300.0)
    assert (ds.motion == Motion.SETTLED).all()
    assert program.compilations <= before + 1
    before = program.compilations
    sweep = {"model.modes": [5, 3, 4], "model.couplings.strength": [0.95, 0.92, 0.8]}
    od.phase_diagram(ensemble(loss=1.4, field=0.45), state, sweep, 350.0)
    assert program.compilations == before


def test_labels() -> None:
    """Dimensions, coordinates, names, units and flags."""
    sweep = {
        "model.couplings.strength": np.linspace(0.5, 1.0, 3),
        "drive": {"model.field": (0.3, 0.4), "model.frequencies": [[1.0, 2.0], [1.5, 3.0]]},
        "state.bosons": ["stationary", "vacuum"],
        "model.loss": [[1.0, 2.0]],
    }
    ds = od.phase_diagram(ensemble(field_axis="y"), PATTERN, sweep, 2.0, window=1.0)
    dims = ("strength", "drive", "bosons", "loss")
    assert ds.motion.dims == ds.period.dims == ds.step.dims == ds.sy.dims == dims
    assert ds.hidden_instability.dims == dims
    assert ds.overlap.dims == ds.overlap_swing.dims == (*dims, "pattern")
    assert ds.photons_mode.dims == (*dims, "mode")
    assert dict(ds.sizes) == dict(zip((*dims, "pattern", "mode"), (3, 2, 2, 1, 2, 2), strict=True))
    np.testing.assert_array_equal(ds.strength, [0.5, 0.75, 1.0])
    np.testing.assert_array_equal(ds.drive, [0.3, 0.4])
    assert ds.bosons.values.tolist() == ["stationary", "vacuum"]
    np.testing.assert_array_equal(ds.loss, [0])
    assert ds.loss.attrs["values"] == "[[1.0, 2.0]]"
    assert ds.strength.long_name == "model.couplings.strength"
    assert ds.drive.long_name == "model.field"
    assert all("long_name" in ds[name].attrs for name in ds.data_vars)
    assert ds.photons_mode.long_name.endswith("photons per spin")
    assert ds.period.units == ds.step.units == "1/energy"
    flags = dict(zip(ds.motion.flag_meanings.split(), ds.motion.flag_values, strict=True))
    assert flags == {kind.name.lower(): int(kind) for kind in Motion}
    assert ds.motion.dtype == np.int8
    assert (ds.step <= 1.5 / 64).all()


def test_photons_of_a_draw_are_not_per_spin() -> None:
    ds = od.phase_diagram(ensemble(), PATTERN, {"model.field": [0.5]}, 1.0, thermodynamic=False)
    assert ds.photons_mode.long_name.endswith("photons")


def test_ambiguous_names_of_axes_are_spelt_out() -> None:
    """The last part of a path, or all of it where two would be the same."""
    sweep = {"state.pattern": [0, 1], "model.field": [0.5]}
    ds = od.phase_diagram(ensemble(), PATTERN, sweep, 1.0)
    assert ds.motion.dims == ("state_pattern", "field")


@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
def test_saved_and_loaded(suffix: str, tmp_path: Path) -> None:
    """The same dataset comes back, and says where it comes from."""
    sweep: dict[str, Any] = {
        "model.modes": np.array([1, 2]),
        "s": {"model.couplings.strength": [0.5, np.float64(1.0)], "model.loss": [1, [1.0]]},
        "state.bosons": ["vacuum", "stationary"],
    }
    sweep["s"]["model.loss"] = [1, 1.5]
    ds = od.phase_diagram(ensemble(), PATTERN, sweep, 2.0, window=1.0, seed=9, tolerance=1e-3)
    path = od.save(ds, tmp_path / f"diagram{suffix}")
    loaded = od.load(path)
    xr.testing.assert_identical(loaded.drop_attrs(), ds.drop_attrs())
    assert loaded.attrs.keys() == ds.attrs.keys()
    settings = json.loads(loaded.experiment)
    assert settings["model"]["couplings"] == {"class": "Binary", "strength": 1.0, "spread": 0.0}
    assert settings["model"]["field"] == 0.5
    assert settings["state"]["spins"]["class"] == "Pattern"
    assert settings["sweep"] == {
        "modes": {"model.modes": [1, 2]},
        "s": {"model.couplings.strength": [0.5, 1.0], "model.loss": [1, 1.5]},
        "bosons": {"state.bosons": ["vacuum", "stationary"]},
    }
    given = {"duration": 2.0, "window": 1.0, "tolerance": 1e-3, "thermodynamic": True}
    assert {name: settings[name] for name in given} == given
    assert loaded.attrs["seed"] == 9
    assert loaded.opendicke_version == od.__version__
    assert {"device", "created", "wall_time_seconds", "format"} <= loaded.attrs.keys()
    numerics = json.loads(loaded.numerics)
    assert numerics["order"] == 4
    assert numerics["estimated_error"] is None  # nothing settles within t = 2
    assert numerics["sensitive_share"] == 0


def lively() -> tuple[od.RandomDicke, od.ProductState, dict[str, Any], float]:
    """Points of all kinds, more than one chunk of them."""
    model = ensemble(frequencies=[1.0, -1.3], field=0.76)
    sweep = {"model.couplings.strength": np.linspace(0.0, 1.4, 8), "model.field": [0.5, 0.7, 0.9]}
    return model, od.ProductState.bloch(directions(4, 0)), sweep, 40.0


def test_the_same_again_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a second call nor another number of workers changes a bit."""
    first = od.phase_diagram(*lively())
    assert first.motion.size > 16
    assert len(np.unique(first.motion)) > 1
    for workers in (None, 1, 7):
        if workers:
            monkeypatch.setattr(parallel, "workers", lambda count=workers: count)
        again = od.phase_diagram(*lively())
        xr.testing.assert_equal(again, first)
        assert again.numerics == first.numerics


def test_progress_goes_from_none_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is reported never falls back, and ends at 1."""
    from opendicke.experiment import phase_diagram as module

    shares: list[float] = []

    class Bar(module.Bar):
        def __call__(self, fraction: float, text: str = "") -> None:
            assert text
            shares.append(fraction)

    monkeypatch.setattr(module, "Bar", Bar)
    od.phase_diagram(*lively())
    assert shares[0] == 0
    assert shares[-1] == 1
    assert (np.diff(shares) >= 0).all()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError])
def test_interrupts_do_not_hang(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the user interrupts or a chunk fails: all threads end, and the exception arrives."""
    calls, follow = [], attractors.follow
    before = set(threading.enumerate())
    # Processes that a shell started in the background ignore interrupts.
    former = signal.signal(signal.SIGINT, signal.default_int_handler)

    def followed(*args: Any, **more: Any) -> Any:
        calls.append(args)
        if len(calls) == 5:
            if kind is RuntimeError:
                raise RuntimeError("a chunk failed")
            _thread.interrupt_main()
        return follow(*args, **more)

    monkeypatch.setattr(attractors, "follow", followed)
    model, state, _, _ = lively()
    sweep = {"model.couplings.strength": np.linspace(0.1, 1.4, 400)}
    start = time.monotonic()
    try:
        with pytest.raises(kind):
            od.phase_diagram(model, state, sweep, 300.0)
    finally:
        signal.signal(signal.SIGINT, former)
    assert time.monotonic() - start < 60
    assert len(calls) < 30
    ours = {t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")}
    for thread in ours - before:
        thread.join(10)
        assert not thread.is_alive()


def test_what_gives_no_finite_number_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points that fail are marked, counted and do not stop the others."""
    follow = attractors.follow

    def broken(points: Any, places: np.ndarray, *args: Any, **more: Any) -> Any:
        bad = points.frequencies[0, places] == 2.0
        return jax.tree.map(
            lambda leaf: np.where(bad, np.nan, leaf), follow(points, places, *args, **more)
        )

    monkeypatch.setattr(attractors, "follow", broken)
    sweep = {"model.frequencies": [1.0, 2.0, 1.5]}
    with pytest.warns(od.ValidityWarning, match="phase diagram: 1 points gave no finite number"):
        ds = od.phase_diagram(ensemble(loss=2.0), PATTERN, sweep, 300.0)
    assert ds.motion.values.tolist() == [Motion.SETTLED, Motion.FAILED, Motion.SETTLED]
    assert ds.overlap.isnull().any("pattern").values.tolist() == [False, True, False]


def test_an_error_above_the_tolerance_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """If steps cannot be made short enough, the estimate says how wrong it is, and a warning."""
    monkeypatch.setattr(attractors, "_ATTEMPTS", 0)
    monkeypatch.setattr(
        attractors.Attractors, "_steps_at_sample", lambda self: np.ones(len(self._sample))
    )
    model, fields = ensemble(frequencies=TWO, loss=1.5), np.array([0.5, 0.6])
    with pytest.warns(od.ValidityWarning, match="the estimated error is .* above the tolerance"):
        ds = od.phase_diagram(model, PATTERN, {"model.field": fields}, 2000.0, tolerance=1e-8)
    critical2 = 0.5 * (fields / 1.5) * (1.5**2 + 1.5**2 / 4)
    error = np.abs(ds.overlap.values[:, 0] - np.sqrt(1 - critical2**2)).max()
    assert 1e-5 < error < 2 * json.loads(ds.numerics)["estimated_error"] < 10 * error
