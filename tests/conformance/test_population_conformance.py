"""Promises of all methods, kept by the two of populations, and of stochastic ones by chains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import opendicke as od
from opendicke.measure.observables import find_observables
from opendicke.measure.raw import Status
from opendicke.methods import kinetic_monte_carlo, parallel

RATES = od.RateEquation()
CHAINS = od.KineticMonteCarlo(trajectories=200, block=64)
METHODS = [RATES, CHAINS]
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.kind)
every_sampler = pytest.mark.parametrize("sampler", ["rejection-free", "windowed", "plain"])
SAME = 1e-7  # what the default tolerance leaves between two equal answers
TIMES = np.array([0.0, 4.0, 40.0])
NAMES = [
    "sz", "sz_spin", "photons", "photons_mode", "quadrature_mode", "overlap", "ising_energy",
    "ising_energy_distribution", "probability", "correlation_spin", "overlap_variance", "g2_mode",
]  # fmt: skip
TILTED = np.array([[0.3, 0.1, 0.6], [0.0, 0.0, -1.0], [0.7, -0.2, -0.25]])
MIXED = od.ProductState.bloch(TILTED, bosons="stationary")


def model(**replaced: Any) -> od.DickeModel:
    """Three spins on two modes, without any symmetry."""
    settings: dict[str, Any] = {
        "couplings": np.array([[1.1, -0.6], [-0.5, 0.9], [0.8, 0.4]]),
        "frequencies": [1.0, 1.7],
        "loss": [2.1, 1.5],
        "gain": [0.9, 0.2],
        "field": np.array([0.3, 0.2, 0.4]),
        "patterns": [[1, 1, -1], [1, -1, -1]],
    }
    return od.DickeModel(**settings | replaced)


def chains(**replaced: Any) -> od.KineticMonteCarlo:
    return od.KineticMonteCarlo(**CHAINS.settings() | replaced)


def solve(
    asked: Any = None, state: Any = MIXED, times: Any = TIMES, method: Any = CHAINS,
    names: Any = NAMES, **more: Any,
) -> xr.Dataset:  # fmt: skip
    """The front door, without verdicts."""
    asked = model() if asked is None else asked
    return od.solve(asked, state, times, method, names, validity="ignore", **more)


def assert_same(first: Any, second: Any, tolerance: float = 0.0) -> None:
    """Every variable, errors included."""
    assert set(first.data_vars) == set(second.data_vars)
    for name in first.data_vars:
        np.testing.assert_allclose(
            second[name], first[name], rtol=0, atol=tolerance, err_msg=str(name)
        )


# Seeds, blocks, workers, numbers


@every_method
def test_same_seed_same_numbers(method: Any) -> None:
    """Asked twice, alone or among others in any order: the same answer."""
    models = [model(field=field) for field in (0.2, 0.3, 0.4)]
    first = solve(models[1], method=method, seed=7)
    assert_same(solve(models[1], method=method, seed=7), first)
    problems = [od.reduce(each, MIXED) for each in models]
    keys = [(7, 1), (7, 0), (7, 2)]
    order, asked = [2, 0, 1], find_observables(NAMES)
    together = method.run_many(problems, TIMES, asked, keys)
    shuffled = method.run_many([problems[i] for i in order], TIMES, asked, [keys[i] for i in order])
    for name in NAMES:
        answers = [getattr(raw.values[name], "value", raw.values[name]) for raw in together]
        for i, raw in zip(order, shuffled, strict=True):
            again = getattr(raw.values[name], "value", raw.values[name])
            np.testing.assert_array_equal(again, answers[i])
        np.testing.assert_array_equal(answers[1], first[name])
    apart = {json.dumps(raw.values["sz"].value.tolist()) for raw in (
        method.run_many([problems[0]], TIMES, find_observables(["sz"]), [key])[0]
        for key in [(7, 0), (7, 1), (8, 0)]
    )} if method.stochastic else {1, 2, 3}  # fmt: skip
    assert len(apart) == 3  # seed and realization each change the random numbers


@every_sampler
def test_blocks_and_workers_change_nothing(sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers change no bit, blocks only round-off, another seed everything."""
    asked = chains(sampler=sampler)
    first = solve(method=asked, seed=7)
    for number in (1, 2, 5):
        monkeypatch.setattr(kinetic_monte_carlo, "cores", lambda number=number: number)
        monkeypatch.setattr(parallel, "cores", lambda number=number: number)
        assert_same(solve(method=asked, seed=7), first)
        with_others, last = od.trajectories(
            model(), MIXED, TIMES, asked, ["sz"], 7, validity="ignore"
        )
        np.testing.assert_allclose(with_others.sz.mean("trajectory"), first.sz, atol=1e-13)
    for block in (1, 7, 200, 10**6, None):
        again = chains(sampler=sampler, block=block)
        assert_same(solve(method=again, seed=7), first, 1e-11)
        _, ends = od.trajectories(model(), MIXED, TIMES, again, ["sz"], 7, validity="ignore")
        np.testing.assert_array_equal(ends, last)
    other = solve(method=asked, seed=8)
    for name in NAMES:
        assert (np.abs(other[name] - first[name])[1:] > 1e-9).any(), name


@every_sampler
def test_more_trajectories_contain_the_fewer(sampler: str) -> None:
    """Trajectory k depends on its number alone; with further times it is the same one, too."""
    few, many = (
        od.trajectories(
            model(), MIXED, times, chains(sampler=sampler, trajectories=count), ["sz_spin"], 3,
            validity="ignore",
        )[0].sz_spin
        for count, times in ((30, TIMES), (101, np.array([0.0, 1.0, 4.0, 13.0, 40.0])))
    )  # fmt: skip
    np.testing.assert_array_equal(many.isel(trajectory=slice(30)).sel(time=TIMES), few)
    assert len(np.unique(many.values.reshape(101, -1), axis=0)) > 50


def test_a_target_is_reached_or_missed_and_told() -> None:
    """Every error is at most the target, relative to values above 1; a cap that is met is told."""
    target = 0.02
    ds = solve(method=chains(trajectories=None, target_stderr=target))
    numerics = json.loads(ds.attrs["numerics"])
    largest: dict[str, float] = {}
    for name in NAMES:
        scale = max(1.0, float(np.abs(ds[name]).max()))
        largest[name] = float((ds[f"{name}_stderr"] / scale).max())
        assert largest[name] <= target
    assert numerics["largest_stderr"] == pytest.approx(max(largest.values()), rel=1e-12)
    assert numerics["largest_stderr_of"] == max(largest, key=lambda name: largest[name])
    assert numerics["largest_stderr_at"] in TIMES
    assert numerics["trajectories"] % 64 == 0
    assert numerics["trajectories"] > 512
    assert ds.status == Status.OK
    with pytest.warns(od.ValidityWarning, match="after 300 trajectories the standard error is"):
        ds = solve(method=chains(trajectories=300, target_stderr=1e-3))
    assert ds.status == Status.NOT_CONVERGED
    assert json.loads(ds.attrs["numerics"])["trajectories"] == 300
    told = json.loads(ds.status.attrs["messages"])["0"]
    assert told.endswith("above the target 0.001")
    assert "` " in told or "`," in told
    assert_same(ds.drop_vars("status"), solve(method=chains(trajectories=300)).drop_vars("status"))


def test_one_trajectory_has_no_error() -> None:
    ds = solve(method=chains(trajectories=1), names=["sz", "overlap_variance"])
    assert np.isnan(ds.sz_stderr).all()
    assert np.isnan(ds.overlap_variance_stderr).all()
    assert np.isfinite(ds.sz).all()
    assert json.loads(ds.attrs["numerics"])["trajectories"] == 1


# Names, units, axes, the origin of time


@every_sampler
@pytest.mark.parametrize("factor", [2.0**-7, 32.0, 0.01, 40.0])
def test_units_of_energy(sampler: str, factor: float) -> None:
    """Energies times c, times over c: by powers of two the same trajectories, else the same law.

    Where tables of rates are cut into pieces depends on round-off, and so do bounds of rates.
    """
    usual, method = model(), chains(sampler=sampler)
    scaled = model(
        couplings=factor * usual.couplings,
        frequencies=factor * usual.frequencies,
        loss=factor * usual.loss,
        gain=factor * usual.gain,
        field=factor * usual.field,
    )
    exact = factor in (2.0**-7, 32.0)
    names = NAMES if exact else ["sz_spin", "photons_mode", "ising_energy", "overlap"]
    first = solve(method=method, names=names)
    second = solve(scaled, times=TIMES / factor, method=method, names=names)
    for name in names:
        unit = factor if first[name].attrs["units"] == "energy" else 1.0
        apart = second[name] / unit - first[name]
        if exact:
            np.testing.assert_allclose(apart, 0.0, atol=1e-12, err_msg=name)
            continue
        error = np.hypot(second[f"{name}_stderr"] / unit, first[f"{name}_stderr"])
        assert (np.abs(apart) <= 4 * error + 1e-12).all(), name
    if exact:
        for name in ("bin_energy", "lowest_energy"):
            np.testing.assert_allclose(second[name] / factor, first[name], rtol=1e-12)


def test_relabelling_spins_and_modes_is_the_same_physics() -> None:
    """Other names draw other numbers, equal within errors; without the relabelling they are not."""
    usual, spins, modes = model(), np.array([2, 0, 1]), np.array([1, 0])
    relabelled = model(
        couplings=usual.couplings[spins][:, modes],
        frequencies=usual.frequencies[modes],
        loss=usual.loss[modes],
        gain=usual.gain[modes],
        field=usual.field[spins],
        patterns=usual.patterns[:, spins],
    )
    start = od.ProductState.bloch(TILTED[spins], bosons="stationary")
    names = ["sz_spin", "photons_mode", "quadrature_mode", "overlap", "ising_energy"]
    many = chains(trajectories=3000)
    first = solve(method=many, names=names)
    second = solve(relabelled, start, method=many, names=names, seed=1)

    def worst(straight: bool) -> float:
        largest = 0.0
        for name in names:
            places = {} if straight else {"spin": spins, "mode": modes}
            chosen = {dim: places[dim] for dim in first[name].dims if dim in places}
            value, error = (
                first[each].isel(chosen).values[1:] for each in (name, f"{name}_stderr")
            )
            error = np.hypot(error, second[f"{name}_stderr"].values[1:])
            largest = max(largest, (np.abs(second[name].values[1:] - value) / error).max())
        return largest

    assert worst(straight=False) < 4.5
    assert worst(straight=True) > 15


@pytest.mark.parametrize("axes", ["xz", "xy", "yz", "yx", "zy"])
def test_choice_of_axes(axes: str) -> None:
    """The component along the coupling axis is what counts: the very same trajectories."""
    vectors = np.zeros((3, 3))
    vectors[:, "xyz".index(axes[0])] = TILTED[:, 2]
    turned = model(coupling_axis=axes[0], field_axis=axes[1])
    first = solve()
    names = [f"s{axes[0]}", f"s{axes[0]}_spin", *NAMES[2:]]
    start = od.ProductState.bloch(vectors, bosons="stationary")
    second = solve(turned, start, names=names)
    for name, usual in zip(names, NAMES, strict=True):
        np.testing.assert_array_equal(second[name], first[usual], err_msg=name)
    with pytest.raises(od.InputError, match=f'coupling axis "{axes[0]}"'):
        solve(turned, start, names=[f"s{axes[1]}"])
    assert {f"s{axes[0]}", "ising_energy", "photons"} <= set(solve(turned, start, names=None))


@every_method
def test_the_origin_of_time_is_free(method: Any) -> None:
    """The state is given at times[0]; a single time is that state, whatever it is."""
    first = solve(method=method)
    for shift in (8.0, -200.0):
        late = solve(times=TIMES + shift, method=method)
        for name in first.data_vars:
            np.testing.assert_allclose(late[name], first[name], atol=1e-10, err_msg=name)
    # Differences that are exact give the same numbers, whatever round-off a clock would have.
    late = solve(times=TIMES + 2.0**49, method=method)
    for name in first.data_vars:
        np.testing.assert_array_equal(late[name], first[name], err_msg=name)
    down = od.ProductState.polarized("-z", bosons="stationary")
    alone = solve(state=down, times=[5.0], method=method, names=["sz", "sz_spin"])
    assert alone.sizes["time"] == 1
    np.testing.assert_array_equal(alone.sz_spin, [[-1.0, -1.0, -1.0]])


# Provenance, verdicts, settings


@every_method
def test_provenance(method: Any) -> None:
    """Version, the whole question, seed, numerics as resolved, wall time, device."""
    attrs = solve(method=method, seed=42).attrs
    assert attrs["opendicke_version"] == od.__version__
    assert attrs["seed"] == 42
    assert attrs["wall_time_seconds"] > 0
    assert attrs["device"].startswith("cpu (")
    assert attrs["created"]
    question = json.loads(attrs["experiment"])
    assert question["method"]["class"] == type(method).__name__
    for name, value in method.settings().items():
        assert question["method"][name] == value
    np.testing.assert_array_equal(question["model"]["couplings"], model().couplings)
    numerics = json.loads(attrs["numerics"])
    assert numerics["rows"] == 3
    assert 0 < numerics["row_error"] < 1e-8
    if method.stochastic:
        assert numerics["sampler"] in ("rejection-free", "windowed", "plain")
        assert (numerics["trajectories"], numerics["block"]) == (200, 64)
        assert numerics["largest_stderr"] > 0
    else:
        assert numerics["products"] > 0
        assert numerics["estimated_error"] <= 1e-8


def test_tables_stand_in_the_provenance() -> None:
    method = chains(anneal_times=[0, 10], anneal_damping=np.array([1, 0.5]))
    told = json.loads(solve(method=method, names=["sz"]).attrs["experiment"])["method"]
    assert told["anneal_times"] == [0.0, 10.0]
    assert told["anneal_damping"] == [1.0, 0.5]
    assert told["anneal_field"] is None


QUESTIONS: list[tuple[Any, Any]] = [
    (model(), MIXED),
    (model(), od.ProductState.polarized("+x")),
    (model(field=0.001), od.ProductState.configuration([1, -1, 1], bosons="stationary")),
    (model(couplings=[[1.1, -0.6], [-1.1, 0.6], [0.8, 0.4]]), MIXED),
    (model(field=0.0), MIXED),
]


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_verdicts_do_not_depend_on_the_method(number: int) -> None:
    found = [od.assess(*QUESTIONS[number], TIMES, method) for method in METHODS]
    for what in ("verdict", "reason", "remarks"):
        assert getattr(found[0], what) == getattr(found[1], what)
    assert found[0].number == pytest.approx(found[1].number, rel=1e-6)
    assert {0: 1, 1: 1, 2: 0, 3: 2, 4: 0}[number] == found[0].verdict


@every_method
def test_methods_are_values(method: Any) -> None:
    """Equal settings, equal methods: keys of dictionaries and members of sets."""
    again = type(method)(**method.settings())
    assert again == method
    assert hash(again) == hash(method)
    other = od.RateEquation(1e-6) if method is RATES else chains(sampler="plain")
    assert len({method, again, other}) == 2
    assert eval(repr(method), {type(method).__name__: type(method)}) == method
    with pytest.raises(AttributeError):
        method.tolerance = 0.1


# Experiments and stores


TEXT = """
observables = ["sz_spin", "ising_energy", "ising_energy_distribution", "overlap_variance"]
seed = 3
realizations = 2
[model]
couplings = { kind = "uniform", strength = 3.0 }
spins = 3
modes = 1
frequencies = 1.0
loss = 2.0
gain = 1.0
field = 0.1
[state]
spins = "-z"
bosons = "stationary"
[times]
stop = 40.0
points = 3
[method]
"""
OF = {
    RATES: 'kind = "rate-equation"\n',
    CHAINS: 'kind = "kinetic-monte-carlo"\ntrajectories = 200\nblock = 64\n',
}
SWEEP = '[sweep]\n"model.loss" = [2.0, 11.0]\n'


def experiment(text: str, folder: Path) -> od.Experiment:
    (folder / "one.toml").write_text(text)
    return od.Experiment.from_toml(folder / "one.toml")


@every_method
@pytest.mark.parametrize("suffix", ["zarr", "nc"])
def test_experiments_in_files_and_stores(method: Any, suffix: str, tmp_path: Path) -> None:
    """A sweep over two realizations: written, read, run twice, saved, loaded; members alone."""
    asked = experiment(TEXT + OF[method] + SWEEP, tmp_path)
    assert asked.method == method
    again = experiment(asked.to_toml(), tmp_path)
    assert again.method == method
    store = tmp_path / f"one.{suffix}"
    ds = od.run(again, store, validity="ignore")
    assert dict(ds.sizes) == {
        "loss": 2, "realization": 2, "time": 3, "spin": 3, "energy_bin": 100, "pattern": 1,
    }  # fmt: skip
    assert (ds.status == Status.OK).all()
    loaded = od.load(store)
    assert_same(loaded, ds)
    for key in ("numerics", "experiment", "device", "seed"):
        assert loaded.attrs[key] == ds.attrs[key]
    xr.testing.assert_equal(loaded.bin_energy, ds.bin_energy)
    assert_same(od.run(again, store), ds)  # what is there is returned
    # A member with realization 0 has the key that `solve` uses.
    ensemble = od.RandomDicke(
        od.Uniform(3.0), 3, 1, frequencies=1.0, loss=11.0, gain=1.0, field=0.1
    )
    alone = solve(
        ensemble.draw(3, 0), asked.state, ds.time.values, method, list(asked.observables), seed=3
    )
    member = ds.sel(loss=11.0, realization=0)
    for name in alone.data_vars:
        np.testing.assert_allclose(member[name], alone[name], atol=1e-12, err_msg=name)
    if method.stochastic:
        assert_same(od.run(asked, validity="ignore"), ds)
        apart = ds.sel(loss=11.0).sz_spin
        assert (apart.isel(realization=0) != apart.isel(realization=1)).any()


def test_a_sweep_over_samplers(tmp_path: Path) -> None:
    """Words as a coordinate; means agree within errors, and a choice is one of the others."""
    text = TEXT.replace("realizations = 2", "realizations = 1")
    words = ["rejection-free", "windowed", "plain", "automatic"]
    sweep = f'[sweep]\n"method.sampler" = {json.dumps(words)}\n'
    asked = experiment(text + OF[CHAINS] + sweep, tmp_path)
    ds = od.run(asked, tmp_path / "one.zarr", validity="ignore").isel(realization=0)
    assert ds.sampler.values.tolist() == words
    assert od.load(tmp_path / "one.zarr").sampler.values.tolist() == words
    energy, error = (ds[name].isel(time=-1) for name in ("ising_energy", "ising_energy_stderr"))
    for word in words[1:]:
        apart = energy.sel(sampler=word) - energy.sel(sampler=words[0])
        assert abs(apart) < 4 * np.hypot(error.sel(sampler=word), error.sel(sampler=words[0]))
    chosen = [bool((ds.sz_spin.sel(sampler=word) == ds.sz_spin[3]).all()) for word in words[:3]]
    assert sum(chosen) == 1
