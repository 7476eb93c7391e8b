"""Promises of stochastic methods beside those of all: errors, seeds, blocks, targets, stores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr

import opendicke as od
from opendicke.measure.raw import Status
from opendicke.methods import parallel, starts, trajectories
from opendicke.methods.trajectories import trajectory_program

METHOD = od.TruncatedWigner(trajectories=80, block=32, step=0.05, order=2)
TIMES = np.linspace(0.0, 3.0, 7)
NAMES = [
    "sx", "sy", "sz", "sx_spin", "sy_spin", "sz_spin", "photons", "photons_mode",
    "quadrature_mode", "overlap", "energy", "ising_energy",
]  # fmt: skip
ALL = NAMES + [f"{name}_stderr" for name in NAMES]

Make = Callable[..., Any]


def with_settings(**replaced: Any) -> od.TruncatedWigner:
    return od.TruncatedWigner(**METHOD.settings() | replaced)


def solve(
    model: od.DickeModel, state: Any, method: Any = METHOD, names: Any = NAMES, **more: Any
) -> xr.Dataset:
    """The front door, with doubts about the method's domain left aside."""
    return od.solve(model, state, **{"times": TIMES} | more, method=method, observables=names,
                    validity="ignore")  # fmt: skip


def assert_equal(first: xr.Dataset, second: xr.Dataset) -> None:
    """Means and errors, bit for bit."""
    for name in ALL:
        np.testing.assert_array_equal(first[name].values, second[name].values, err_msg=name)


def test_every_number_carries_its_error(make_model: Make, make_state: Make) -> None:
    """`<name>_stderr` for every variable, and the largest of them told in the numerics."""
    model = make_model(1)
    ds = solve(model, make_state(model))
    numerics = json.loads(ds.attrs["numerics"])
    largest: dict[str, np.ndarray] = {}
    for name in NAMES:
        error = ds[f"{name}_stderr"]
        assert error.dims == ds[name].dims
        assert error.attrs["units"] == ds[name].attrs["units"]
        assert error.attrs["long_name"].startswith("standard error of the mean of ")
        assert (error >= 0).all()
        assert (error[1:] > 0).all(), name
        scale = max(1.0, float(np.abs(ds[name]).max()))
        largest[name] = (error / scale).values.reshape(len(TIMES), -1).max(axis=1)
    worst = max(NAMES, key=lambda name: largest[name].max())
    assert numerics["largest_stderr"] == pytest.approx(largest[worst].max(), rel=1e-12)
    assert numerics["largest_stderr_of"] == worst
    assert numerics["largest_stderr_at"] == TIMES[largest[worst].argmax()]
    assert numerics["step"] == pytest.approx(0.05)
    assert (numerics["order"], numerics["block"], numerics["trajectories"]) == (2, 32, 80)
    assert (numerics["precision"], numerics["estimated_error"]) == ("double", None)
    assert ds.status == Status.OK


def test_the_state_is_where_trajectories_begin(make_model: Make, make_state: Make) -> None:
    """At times[0] means are those of the state, within five of their standard errors."""
    model = make_model(8)
    state = make_state(model)
    ds = solve(model, state, with_settings(trajectories=640)).isel(time=0)
    vectors, intensity = state.spins.vectors, np.abs(state.displacement) ** 2
    for k, axis in enumerate("xyz"):
        apart = ds[f"s{axis}_spin"] - vectors[:, k]
        # Components are ±1 on some axes: at ⟨σ⟩ = v the variance is 1 − v² at least.
        assert (np.abs(apart) <= 5 * ds[f"s{axis}_spin_stderr"]).all()
    apart = ds.photons_mode - intensity - state.occupation
    assert (np.abs(apart) <= 5 * ds.photons_mode_stderr).all()
    expected = np.sqrt(2 * intensity * (state.occupation + 0.5) + (state.occupation + 0.5) ** 2)
    np.testing.assert_allclose(ds.photons_mode_stderr, expected / np.sqrt(640), rtol=0.3)
    assert (np.abs(ds.quadrature_mode - 2 * state.displacement.real)
            <= 5 * ds.quadrature_mode_stderr).all()  # fmt: skip


def test_relabelling_spins_and_modes_is_the_same_physics(
    make_model: Make, make_state: Make
) -> None:
    """Other names draw other numbers, equal within errors; without the relabelling they are not."""
    model = make_model(1)
    state = make_state(model)
    spins, modes = np.array([2, 0, 3, 1]), np.array([1, 2, 0])
    relabelled = od.DickeModel(
        model.couplings[spins][:, modes],
        model.frequencies[modes],
        loss=model.loss[modes],
        gain=model.gain[modes],
        field=model.field[spins],
    )
    start = od.ProductState.bloch(
        state.spins.vectors[spins],
        displacement=state.displacement[modes],
        occupation=state.occupation[modes],
    )
    many = with_settings(trajectories=960)
    first, second = solve(model, state, many), solve(relabelled, start, many, seed=1)

    def worst(straight: bool) -> float:
        largest = 0.0
        for name in NAMES:
            places = {"spin": spins, "mode": modes, "pattern": modes}
            chosen = {
                dim: places[dim] for dim in first[name].dims if dim in places and not straight
            }
            value, error = (first[each].isel(chosen).values for each in (name, f"{name}_stderr"))
            error = np.hypot(error, second[f"{name}_stderr"].values)[1:]
            largest = max(largest, (np.abs(second[name].values - value)[1:] / error).max())
        return largest

    assert worst(straight=False) < 5.5
    assert worst(straight=True) > 20


@pytest.mark.parametrize("factor", [0.01, 40.0])
def test_units_of_energy(factor: float, make_model: Make, make_state: Make) -> None:
    """Energies times c, times and step over c: the same random numbers and the same answers."""
    model = make_model(2)
    state = make_state(model)
    scaled = od.DickeModel(
        factor * model.couplings,
        factor * model.frequencies,
        loss=factor * model.loss,
        gain=factor * model.gain,
        field=factor * model.field,
    )
    first = solve(model, state)
    second = solve(scaled, state, with_settings(step=0.05 / factor), times=TIMES / factor)
    for name in ALL:
        unit = factor if first[name].attrs["units"] == "energy" else 1.0
        np.testing.assert_allclose(
            second[name].values / unit, first[name].values, rtol=1e-9, atol=1e-9, err_msg=name
        )


def test_seeds_workers_and_blocks(
    make_model: Make, make_state: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Repetition and workers change no bit, blocks only round-off, another seed everything."""
    model = make_model(4)
    state = make_state(model)
    first = solve(model, state, seed=7)
    for number in (1, 2, 5):
        monkeypatch.setattr(parallel, "workers", lambda number=number: number)
        assert_equal(solve(model, state, seed=7), first)
    blocks = solve(model, state, with_settings(block=50), seed=7)
    other = solve(model, state, seed=8)
    for name in ALL:
        np.testing.assert_allclose(blocks[name], first[name], rtol=1e-10, atol=1e-11, err_msg=name)
    for name in NAMES:
        assert (np.abs(other[name] - first[name])[1:] > 1e-6).all(), name


def test_a_target_is_reached_or_missed_and_told(make_model: Make, make_state: Make) -> None:
    """Every error is at most the target, relative to values above 1; a cap that is met is told."""
    model = make_model(5)
    state = make_state(model)
    names, target = NAMES, 0.04
    ds = solve(model, state, with_settings(trajectories=None, target_stderr=target), names)
    numerics = json.loads(ds.attrs["numerics"])
    for name in names:
        scale = max(1.0, float(np.abs(ds[name]).max()))
        assert (ds[f"{name}_stderr"] <= target * scale).all()
    assert numerics["trajectories"] % 64 == 0
    assert ds.status == Status.OK
    capped = with_settings(trajectories=300, target_stderr=1e-3)
    with pytest.warns(od.ValidityWarning, match="after 300 trajectories the standard error is"):
        ds = solve(model, state, capped, names)
    assert ds.status == Status.NOT_CONVERGED
    assert json.loads(ds.attrs["numerics"])["trajectories"] == 300
    told = json.loads(ds.status.attrs["messages"])["0"]
    assert told.endswith("above the target 0.001")


def test_another_draw_compiles_nothing(make_state: Make) -> None:
    """Draws, parameters, seeds, steps and numbers of trajectories of one shape share a program."""
    random = od.RandomDicke(
        od.Gaussian(0.7), 4, 3, frequencies=[1.0, 1.3, 2.0], loss=1.0, field=0.5
    )

    def compilations(realization: int, **method: Any) -> int:
        model = random.draw(0, realization)
        solve(model, make_state(model, realization), with_settings(**method), seed=realization)
        return trajectory_program.compilations

    first = compilations(0)
    assert (
        compilations(1) == compilations(2, step=0.03) == compilations(3, trajectories=33) == first
    )


TEXT = f"""
observables = {json.dumps(NAMES)}
seed = 3
realizations = 2
times = {{ stop = 3.0, points = 7 }}

[model]
couplings = {{ kind = "gaussian", sigma = 0.7 }}
spins = 4
modes = 3
frequencies = [1.0, 1.3, 2.0]
loss = 1.0
field = 0.5

[state]
spins = "+z"

[method]
kind = "truncated-wigner"
trajectories = 80
block = 32
step = 0.05
order = 2

[sweep]
"model.loss" = [0.5, 1.0]
"""


@pytest.mark.parametrize("suffix", ["zarr", "nc"])
def test_experiments_in_files_and_stores(suffix: str, tmp_path: Path) -> None:
    """A sweep over two realizations: run twice, saved, loaded, and each member as if alone."""
    (tmp_path / "small.toml").write_text(TEXT)
    experiment = od.Experiment.from_toml(tmp_path / "small.toml")
    assert experiment.method == METHOD
    store = tmp_path / f"small.{suffix}"
    ds = od.run(experiment, store, validity="ignore")
    assert dict(ds.sizes) == {
        "loss": 2, "realization": 2, "time": 7, "spin": 4, "mode": 3, "pattern": 3,
    }  # fmt: skip
    assert_equal(od.run(experiment, validity="ignore"), ds)
    loaded = od.load(store)
    assert_equal(loaded, ds)
    assert loaded.attrs["numerics"] == ds.attrs["numerics"]
    assert json.loads(ds.attrs["numerics"])["trajectories"] == 80
    assert_equal(od.run(experiment, store), ds)  # what is there is returned
    # A member with realization 0 has the key that `solve` uses.
    model = experiment.model.draw(3, 0)
    alone = solve(model, experiment.state, seed=3)
    for name in ALL:
        member = ds[name].sel(loss=1.0, realization=0)
        np.testing.assert_allclose(member, alone[name], rtol=1e-10, atol=1e-11, err_msg=name)
    apart = ds.sel(loss=1.0)
    assert (apart.sz_spin.isel(realization=0) != apart.sz_spin.isel(realization=1))[1:].all()


def test_trajectories_of_realizations_are_independent(make_model: Make, make_state: Make) -> None:
    """The key of a run is (seed, realization): each of the two changes the random numbers."""
    model = make_model(6)
    problem = od.reduce(model, make_state(model))
    asked = trajectories.Trajectories
    numerics = trajectories.Numerics(2, 32, False)
    words = {
        tuple(asked(problem, TIMES, (), numerics, key)._seed)
        for key in [(0, 0), (0, 1), (1, 0), (1, 1)]
    }
    assert len(words) == 4


def test_settings_of_jax_change_nothing(
    make_model: Make, make_state: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's precision, generators and strictness reach no number, and stay as they were."""
    model = make_model(3)
    state = make_state(model)
    expected = solve(model, state)
    for program in (trajectory_program, starts.sample_program, starts.begin_program):
        monkeypatch.setattr(program, "_compiled", {})  # so that it is traced again
    odd = {
        "jax_enable_x64": True,
        "jax_default_prng_impl": "rbg",
        "jax_enable_custom_prng": True,
        "jax_threefry_partitionable": False,
        "jax_default_matmul_precision": "bfloat16",
        "jax_numpy_dtype_promotion": "strict",
        "jax_numpy_rank_promotion": "raise",
    }
    before = {name: getattr(jax.config, name) for name in odd}
    try:
        for name, value in odd.items():
            jax.config.update(name, value)
        jax.clear_caches()  # of traces
        settings = dict(jax.config.values)
        found = solve(model, state)
        assert dict(jax.config.values) == settings
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
    assert_equal(found, expected)


def test_users_own_functions_of_means(
    make_model: Make, make_state: Make, registry: dict[str, Any]
) -> None:
    """An observable with `combine`, with a dimension of its own, against its parts."""

    @od.observable(dims=("half",), combine=lambda up, down: up / (2.0 + down))
    def imbalance(model: od.DickeModel) -> list[Any]:
        weights = np.array([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
        return [od.SpinTerm("z", weights), [od.SpinTerm("x", weights), od.SpinTerm("y", weights)]]

    model = make_model(7, loss=0.0, gain=0.0)
    names = ["imbalance", "sx_spin", "sy_spin", "sz_spin"]
    method = with_settings(trajectories=96)
    ds = solve(model, make_state(model), method, names, times=[0.0, 2.0])
    assert ds.imbalance.dims == ds.imbalance_stderr.dims == ("time", "half")
    halves = np.kron(np.eye(2), [0.5, 0.5])
    up, down = ds.sz_spin.values @ halves.T, (ds.sx_spin + ds.sy_spin).values @ halves.T
    np.testing.assert_allclose(ds.imbalance, up / (2 + down), rtol=1e-11)
    assert (ds.imbalance_stderr > 0).all()


def test_a_single_time_is_the_initial_state(make_model: Make) -> None:
    """One time is allowed, whatever the origin: nothing moves and nothing fluctuates along −y."""
    model = make_model(9, loss=0.0, gain=0.0)
    method = od.TruncatedWigner(trajectories=32)
    ds = solve(model, od.ProductState.polarized("-y"), method, ["sy", "sx"], times=[5.0])
    assert ds.sizes["time"] == 1
    np.testing.assert_allclose(ds.sy, -1.0, atol=1e-14)
    np.testing.assert_allclose(ds.sy_stderr, 0.0, atol=1e-14)
    assert ds.sx_stderr > 0.01
    assert ds.estimated_error == 0.0
