"""Ensembles in stores: gone on with, made larger, computed elsewhere, damaged, failing."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import opendicke as od
from opendicke.cli import main
from opendicke.experiment.executors import Failure, InProcess
from opendicke.experiment.plan import Plan
from opendicke.measure.nested import nested_error
from opendicke.measure.raw import Status
from opendicke.results import ensemble_memory
from opendicke.results.ensemble_store import load_ensemble

TIMES = np.linspace(0, 2, 5)


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Verdicts on validity are the business of other tests."""
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", od.ValidityWarning)
        yield


def ensemble(**replaced: Any) -> od.RandomDicke:
    settings: dict[str, Any] = {"frequencies": 4.0, "field": 1.0, "loss": 1.0}
    return od.RandomDicke(od.Gaussian(1.0), 4, 3, **settings | replaced)


def experiment(**replaced: Any) -> od.Experiment:
    settings: dict[str, Any] = {
        "model": ensemble(),
        "state": od.ProductState.polarized("+z"),
        "times": TIMES,
        "method": od.MeanField(tolerance=1e-6),
        "observables": ["sz", "photons"],
        "realizations": 5,
        "seed": 7,
        "sweep": {"model.frequencies": [3.0, 6.0]},
    }
    return od.Experiment(**settings | replaced)


def chains(trajectories: int = 20, **replaced: Any) -> od.Experiment:
    """Kinetic Monte Carlo, a stochastic method that needs no compiler at run time."""
    settings: dict[str, Any] = {
        "model": ensemble(field=0.05),
        "times": np.linspace(0, 200, 4),
        "method": od.KineticMonteCarlo(trajectories=trajectories),
        "observables": ["sz", "overlap_variance", "ising_energy_distribution"],
    }
    return experiment(**settings | replaced)


def wigner(trajectories: int = 40, **replaced: Any) -> od.Experiment:
    method = od.TruncatedWigner(trajectories=trajectories, tolerance=0.02)
    return experiment(**{"method": method} | replaced)


def assert_close(first: xr.Dataset, second: xr.Dataset, rtol: float = 1e-12) -> None:
    """Equal to round-off, and the same members."""
    assert dict(first.sizes) == dict(second.sizes)
    np.testing.assert_array_equal(first.status, second.status)
    for name in first.data_vars:
        one, other = first[name].values, second[name].values
        # Errors are differences of nearly equal numbers.
        scale = 1.0 if name == "estimated_error" else np.nanmax(np.abs(one), initial=0.0)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * scale, err_msg=name)


def assert_same_bits(first: xr.Dataset, second: xr.Dataset) -> None:
    for name in first.data_vars:
        assert first[name].values.tobytes() == second[name].values.tobytes(), name


KINDS = {"mean field": experiment, "chains": chains, "wigner": wigner}


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_holds_what_memory_holds(kind: str) -> None:
    """With or without a store, and read again, the same dataset."""
    given = KINDS[kind]()
    memory = od.run(given)
    stored = od.run(given, "a.zarr")
    assert_same_bits(memory, stored)
    assert stored.identical(od.run(given, "a.zarr"))
    assert_same_bits(memory, od.load("a.zarr"))
    assert list(memory.variables) == list(stored.variables)
    for name in memory.variables:
        assert memory[name].attrs == stored[name].attrs
    plain = xr.open_zarr("a.zarr", consolidated=False).load()
    np.testing.assert_array_equal(plain.sz, memory.sz)
    assert plain.sz.attrs == memory.sz.attrs
    assert set(memory.coords) <= set(plain.variables)


@pytest.mark.parametrize("kind", KINDS)
def test_single_cells(kind: str) -> None:
    """A cell is what `solve` finds for its model, with the same seed and realization 0."""
    given = KINDS[kind](realizations=1)
    dataset = od.run(given)
    for value in (3.0, 6.0):
        model = replace(given.model, frequencies=value).draw(7, 0)
        alone = od.solve(model, given.state, given.times, given.method, given.observables, 7)
        cell = dataset.sel(frequencies=value).isel(realization=0)
        np.testing.assert_allclose(cell.sz, alone.sz, rtol=0, atol=1e-6)
        if "sz_stderr" in alone:
            np.testing.assert_allclose(cell.sz, alone.sz, rtol=1e-12)
            for name in alone.data_vars:
                if name.endswith("_stderr") and name != "largest_stderr":
                    np.testing.assert_allclose(cell[name], alone[name], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_order_and_groups_change_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells in any order, in groups of any size: equal to round-off."""
    given = KINDS[kind]()
    expected = od.run(given)
    groups = Plan.groups

    def shuffled(self: Plan, pending: Any) -> Any:
        made = groups(self, pending)
        order = np.random.default_rng(0).permutation(len(made))
        return [made[k][::-1] for k in order]

    monkeypatch.setattr(Plan, "groups", shuffled)
    assert_close(expected, od.run(given, "a.zarr"))
    for size in (1, 3):
        monkeypatch.setattr(type(given.method), "together", size)
        assert_close(expected, od.run(given))


def test_blocks_of_trajectories_change_nothing() -> None:
    """Trajectories in other blocks: equal to round-off."""
    expected = od.run(wigner())
    for block in (7, 40):
        method = od.TruncatedWigner(trajectories=40, tolerance=0.02, block=block)
        assert_close(expected, od.run(experiment(method=method)), 1e-9)


def test_workers_change_nothing() -> None:
    """One, two or three processes: equal to round-off."""
    given = chains(realizations=8)
    expected = od.run(given)
    for workers in (1, 2, 3):
        assert_close(expected, od.run(given, f"{workers}.zarr", workers=workers))


@pytest.mark.parametrize("kind", ["mean field", "chains"])
def test_extension(kind: str) -> None:
    """More realizations and points: what is there stays, the rest is what it would have been."""
    small = KINDS[kind]()
    large = KINDS[kind](realizations=40, sweep={"model.frequencies": [2.0, 3.0, 6.0]})
    before = od.run(small, "a.zarr")
    grown = od.run(large, "a.zarr")
    assert_close(grown, od.run(large))
    part = grown.sel(frequencies=[3.0, 6.0]).isel(realization=slice(5))
    assert_same_bits(part, before)
    assert_same_bits(od.run(small, "a.zarr"), before)  # a part of what is there
    np.testing.assert_array_equal(od.load("a.zarr").frequencies, [3.0, 6.0, 2.0])


def test_nothing_is_computed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extension solves new cells only."""
    seen: list[tuple[int, int]] = []
    run_many = od.MeanField.run_many

    def counted(self: Any, problems: Any, times: Any, observables: Any, keys: Any, *a: Any) -> Any:
        seen.extend(keys)
        return run_many(self, problems, times, observables, keys, *a)

    monkeypatch.setattr(od.MeanField, "run_many", counted)
    od.run(experiment(realizations=3), "a.zarr")
    assert sorted(seen) == sorted([(7, r) for r in range(3)] * 2)
    seen.clear()
    od.run(experiment(realizations=4), "a.zarr")
    assert seen == [(7, 3)] * 2
    seen.clear()
    od.run(experiment(realizations=4), "a.zarr")
    od.run(experiment(realizations=2), "a.zarr")
    assert not seen


@pytest.mark.parametrize("kind", ["chains", "wigner"])
def test_more_trajectories(kind: str) -> None:
    """The trajectories that follow are added: as if all had been asked for at once."""
    few, many = KINDS[kind](20), KINDS[kind](50)
    if kind == "wigner":  # pilots of more trajectories may find another step, with other noise
        few, many = (replace(each, method=replace(each.method, step=0.1)) for each in (few, many))
    od.run(few, "a.zarr")
    grown = od.run(many, "a.zarr")
    assert (grown.trajectories == 50).all()
    whole = od.run(many)
    names = [name for name in grown.data_vars if name != "estimated_error"]
    assert_close(grown[names], whole[names], 1e-9)
    assert (od.run(few, "a.zarr").trajectories == 50).all()


def test_smaller_target_of_the_method() -> None:
    """Cells whose error is above the new target go on; the others stay as they are."""
    first = chains(method=od.KineticMonteCarlo(target_stderr=0.05))
    before = od.run(first, "a.zarr")
    after = od.run(chains(method=od.KineticMonteCarlo(target_stderr=0.03)), "a.zarr")
    assert (after.largest_stderr <= 0.03).all()
    assert (after.trajectories >= before.trajectories).all()
    kept = before.largest_stderr.values <= 0.03
    np.testing.assert_array_equal(after.trajectories.values[kept], before.trajectories.values[kept])


def test_later_times() -> None:
    """Mean field goes on from the states in which members ended."""
    short = experiment(realizations=3)
    later = replace(short, times=np.linspace(0, 5, 11), realizations=4)
    od.run(short, "a.zarr")
    grown = od.run(later, "a.zarr")
    whole = od.run(later)
    for name in ("sz", "photons"):
        np.testing.assert_allclose(grown[name], whole[name], atol=1e-5)
    assert (grown.status == 1).all()
    od.run(chains(), "b.zarr")
    with pytest.raises(od.StoreError, match="does not keep the states"):
        od.run(chains(times=np.linspace(0, 400, 7)), "b.zarr")
    with pytest.raises(od.StoreError, match="are not the beginning of"):
        od.run(replace(short, times=np.linspace(0, 5, 13)), "a.zarr")


def test_another_experiment_is_refused() -> None:
    """With the first difference, and nothing changes."""
    od.run(experiment(), "a.zarr")
    before = od.load("a.zarr")
    for other, named in [
        (experiment(seed=8), "`seed` was 7 there and is 8 here"),
        (experiment(model=ensemble(field=2.0)), "`model.field` was 1.0 there and is 2.0 here"),
        (chains(), "`method.kind` was 'mean-field' there"),
    ]:
        with pytest.raises(od.StoreError, match="holds the results of another experiment") as error:
            od.run(other, "a.zarr")
        assert named in str(error.value)
    assert od.load("a.zarr").identical(before)


def test_ensemble_target() -> None:
    """Rounds go on until the error of the mean over the ensemble is small enough."""
    for name, given in {"mean field": experiment(), "chains": chains(10)}.items():
        asked = replace(given, target_stderr=0.05, observables=["sz"], times=given.times[[0, -1]])
        dataset = od.run(asked, f"{name}.zarr")
        errors = dataset.get("sz_stderr")
        found = nested_error(
            dataset.sz.transpose("realization", ...).values,
            None if errors is None else errors.transpose("realization", ...).values,
        )
        assert found.stderr.max() <= 0.05
        assert dataset.sizes["realization"] > 5
        assert_same_bits(dataset, od.run(asked))  # rounds depend on nothing but the numbers
        assert_same_bits(dataset, od.run(asked, f"{name}.zarr"))
        finer = od.run(replace(asked, target_stderr=0.04), f"{name}.zarr")
        part = finer.isel(realization=slice(dataset.sizes["realization"]))
        assert (part.status == 1).all()
        if name == "mean field":
            np.testing.assert_array_equal(part.sz, dataset.sz)


def test_ensemble_target_that_is_out_of_reach() -> None:
    """The cap holds, and is told with the error that is left."""
    given = experiment(realizations=4, most_realizations=9, target_stderr=1e-4)
    with pytest.warns(od.ValidityWarning, match="after 9 realizations the standard error"):
        dataset = od.run(given)
    assert dataset.sizes["realization"] == 9


def chunk_files(store: str) -> list[Path]:
    return sorted(path for path in Path(store).rglob("c.*") if path.is_file())


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "folder"])
def test_damage_is_found_and_mended(damage: str) -> None:
    """Whatever chunk of cells is damaged: found, computed again, never averaged."""
    given = chains()
    whole = od.run(given, "a.zarr")
    sizes = [str(path) for path in chunk_files("a.zarr")]
    cells = [p for p in sizes if p.split("/")[1] in (*whole.data_vars, "record", "moments")]
    assert len(cells) >= 8
    for path in map(Path, cells):
        content = bytearray(path.read_bytes())
        if damage in ("gone", "folder"):
            path.unlink()
            if damage == "folder":
                path.mkdir()
        elif damage == "cut":
            path.write_bytes(bytes(content[: len(content) // 2]))
        else:
            content[len(content) // 3] ^= 16
            path.write_bytes(bytes(content))
        if not str(path).startswith("a.zarr/moments"):  # what `load` does not read
            with pytest.raises(od.StoreError, match=r"a\.zarr"):
                od.load("a.zarr")
            with pytest.warns(od.ValidityWarning, match="were damaged on disk"):
                mended = od.run(given, "a.zarr")
        else:
            mended = od.run(chains(20, realizations=6), "a.zarr").isel(realization=slice(5))
        assert_same_bits(mended, whole)
        if "moments" in str(path):
            break


_AWKWARD = 0.5


def awkward(model: od.DickeModel) -> Any:
    """Cannot be asked of every draw."""
    if model.couplings[0, 0] > _AWKWARD:
        raise ArithmeticError("this draw does not suit me")
    return od.SpinTerm("z", model.fractions)


@pytest.mark.usefixtures("registry")
def test_members_that_fail_are_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    """A member that raises an error or is refused leaves the others alone; the exit code tells."""
    od.observable("awkward")(awkward)
    given = experiment(observables=["sz"], realizations=12, sweep={})
    good = od.run(given)
    asked = replace(given, observables=["sz", "awkward"])
    with pytest.warns(od.ValidityWarning, match="did not end well") as caught:
        dataset = od.run(asked, "a.zarr")
    draws = [given.model.draw(7, r).couplings[0, 0] > _AWKWARD for r in range(12)]
    assert 0 < sum(draws) < 12
    assert not draws[0]
    np.testing.assert_array_equal(dataset.status == Status.FAILED, draws)
    np.testing.assert_array_equal(np.isnan(dataset.sz).all("time"), draws)
    np.testing.assert_allclose(
        dataset.sz.values[~np.array(draws)], good.sz.values[~np.array(draws)]
    )
    messages = json.loads(dataset.status.attrs["messages"])
    assert set(messages) == {str(r) for r in range(12) if draws[r]}
    assert all(text == "ArithmeticError: this draw does not suit me" for text in messages.values())
    assert any(f"{sum(draws)} of 12 members" in str(w.message) for w in caught)
    statistics = od.ensemble_statistics(dataset)
    np.testing.assert_allclose(
        statistics.sz, dataset.sz.where(dataset.status == 1).mean("realization")
    )
    capsys.readouterr()
    assert main(["resume", "a.zarr"]) == 3
    out = capsys.readouterr().out
    assert f"({12 - sum(draws)} of 12 members ended well)" in out


def test_refused_draws() -> None:
    """Draws for which the method does not hold, here equal spins, are left out, not averaged."""
    values = od.Discrete([1.0, 2.0], [0.5, 0.5], 1.0)
    model = od.RandomDicke(values, 2, 1, frequencies=1.0, loss=11.0, gain=1.0, field=0.01)
    given = experiment(
        model=model,
        method=od.RateEquation(),
        observables=["sz"],
        realizations=12,
        sweep={},
        times=[0.0, 10.0],
        seed=3,
    )
    draws = [model.draw(3, r) for r in range(12)]
    equal = np.array([draw.couplings[0, 0] == draw.couplings[1, 0] for draw in draws])
    assert not equal[0]
    assert equal.any()
    with pytest.warns(od.ValidityWarning, match="did not end well"):
        dataset = od.run(given)
    np.testing.assert_array_equal(dataset.status == Status.REFUSED, equal)
    np.testing.assert_array_equal(np.isnan(dataset.sz).all("time"), equal)
    messages = json.loads(dataset.status.attrs["messages"])
    assert all("RateEquation is not valid here" in text for text in messages.values())
    assert (od.run(given, validity="ignore").status == 1).all()


def test_overwriting_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted `overwrite` keeps the old results, and goes on where it stopped."""
    od.run(chains(10), "a.zarr")
    old = od.load("a.zarr")
    run_many, calls = od.KineticMonteCarlo.run_many, []

    def interrupted(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return run_many(*arguments, **named)

    monkeypatch.setattr(od.KineticMonteCarlo, "run_many", interrupted)
    with pytest.raises(KeyboardInterrupt, match="3 of 10 cells"):
        od.run(chains(10, seed=8), "a.zarr", overwrite=True)
    assert od.load("a.zarr").identical(old)
    assert int((od.load("a.new.zarr").status == 1).sum()) == 3
    dataset = od.run(chains(10, seed=8), "a.zarr", overwrite=True)
    assert len(calls) == 4 + 7
    assert od.load("a.zarr").attrs["seed"] == 8
    assert not Path("a.new.zarr").exists()
    assert_same_bits(dataset, od.run(chains(10, seed=8)))


def test_resume_needs_only_the_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The experiment is in the store; couplings of a file are read from there, and checked."""
    np.save("couplings.npy", np.random.default_rng(0).normal(size=(4, 3)))
    model = od.RandomDicke(
        od.Fixed("couplings.npy", spread=0.2), frequencies=4.0, field=1.0, loss=1.0
    )
    expected = od.run(experiment(model=model), "a.zarr")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert_same_bits(od.resume("../a.zarr"), expected)
    np.save("../couplings.npy", np.ones((4, 3)))
    with pytest.raises(od.StoreError, match="made from files that have changed since"):
        od.resume("../a.zarr")
    single = model.draw()
    with_patterns = od.DickeModel(
        couplings=single.couplings, frequencies=4.0, patterns=np.sign(single.couplings.T)
    )
    od.run(experiment(model=with_patterns, realizations=1, sweep={}), "b.zarr")
    with pytest.raises(od.StoreError, match="no file can hold"):
        od.resume("b.zarr")


def test_cost_beforehand(capsys: pytest.CaptureFixture[str]) -> None:
    """The estimate counts what is missing, and nothing is computed."""
    assert od.estimate(experiment()).pending == 10
    Path("e.toml").write_text(chains(10, observables=["sz"]).to_toml())
    assert main(["run", "e.toml", "--dry-run", "--validity", "ignore"]) == 0
    assert capsys.readouterr().out.startswith("10 cells: about ")
    assert [path.name for path in Path().iterdir()] == ["e.toml"]
    od.run(chains(10, observables=["sz"]), "e.zarr")
    more = chains(10, observables=["sz"], realizations=8)
    found = od.estimate(more, "e.zarr")
    assert (found.cells, found.pending) == (16, 6)
    assert "16 cells, 6 of them to be computed" in str(found)
    assert od.estimate(chains(50, observables=["sz"]), "e.zarr").pending == 10


def test_memory_and_store_know_the_same_status() -> None:
    """What is kept in memory answers as a store does."""
    od.run(chains(), "a.zarr")
    raw = load_ensemble("a.zarr")
    assert raw.record.dtype == np.dtypes.StringDType()
    assert raw.sizes["realization"] == 5
    assert hasattr(ensemble_memory.EnsembleMemory, "frames")


def _all_die(self: InProcess, job: Any, groups: Any, *_: Any) -> Iterator[Any]:
    for group in groups:
        yield group, Failure("its worker died 3 times")


def test_what_cannot_be_gone_on_with_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error while trajectories are added costs nothing of what is there, and is told."""
    before = od.run(chains(20, realizations=1, sweep={}), "a.zarr")
    run_many = od.KineticMonteCarlo.run_many

    def failing(*_: Any, **__: Any) -> Any:
        raise MemoryError("too much")

    monkeypatch.setattr(od.KineticMonteCarlo, "run_many", failing)
    with pytest.warns(od.ValidityWarning, match="could not be gone on with"):
        after = od.run(chains(50, realizations=1, sweep={}), "a.zarr")
    assert (after.status == Status.NOT_CONVERGED).all()
    assert_same_bits(after.drop_vars("status"), before.drop_vars("status"))
    monkeypatch.setattr(od.KineticMonteCarlo, "run_many", run_many)
    with monkeypatch.context() as patched:
        patched.setattr(InProcess, "run", _all_die)
        with pytest.warns(od.ValidityWarning, match="its worker died"):
            after = od.run(chains(50, realizations=2, sweep={}), "a.zarr")
    assert after.status.values.tolist() == [Status.NOT_CONVERGED, Status.FAILED]
    one = after.isel(realization=slice(1)).drop_vars("status")
    assert_same_bits(one, before.drop_vars("status"))
    whole = od.run(chains(50, realizations=1, sweep={}), "a.zarr")
    assert (whole.status == 1).all()
    assert (whole.trajectories == 50).all()
