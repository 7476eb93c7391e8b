"""Experiments: their files, their grids, their runs, and the single models inside them."""

from __future__ import annotations

import itertools
import json
import re
import tomllib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

import opendicke as od
from opendicke.experiment.experiment import replace_at
from opendicke.experiment.plan import axis_names, cells
from opendicke.methods.stepping import segment_program
from opendicke.results import store as store_module

PATTERNS = [[1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]]
METHOD = od.MeanField(tolerance=1e-4)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Verdicts on validity are the business of other tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", od.ValidityWarning)
        yield


def ensemble(couplings: Any = None, **replaced: Any) -> od.RandomDicke:
    sizes = {} if isinstance(couplings, od.Fixed) else {"spins": 4, "modes": 2}
    settings: dict[str, Any] = {"frequencies": 1.0, "loss": 1.0, "gain": 0.1, "field": 0.5}
    return od.RandomDicke(couplings or od.Binary(1.2), **settings | sizes | replaced)


def experiment(**replaced: Any) -> od.Experiment:
    settings = {
        "model": ensemble(),
        "state": od.ProductState.polarized("+z"),
        "times": np.linspace(0, 1, 4),
        "method": METHOD,
        "observables": ["sz", "photons"],
    }
    return od.Experiment(**settings | replaced)


def again(given: od.Experiment, folder: Path) -> od.Experiment:
    """Written to a file and read from it."""
    path = folder / "again.toml"
    path.write_text(given.to_toml(), encoding="utf-8")
    return od.Experiment.from_toml(path)


STATES = {
    "polarized": od.ProductState.polarized("-y"),
    "one Bloch vector": od.ProductState.bloch([0.3, 0.0, -0.9]),
    "Bloch vectors": od.ProductState.bloch([[0, 0, 1], [0, 1, 0], [1, 0, 0], [0.1, 0.2, 0.3]]),
    "configuration": od.ProductState.configuration([1, -1, -1, 1], "x"),
    "pattern": od.ProductState.pattern(1, 0.25, seed=9),
    "stationary": od.ProductState.pattern(0, bosons="stationary"),
    "displaced": od.ProductState.polarized("+x", displacement=0.5, occupation=0.25),
    "displaced modes": od.ProductState.polarized(
        "+x", displacement=[0.5 - 1j, 2j], occupation=[0.0, 1.0]
    ),
}
COUPLINGS = {
    "gaussian": od.Gaussian(2.0),
    "uniform": od.Uniform(0.7),
    "binary": od.Binary(-1.2),
    "discrete": od.Discrete([0, 1, 2], [0.25, 0.5, 0.25], 0.9),
    "fixed": od.Fixed(PATTERNS),
    "fixed with strength": od.Fixed(PATTERNS, strength=1.1),
}
METHODS = {
    "default": od.MeanField(),
    "tolerance": od.MeanField(tolerance=1e-9, order=2),
    "step": od.MeanField(step=0.01),
}
SWEEPS: dict[str, dict[str, Any]] = {
    "none": {},
    "numbers": {"model.frequencies": [3.6, 5, 10.0], "model.gain": np.array([0.0, 0.5])},
    "vectors": {"model.frequencies": [[1.0, 2.0], [3.0, 4.0]]},
    "couplings": {"model.couplings.strength": [0.5, 1.0]},
    "words": {"state.spins": ["+x", "-z"], "state.bosons": ["vacuum", "stationary"]},
    "sizes": {"model.spins": [2, 4, 8]},
    "method": {"method.order": [2, 4], "method.tolerance": [1e-3, 1e-5]},
}


@pytest.mark.parametrize("kind", COUPLINGS)
def test_file_round_trip_of_couplings(kind: str, tmp_path: Path) -> None:
    """Every distribution is written and read as it was."""
    given = experiment(model=ensemble(COUPLINGS[kind], frequencies=[1.0, 2.5]), seed=5)
    back = again(given, tmp_path)
    assert back.to_table() == given.to_table()
    np.testing.assert_array_equal(
        given.model.draw(5, 0).couplings,
        back.model.draw(5, 0).couplings,
    )


@pytest.mark.parametrize("kind", STATES)
def test_file_round_trip_of_states(kind: str, tmp_path: Path) -> None:
    """Every state is written and read as it was, down to the last digit."""
    given = experiment(state=STATES[kind])
    back = again(given, tmp_path)
    assert back.to_table() == given.to_table()
    model = ensemble().draw()
    for mine, theirs in zip(given.state.resolve(model), back.state.resolve(model), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("kind", METHODS)
def test_file_round_trip_of_methods(kind: str, tmp_path: Path) -> None:
    """Every setting of a method is written and read as it was."""
    given = experiment(method=METHODS[kind])
    assert again(given, tmp_path).method == METHODS[kind]


@pytest.mark.parametrize("kind", SWEEPS)
def test_file_round_trip_of_sweeps(kind: str, tmp_path: Path) -> None:
    """Every sweep is written and read as it was."""
    given = experiment(sweep=SWEEPS[kind], realizations=3, seed=2**40)
    back = again(given, tmp_path)
    assert back.to_table() == given.to_table()
    assert dict(back.sweep) == dict(given.sweep)


@pytest.mark.parametrize(
    "times", [np.linspace(0.5, 3, 7), [0.0, 0.1, 0.7], [2.0], np.geomspace(0.1, 10, 5)]
)
def test_file_round_trip_of_times(times: Any, tmp_path: Path) -> None:
    """Equidistant or not, times come back with every bit."""
    np.testing.assert_array_equal(again(experiment(times=times), tmp_path).times, times)


def test_file_round_trip_of_limits_axes_and_fields(tmp_path: Path) -> None:
    """The rest of the file: thermodynamic limit, axes, fields that vary, observables."""
    model = ensemble(coupling_axis="x", field_axis="z", loss=[1.0, 2.0])
    given = experiment(model=model, thermodynamic=True, observables=["overlap", "energy"])
    back = again(given, tmp_path)
    assert back.to_table() == given.to_table()
    assert back.thermodynamic
    assert (back.model.coupling_axis, back.model.field_axis) == ("x", "z")
    varied = again(experiment(model=ensemble(field=[1.0, 2.0, 3.0, 4.0])), tmp_path)
    np.testing.assert_array_equal(varied.model.field, [1, 2, 3, 4])


def test_a_given_model_becomes_fixed_couplings(tmp_path: Path) -> None:
    """A DickeModel goes into a file as its couplings, and comes back as an equal ensemble."""
    model = od.DickeModel(PATTERNS, [1.0, 2.0], loss=1.0, field=[1.0, 2.0, 3.0, 4.0])
    back = again(experiment(model=model), tmp_path).model.draw()
    for name in ("couplings", "frequencies", "loss", "gain", "field"):
        np.testing.assert_array_equal(getattr(back, name), getattr(model, name))


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file works from any working folder, and so does what is written from it."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    (home / "letters").mkdir(parents=True)
    elsewhere.mkdir()
    for k in range(2):
        pixels = np.random.default_rng(k).integers(0, 2, (2, 3)).astype(np.uint8) * 255
        Image.fromarray(pixels).save(home / "letters" / f"{k}_{'AB'[k]}.png")
    np.savetxt(home / "data.csv", PATTERNS, delimiter=",")
    text = experiment(model=ensemble(od.Fixed(PATTERNS))).to_toml()
    monkeypatch.chdir(elsewhere)
    for path, shape in (("letters", (6, 2)), ("data.csv", (4, 2))):
        new = re.sub(r"values = \[.*?\n\]\n", f'path = "{path}"\n', text, flags=re.DOTALL)
        (home / "a.toml").write_text(new)
        read = od.Experiment.from_toml(home / "a.toml")
        assert read.model.draw().couplings.shape == shape
        moved = again(read, elsewhere)
        assert moved.to_table() == read.to_table()
        assert moved.model.draw().pattern_names == (("A", "B") if path == "letters" else None)


def test_examples_of_the_repository_are_read() -> None:
    """The examples are valid, and describe what their comments promise."""
    examples = Path(__file__).parents[2] / "examples"
    retrieval = od.Experiment.from_toml(examples / "retrieval.toml")
    model = retrieval.model.draw()
    assert (model.spins, model.modes, model.lattice) == (400, 4, (20, 20))
    assert model.pattern_names == ("S", "P", "I", "N")
    relaxation = od.Experiment.from_toml(examples / "relaxation.toml")
    assert len(list(cells(relaxation))) == 12


def values_at(given: od.Experiment, path: str) -> Any:
    target: Any = given
    for name in path.split("."):
        target = getattr(target, name)
    return target


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("model.loss", 2.0, "model.loss"),
        ("model.frequencies", [1.0, 3.0], "model.frequencies"),
        ("model.spins", 9, "model.spins"),
        ("model.coupling_axis", "y", "model.coupling_axis"),
        ("model.couplings.strength", 0.3, "model.couplings.strength"),
        ("model.couplings", od.Gaussian(1.0), "model.couplings"),
        ("state.bosons", "stationary", "state.bosons"),
        ("state.occupation", 0.5, "state.occupation"),
        ("state.flipped", 0.4, "state.spins.flipped"),
        ("state.pattern", 1, "state.spins.index"),
        ("state.seed", 8, "state.spins.seed"),
        ("method.tolerance", 1e-2, "method.tolerance"),
        ("method.step", 0.1, "method.step"),
    ],
)
def test_paths_reach_their_parameter(path: str, value: Any, place: str) -> None:
    """A dotted path changes one parameter, and nothing else."""
    given = experiment(state=od.ProductState.pattern(0, 0.1, seed=2))
    changed = replace_at(given, path, value)
    assert np.array_equal(values_at(changed, place), value)
    back = replace_at(changed, path, values_at(given, place))
    assert back.to_table() == given.to_table()


def test_sweep_of_spin_directions() -> None:
    """`state.spins` takes the words that files take."""
    changed = replace_at(experiment(), "state.spins", "-x")
    np.testing.assert_array_equal(changed.state.resolve(ensemble().draw()).bloch[0], [-1, 0, 0])


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["model.frequencies"], ["frequencies"]),
        (["model.couplings.strength", "state.flipped"], ["strength", "flipped"]),
        (["state.spins", "model.spins"], ["state_spins", "model_spins"]),
        (["state.pattern", "method.step"], ["state_pattern", "method_step"]),
    ],
)
def test_names_of_dimensions(paths: list[str], names: list[str]) -> None:
    """The last part of a path, or all of it where that would be ambiguous or is taken."""
    assert list(axis_names(paths).values()) == names


def test_dimensions_and_coordinates_of_a_run() -> None:
    """Sweep axes in their order, realizations, time, then what the observable has."""
    given = experiment(
        sweep={"model.loss": [1.0, 2.0, 3.0], "state.spins": ["+x", "-z"]},
        realizations=2,
        observables=["sz", "sz_spin", "photons_mode", "overlap"],
    )
    dataset = od.run(given)
    first = ("loss", "spins", "realization", "time")
    assert dataset["sz"].dims == first
    assert dataset["sz_spin"].dims == (*first, "spin")
    assert dataset["photons_mode"].dims == (*first, "mode")
    assert dataset["overlap"].dims == (*first, "pattern")
    assert dict(dataset["sz_spin"].sizes) == {
        "loss": 3, "spins": 2, "realization": 2, "time": 4, "spin": 4
    }  # fmt: skip
    np.testing.assert_array_equal(dataset["loss"], [1, 2, 3])
    assert list(dataset["spins"].values) == ["+x", "-z"]
    assert dataset["loss"].attrs["long_name"] == "model.loss"
    assert (dataset["status"] == 1).all()
    assert json.loads(dataset.attrs["experiment"])["sweep"]["model.loss"] == [1, 2, 3]


def test_vector_values_are_numbered() -> None:
    """Values that cannot label an axis are counted, and listed in an attribute."""
    given = experiment(sweep={"model.frequencies": [[1.0, 2.0], [3.0, 4.0]]})
    dataset = od.run(given)
    np.testing.assert_array_equal(dataset["frequencies"], [0, 1])
    assert dataset["frequencies"].attrs["values"] == "[[1.0, 2.0], [3.0, 4.0]]"
    single = od.solve(
        replace_at(given, "model.frequencies", [3.0, 4.0]).model.draw(),
        given.state, given.times, METHOD, ["photons"],
    )  # fmt: skip
    np.testing.assert_allclose(
        dataset["photons"].isel(frequencies=1, realization=0), single["photons"], atol=1e-6
    )


def test_sizes_are_padded_with_nan() -> None:
    """A sweep of sizes gives one rectangle, whose unused corner holds NaN and nothing else."""
    dataset = od.run(experiment(sweep={"model.spins": [2, 6]}, observables=["sz_spin", "sz"]))
    spins = dataset["sz_spin"]
    assert spins.sizes["spin"] == 6
    assert np.isnan(spins.isel(spins=0, spin=slice(2, None))).all()
    assert not np.isnan(spins.isel(spins=0, spin=slice(2))).any()
    assert not np.isnan(spins.isel(spins=1)).any()
    np.testing.assert_allclose(
        spins.isel(spins=0, spin=slice(2)).mean("spin"), dataset["sz"].isel(spins=0), atol=1e-12
    )


@pytest.mark.parametrize(
    "sweep",
    [
        {"model.loss": [1.0, 3.0]},
        {"state.spins": ["+x", "-z"]},
        {"method.tolerance": [1e-3, 1e-5]},
        {"model.frequencies": [1.0, [1.0, 2.0]]},
    ],
)
def test_every_point_sees_the_same_disorder(sweep: dict[str, Any]) -> None:
    """What is swept changes nothing about what is drawn; realizations do."""
    drawn: dict[int, list[Any]] = {}
    for cell in cells(experiment(sweep=sweep, realizations=3, seed=4)):
        drawn.setdefault(cell.coordinates["realization"], []).append(cell.model.couplings)
    for couplings in drawn.values():
        assert len(couplings) == 2
        np.testing.assert_array_equal(couplings[0], couplings[1])
    assert not np.array_equal(drawn[0][0], drawn[1][0])


def test_smaller_systems_are_parts_of_larger_ones() -> None:
    """A sweep over sizes keeps the couplings of the spins that are there already."""
    given = experiment(model=ensemble(od.Uniform(1.0)), sweep={"model.spins": [3, 5]})
    small, large = (cell.model.couplings for cell in cells(given))
    np.testing.assert_array_equal(small, large[:3])


def test_grid_equals_single_solutions() -> None:
    """Every member of a grid is what `solve` finds for it alone."""
    method = od.MeanField(tolerance=1e-8)
    given = experiment(
        model=ensemble(od.Gaussian(1.5), spins=5, modes=3),
        state=od.ProductState.bloch([0.6, 0.0, 0.7], displacement=0.2),
        times=np.linspace(0, 3, 7),
        method=method,
        observables=["sx", "sz_spin", "photons", "energy"],
        sweep={"model.frequencies": [1.0, 2.0], "model.field": [0.3, 0.8]},
        realizations=2,
        seed=11,
    )
    dataset = od.run(given)
    for f, h, r in itertools.product(range(2), range(2), range(2)):
        point = given
        for path, k in (("model.frequencies", f), ("model.field", h)):
            point = replace_at(point, path, given.sweep[path][k])
        assert isinstance(point.model, od.RandomDicke)
        alone = od.solve(
            point.model.draw(11, r), given.state, given.times, method, given.observables
        )
        for name in given.observables:
            together = dataset[name].isel(frequencies=f, field=h, realization=r)
            np.testing.assert_allclose(together, alone[name], atol=1e-6, rtol=0)


@pytest.fixture
def counted() -> Callable[[od.Experiment], int]:
    """How many programs were compiled by a call."""

    def compilations(given: od.Experiment) -> int:
        before = segment_program.compilations
        od.run(given)
        return segment_program.compilations - before

    return compilations


def test_one_program_for_a_grid(counted: Any) -> None:
    """A grid costs as many compilations as a single point, and another seed none."""

    def grid(points: int, seed: int, spins: int) -> od.Experiment:
        return experiment(
            model=ensemble(od.Uniform(1.0), spins=spins, modes=3),
            method=od.MeanField(step=0.05),
            sweep={"model.frequencies": list(np.linspace(1, 2, points))},
            seed=seed,
        )

    small, large = counted(grid(2, 0, 5)), counted(grid(24, 0, 6))
    assert 1 <= large == small
    assert counted(grid(24, 1, 6)) == 0


def test_refinement_compiles_no_more_for_larger_grids(counted: Any) -> None:
    """With a tolerance, members that need shorter steps may add a few programs, not one each."""

    def grid(points: int, seed: int) -> od.Experiment:
        frequencies = list(np.linspace(0.5, 8, points))
        model = ensemble(od.Uniform(1.0), spins=7, modes=2)
        return experiment(model=model, sweep={"model.frequencies": frequencies}, seed=seed)

    assert counted(grid(32, 0)) <= 7  # powers of two up to 32, and all
    assert counted(grid(32, 1)) <= 2


def test_stored_results_are_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same experiment is not run twice; neither its writing order nor its types matter."""
    given = experiment(seed=3, sweep={"model.loss": [1, 2]})
    first = od.run(given, tmp_path / "a.zarr")
    same = experiment(seed=3, sweep={"model.loss": np.array([1.0, 2.0])})

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("was run again")

    monkeypatch.setattr(od.MeanField, "run_many", never)
    xr.testing.assert_identical(od.run(same, tmp_path / "a.zarr"), od.load(tmp_path / "a.zarr"))
    np.testing.assert_array_equal(first["sz"], od.load(tmp_path / "a.zarr")["sz"])


@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
def test_stored_results_equal_what_was_returned(suffix: str, tmp_path: Path) -> None:
    """Both formats keep every number, label, and attribute."""
    sweep = {"model.loss": [1.0, 2.0], "state.spins": ["+x", "-z"]}
    returned = od.run(experiment(sweep=sweep, seed=2), tmp_path / f"deep/er/a{suffix}")
    loaded = od.load(tmp_path / f"deep/er/a{suffix}")
    xr.testing.assert_equal(loaded, returned)
    assert {k: v for k, v in loaded.attrs.items() if k != "created"}.keys() >= {
        "experiment",
        "seed",
    }
    assert loaded.attrs["experiment"] == returned.attrs["experiment"]
    assert [path.name for path in (tmp_path / "deep/er").iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"times": np.linspace(0, 1, 5)},
        {"method": od.MeanField(tolerance=1e-5)},
        {"observables": ["sz"]},
        {"sweep": {"model.loss": [1.0]}},
        {"model": ensemble(loss=2.0)},
        {"model": ensemble(od.Binary(1.3))},
        {"state": od.ProductState.polarized("-z")},
        {"thermodynamic": True},
    ],
    ids=lambda other: next(iter(other)),
)
def test_results_of_another_experiment_are_refused(other: dict[str, Any], tmp_path: Path) -> None:
    """Any difference counts, and what is stored stays."""
    od.run(experiment(), tmp_path / "a.zarr")
    before = od.load(tmp_path / "a.zarr")
    with pytest.raises(od.StoreError, match="holds the results of another experiment"):
        od.run(experiment(**other), tmp_path / "a.zarr")
    xr.testing.assert_identical(od.load(tmp_path / "a.zarr"), before)


def test_changed_content_of_a_coupling_file_is_another_experiment(tmp_path: Path) -> None:
    """What a file holds counts, not its name."""
    for content in (PATTERNS, [[1.0, 1.0]] * 4):
        np.save(tmp_path / "data.npy", np.array(content))
        given = experiment(model=ensemble(od.Fixed(tmp_path / "data.npy")))
        if content is PATTERNS:
            od.run(given, tmp_path / "a.nc")
            continue
        with pytest.raises(od.StoreError, match="another experiment"):
            od.run(given, tmp_path / "a.nc")


@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
def test_overwrite_replaces_when_complete(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the new results are on disk, the old ones are."""
    store = tmp_path / f"a{suffix}"
    od.run(experiment(), store)
    seen: list[int] = []
    replace = store_module._replace

    def watch(path: Path, complete: Path, former: Path) -> None:
        seen.append(int(od.load(path).attrs["seed"]))
        seen.append(int(od.load(complete).attrs["seed"]))
        replace(path, complete, former)

    monkeypatch.setattr(store_module, "_replace", watch)
    od.run(experiment(seed=7), store, overwrite=True)
    assert seen == [0, 7]
    assert od.load(store).attrs["seed"] == 7
    assert [path.name for path in tmp_path.iterdir()] == [store.name]


def test_a_run_that_fails_keeps_the_old_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Overwriting begins when there is something to write."""
    store = tmp_path / "a.zarr"
    od.run(experiment(), store)

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(od.MeanField, "run_many", interrupted)
    with pytest.raises(KeyboardInterrupt):
        od.run(experiment(seed=7), store, overwrite=True)
    assert od.load(store).attrs["seed"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_each_verdict_is_reported_once() -> None:
    """A grid of doubtful members says so in one sentence."""
    given = experiment(model=ensemble(od.Gaussian(1.0)), sweep={"model.loss": [1.0, 2.0, 3.0]})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        od.run(given)
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == 1
    assert "MeanField is doubtful here" in texts[0]


def test_solve_is_a_function_whatever_was_imported_before() -> None:
    """No submodule of the same name takes its place."""
    assert od.Experiment is not None
    assert callable(od.solve)
    assert callable(od.reduce)
    assert callable(od.run)


def test_swept_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """Coupling files named in a sweep are found beside the experiment file."""
    for name, value in [("a", 0.5), ("b", 1.0)]:
        np.save(tmp_path / f"{name}.npy", np.full((2, 1), value))
    text = """
observables = ["sz"]
times = [0.0, 1.0]
[model]
couplings = { kind = "fixed", path = "a.npy" }
frequencies = 1.0
[state]
spins = "+z"
[method]
kind = "mean-field"
[sweep]
"model.couplings.path" = ["a.npy", "b.npy"]
"""
    (tmp_path / "e.toml").write_text(text)
    found = [
        cell.model.couplings[0, 0] for cell in cells(od.Experiment.from_toml(tmp_path / "e.toml"))
    ]
    assert found == [0.5, 1.0]


def test_experiments_that_no_file_holds_are_told_apart(tmp_path: Path) -> None:
    """A complex amplitude for all modes goes into no file; the store still knows what it holds."""
    parts = {
        "model": od.RandomDicke(
            couplings=od.Binary(0.8), spins=6, modes=2, frequencies=1.0, loss=1.0, field=0.5
        ),
        "state": od.ProductState.pattern(0, displacement=0.1j),
        "times": [0.0, 1.0],
        "method": od.MeanField(),
        "observables": ["overlap"],
    }
    store = tmp_path / "a.zarr"
    od.run(od.Experiment(**parts), store, validity="ignore")
    with pytest.raises(od.StoreError, match="another experiment"):
        od.run(od.Experiment(**parts, thermodynamic=True), store)


def test_numpy_numbers_label_a_sweep() -> None:
    """What `list(np.arange(...))` gives is as good as integers."""
    experiment = od.Experiment(
        model=od.RandomDicke(couplings=od.Binary(0.8), spins=6, modes=1, frequencies=1.0),
        state=od.ProductState.polarized("+z"),
        times=[0.0, 1.0],
        method=od.MeanField(order=np.int64(2)),
        observables=["sz"],
        seed=np.int64(3),
        sweep={"model.spins": list(np.array([2, 4]))},
    )
    assert tomllib.loads(experiment.to_toml())["sweep"] == {"model.spins": [2, 4]}
    np.testing.assert_array_equal(od.run(experiment, validity="ignore")["spins"], [2, 4])
