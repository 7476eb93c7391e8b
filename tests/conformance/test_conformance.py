"""Promises every method keeps, run over all methods: a later method joins `METHODS`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

import opendicke as od
from opendicke.measure.observables import find_observables
from opendicke.measure.raw import Raw, Status
from opendicke.methods.base import AbstractMethod

METHODS = [od.MeanField(tolerance=1e-9), od.MeanField(tolerance=1e-8, order=2)]
WIGNER = od.TruncatedWigner(trajectories=80, block=32, step=0.05, order=2)
SAME = 1e-7  # what the tolerances above leave between two equal answers
TIMES = np.linspace(0.0, 3.0, 7)
NAMES = [
    "sx", "sy", "sz", "sx_spin", "sy_spin", "sz_spin", "photons", "photons_mode",
    "quadrature_mode", "overlap", "energy", "ising_energy",
]  # fmt: skip
# Which laboratory axis Y is, with its sign, for (coupling axis Z, field axis X): Y = Z × X.
SIGN_OF_Y = {
    ("z", "x"): ("y", 1), ("x", "z"): ("y", -1), ("y", "z"): ("x", 1),
    ("z", "y"): ("x", -1), ("x", "y"): ("z", 1), ("y", "x"): ("z", -1),
}  # fmt: skip

Make = Callable[..., Any]
every_method = pytest.mark.parametrize("method", [*METHODS, WIGNER], ids=repr)
every_deterministic_method = pytest.mark.parametrize("method", METHODS, ids=repr)


def solve(
    model: od.DickeModel,
    state: od.ProductState,
    method: AbstractMethod,
    names: list[str] = NAMES,
    times: np.ndarray = TIMES,
    **more: Any,
) -> xr.Dataset:
    """The front door, with doubts about the method's domain left aside."""
    return od.solve(model, state, times, method, names, validity="ignore", **more)


def answer(raw: Raw, name: str) -> Any:
    """The bare answer, be it an array or moments."""
    found = raw.values[name]
    return found if isinstance(found, np.ndarray) else found.value


@every_deterministic_method
def test_relabelling_spins_and_modes(method: Any, make_model: Make, make_state: Make) -> None:
    """Names of spins and modes carry no physics."""
    model = make_model(1, patterns=np.random.default_rng(0).choice([-1, 1], (2, 4)))
    state = make_state(model)
    spins, modes = np.array([2, 0, 3, 1]), np.array([1, 2, 0])
    relabelled = od.DickeModel(
        model.couplings[spins][:, modes],
        model.frequencies[modes],
        loss=model.loss[modes],
        gain=model.gain[modes],
        field=model.field[spins],
        patterns=model.patterns[:, spins],
    )
    start = od.ProductState.bloch(
        state.spins.vectors[spins],
        displacement=state.displacement[modes],
        occupation=state.occupation[modes],
    )
    first, second = solve(model, state, method), solve(relabelled, start, method)
    for name in NAMES:
        expected = first[name].values
        if "spin" in first[name].dims:
            expected = expected[:, spins]
        if "mode" in first[name].dims:
            expected = expected[:, modes]
        np.testing.assert_allclose(second[name].values, expected, atol=SAME, err_msg=name)


@every_deterministic_method
@pytest.mark.parametrize("factor", [0.01, 40.0])
def test_units_of_energy(method: Any, factor: float, make_model: Make, make_state: Make) -> None:
    """Energies and rates times c, times over c: the same physics, energies times c."""
    model = make_model(2)
    state = make_state(model)
    scaled = od.DickeModel(
        factor * model.couplings,
        factor * model.frequencies,
        loss=factor * model.loss,
        gain=factor * model.gain,
        field=factor * model.field,
    )
    first = solve(model, state, method)
    second = solve(scaled, state, method, times=TIMES / factor)
    for name in NAMES:
        unit = factor if first[name].attrs["units"] == "energy" else 1.0
        found = second[name].values / unit
        np.testing.assert_allclose(
            found, first[name].values, atol=SAME / min(1.0, unit), err_msg=name
        )


@every_method
@pytest.mark.parametrize("axes", list(SIGN_OF_Y))
def test_choice_of_axes(
    method: Any, axes: tuple[str, str], make_model: Make, make_state: Make
) -> None:
    """(X, Y, Z) components are the same numbers whatever they are called; Y carries a sign."""
    usual = make_model(3)
    state = make_state(usual)
    turned = make_model(3, coupling_axis=axes[0], field_axis=axes[1])
    name_of_y, sign = SIGN_OF_Y[axes]
    place = {axes[1]: (0, 1), name_of_y: (1, sign), axes[0]: (2, 1)}
    # For the usual axes X, Y, Z are x, y, z: column `k` of the vectors is component `k`.
    vectors = np.stack([s * state.spins.vectors[:, k] for k, s in (place[a] for a in "xyz")], 1)
    start = od.ProductState.bloch(
        vectors, displacement=state.displacement, occupation=state.occupation
    )
    first, second = solve(usual, state, method), solve(turned, start, method)
    for axis, (k, s) in place.items():
        for suffix in ("", "_spin"):
            expected = s * first[f"s{'xyz'[k]}{suffix}"].values
            np.testing.assert_allclose(second[f"s{axis}{suffix}"].values, expected, atol=SAME)
    for name in NAMES[6:]:
        np.testing.assert_allclose(second[name].values, first[name].values, atol=SAME, err_msg=name)


@every_deterministic_method
@pytest.mark.parametrize("axes", list(SIGN_OF_Y))
def test_spins_turn_about_the_field_as_in_the_laboratory(
    method: Any, axes: tuple[str, str]
) -> None:
    """Without coupling ṡ = 2h e × s for σ = (σx, σy, σz) and e the field axis: sign of sy."""
    model = od.DickeModel(
        np.zeros((1, 1)), 1.0, field=0.3, coupling_axis=axes[0], field_axis=axes[1]
    )
    start, e = np.array([0.2, -0.5, 0.7]), np.eye(3)["xyz".index(axes[1])]
    ds = solve(model, od.ProductState.bloch(start), method, ["sx", "sy", "sz"])
    angle = 0.6 * TIMES[:, None]
    along = (e @ start) * e
    expected = along + np.cos(angle) * (start - along) + np.sin(angle) * np.cross(e, start)
    found = np.stack([ds[f"s{axis}"].values for axis in "xyz"], axis=1)
    np.testing.assert_allclose(found, expected, atol=SAME)


@every_method
def test_same_seed_same_numbers(method: Any, make_model: Make, make_state: Make) -> None:
    """Asked twice, alone or among others in any order: the same answer."""
    models = [make_model(seed) for seed in (4, 5, 6)]
    states = [make_state(model, seed) for seed, model in enumerate(models)]
    first = solve(models[1], states[1], method, seed=7)
    again = solve(models[1], states[1], method, seed=7)
    for name in NAMES:
        np.testing.assert_array_equal(again[name].values, first[name].values)
    problems = [od.reduce(m, s) for m, s in zip(models, states, strict=True)]
    keys = [(7, 1), (7, 0), (7, 2)]
    together = method.run_many(problems, TIMES, find_observables(NAMES), keys)
    order = [2, 0, 1]
    shuffled = method.run_many(
        [problems[i] for i in order], TIMES, find_observables(NAMES), [keys[i] for i in order]
    )
    for i, raw in enumerate(shuffled):
        for name in NAMES:
            expected = answer(together[order[i]], name)
            np.testing.assert_allclose(answer(raw, name), expected, atol=1e-11, err_msg=name)
    for name in NAMES:
        np.testing.assert_allclose(
            answer(together[1], name), first[name].values, atol=SAME, err_msg=name
        )


@every_deterministic_method
def test_users_own_observables(
    method: Any, make_model: Make, make_state: Make, registry: dict[str, Any]
) -> None:
    """Terms that a user registers are sums of what the library answers term by term."""
    model = make_model(7)
    state = make_state(model)
    halves = np.array([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])

    @od.observable(dims=("half",), unit="1", long_name="mean of each half")
    def half_y(model: od.DickeModel) -> od.SpinTerm:
        return od.SpinTerm("y", halves)

    @od.observable("mixture")
    def _(model: od.DickeModel) -> list[Any]:
        return [
            od.InteractionTerm(2.0),
            od.IsingTerm(-0.5),
            od.PhotonTerm(model.frequencies),
            od.QuadratureTerm(np.arange(model.modes)),
        ]

    assert {"half_y", "mixture"} <= set(od.known_observables())
    ds = solve(model, state, method, [*NAMES, "half_y", "mixture"])
    assert ds.half_y.dims == ("time", "half")
    assert ds.half_y.attrs["long_name"] == "mean of each half"
    np.testing.assert_allclose(ds.half_y, ds.sy_spin.values @ halves.T, atol=1e-12)
    oscillators = ds.photons_mode.values @ model.frequencies
    field = ds.sx_spin.values @ model.field
    expected = (
        2 * (ds.energy.values - oscillators - field)
        - 0.5 * ds.ising_energy.values
        + oscillators
        + ds.quadrature_mode.values @ np.arange(3)
    )
    np.testing.assert_allclose(ds.mixture, expected, atol=1e-11)


@every_deterministic_method
def test_answers_are_finite_and_start_at_the_state(
    method: Any, make_model: Make, make_state: Make
) -> None:
    """No NaN, status OK, and the first row is the expectation in the given state."""
    model = make_model(8)
    state = make_state(model)
    ds = solve(model, state, method)
    assert ds.status == Status.OK
    assert ds.status.attrs["messages"] == "{}"
    for name in NAMES:
        assert np.isfinite(ds[name].values).all(), name
    vectors = state.spins.vectors
    for k, axis in enumerate("xyz"):
        np.testing.assert_allclose(ds[f"s{axis}_spin"][0], vectors[:, k], atol=1e-12)
        np.testing.assert_allclose(ds[f"s{axis}"][0], vectors[:, k].mean(), atol=1e-12)
    photons = np.abs(state.displacement) ** 2 + state.occupation
    np.testing.assert_allclose(ds.photons_mode[0], photons, atol=1e-12)
    np.testing.assert_allclose(ds.photons[0], photons.sum(), atol=1e-12)
    np.testing.assert_allclose(ds.quadrature_mode[0], 2 * state.displacement.real, atol=1e-12)


@every_deterministic_method
def test_a_single_time_is_the_initial_state(method: Any, make_model: Make) -> None:
    """T = 1 is allowed: nothing moves, whatever the origin of time."""
    ds = solve(make_model(9), od.ProductState.polarized("-y"), method, ["sy"], np.array([5.0]))
    assert ds.sizes["time"] == 1
    np.testing.assert_allclose(ds.sy, -1.0, atol=1e-14)


@every_method
def test_the_origin_of_time_is_free(method: Any, make_model: Make, make_state: Make) -> None:
    """The state is given at times[0]; only differences of times matter."""
    model = make_model(10)
    state = make_state(model)
    early, late = solve(model, state, method), solve(model, state, method, times=TIMES + 8.0)
    for name in NAMES:
        np.testing.assert_allclose(late[name].values, early[name].values, atol=SAME)


@every_method
def test_provenance(method: Any, make_model: Make, make_state: Make) -> None:
    """Version, the whole question, seed, numerics as resolved, wall time, device."""
    model = make_model(11)
    attrs = solve(model, make_state(model), method, seed=42).attrs
    assert attrs["opendicke_version"] == od.__version__
    assert attrs["seed"] == 42
    assert attrs["wall_time_seconds"] > 0
    assert attrs["device"]
    assert attrs["created"]
    question = json.loads(attrs["experiment"])
    assert question["method"]["class"] == type(method).__name__
    for name, value in method.settings().items():
        assert question["method"][name] == value
    np.testing.assert_array_equal(question["model"]["couplings"], model.couplings)
    np.testing.assert_array_equal(question["model"]["loss"], model.loss)
    assert isinstance(json.loads(attrs["numerics"]), dict)


@every_method
@pytest.mark.parametrize(
    ("argument", "wrong"),
    [
        ("times", [0.0, 1.0, 1.0]),
        ("times", [0.0, np.nan]),
        ("times", []),
        ("observables", ["sz", "photon"]),
        ("observables", []),
        ("model", "a model"),
        ("state", "+z"),
        ("seed", -1),
    ],
)
def test_bad_questions_get_one_sentence(
    method: Any, argument: str, wrong: Any, make_model: Make
) -> None:
    """The error names the argument and says what was received."""
    question: dict[str, Any] = {
        "model": make_model(12),
        "state": od.ProductState.polarized("+z"),
        "times": TIMES,
        "method": method,
        "observables": ["sz"],
    }
    with pytest.raises(od.InputError, match=f"Argument `{argument}` must .* but ") as caught:
        od.solve(**question | {argument: wrong}, validity="ignore")
    assert caught.value.argument == argument
