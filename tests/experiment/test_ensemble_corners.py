"""Ensembles at their corners: sizes, words, targets, times, failures in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.cli import main
from opendicke.experiment import solving_cells, stored
from opendicke.measure.raw import Status
from opendicke.results.ensemble_store import EnsembleStore


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Verdicts on validity are the business of other tests."""
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", od.ValidityWarning)
        yield


def mean_field(**replaced: Any) -> od.Experiment:
    settings: dict[str, Any] = {
        "model": od.RandomDicke(od.Gaussian(1.0), 4, 3, frequencies=4.0, field=1.0),
        "state": od.ProductState.polarized("+z"),
        "times": [0.0, 1.0, 2.0],
        "method": od.MeanField(tolerance=1e-6),
        "observables": ["sz"],
        "realizations": 4,
        "seed": 7,
    }
    return od.Experiment(**settings | replaced)


def chains(method: od.KineticMonteCarlo | None = None, **replaced: Any) -> od.Experiment:
    model = od.RandomDicke(od.Gaussian(1.0), 4, 3, frequencies=4.0, loss=1.0, field=0.05)
    method = method or od.KineticMonteCarlo(trajectories=64)
    return mean_field(**{"model": model, "times": [0.0, 200.0], "method": method} | replaced)


def failing(monkeypatch: pytest.MonkeyPatch, wrong: Any) -> None:
    """Cells at some places raise an error."""
    prepared = solving_cells._prepared

    def made(job: Any, place: Any, *more: Any) -> Any:
        if wrong(place):
            raise ArithmeticError("no luck")
        return prepared(job, place, *more)

    monkeypatch.setattr(solving_cells, "_prepared", made)


LATER = [0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_trouble_between_rounds_loses_nothing(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that cannot grow keeps the first round, and goes on with it later."""
    given = mean_field(target_stderr=0.05, most_realizations=64)

    def refuse(*_: Any) -> None:
        raise (
            od.StoreError("`a.zarr` cannot be written: full.")
            if isinstance(error, OSError)
            else error
        )

    with monkeypatch.context() as patched:
        patched.setattr(EnsembleStore, "grow", refuse)
        with pytest.raises((od.StoreError, KeyboardInterrupt), match=r"a\.zarr"):
            od.run(given, "a.zarr")
    assert (od.load("a.zarr").status == 1).all()
    dataset = od.resume("a.zarr")
    assert dataset.sizes["realization"] > 4
    assert dataset.identical(od.run(given, "a.zarr"))
    np.testing.assert_array_equal(dataset.sz, od.run(given).sz)
    described = json.loads(dataset.attrs["experiment"])
    assert described["realizations"] == dataset.sizes["realization"]


@pytest.mark.parametrize("sigmas", [[0.5, 1.0, 1.5], [0.5, 1.0, 1.5, 2.0]])
def test_axes_of_a_sweep_keep_their_order(
    sigmas: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that of the alphabet: interrupted, resumed, asked again, made larger."""
    sweep = {"model.frequencies": [3.0, 4.0, 5.0], "model.couplings.sigma": sigmas}
    given = mean_field(sweep=sweep, method=od.MeanField(step=0.05))
    whole = od.run(given)
    assert list(whole.sz.dims[:2]) == ["frequencies", "sigma"]
    run_many, calls = od.MeanField.run_many, []

    def interrupted(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return run_many(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(od.MeanField, "run_many", interrupted)
        with pytest.raises(KeyboardInterrupt, match="go on with"):
            od.run(given, "a.zarr")
    done = int((od.load("a.zarr").status == 1).sum())
    assert 0 < done < whole.status.size
    np.testing.assert_array_equal(od.resume("a.zarr").sz, whole.sz)
    with monkeypatch.context() as patched:
        patched.setattr(od.MeanField, "run_many", interrupted)
        np.testing.assert_array_equal(od.run(given, "a.zarr").sz, whole.sz)  # nothing to compute
        turned = replace(given, sweep=dict(reversed(sweep.items())))
        np.testing.assert_array_equal(od.run(turned, "a.zarr").sz, whole.sz)
    more = {name: [*values, 6.0] for name, values in sweep.items()}
    larger = replace(given, sweep=more, realizations=6)
    np.testing.assert_array_equal(od.run(larger, "a.zarr").sz, od.run(larger).sz)
    np.testing.assert_array_equal(od.run(given, "a.zarr").sz, whole.sz)


def test_later_times_of_a_sweep_of_sizes() -> None:
    """Smaller systems go on from their own states."""
    given = mean_field(sweep={"model.spins": [4, 8]})
    later = replace(given, times=LATER)
    od.run(given, "a.zarr")
    dataset = od.run(later, "a.zarr")
    assert (dataset.status == 1).all()
    np.testing.assert_allclose(dataset.sz, od.run(later).sz, atol=1e-5)
    larger = replace(given, sweep={"model.spins": [4, 8, 20_000, 40_000]}, realizations=1)
    assert (od.run(replace(larger, times=LATER[:2]), "b.zarr").status == 1).all()


def test_later_times_that_are_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members without their last times are pending; the shorter question is still answered."""
    given = mean_field(realizations=40, method=od.MeanField(step=0.02))
    before = od.run(given, "a.zarr")
    run_many, calls = od.MeanField.run_many, []

    def interrupted(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run_many(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(od.MeanField, "run_many", interrupted)
        with pytest.raises(KeyboardInterrupt, match="32 of 40 cells"):
            od.run(replace(given, times=LATER), "a.zarr")
    part = od.load("a.zarr")
    done = part.status.values == 1
    assert done.sum() == 32
    assert np.isfinite(part.sz.values[done]).all()
    shorter = od.run(given, "a.zarr")
    np.testing.assert_array_equal(shorter.sz, before.sz)
    assert (shorter.status == 1).all()
    assert (od.run(replace(given, times=LATER), "a.zarr").status == 1).all()


def test_later_times_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be gone on with once is gone on with when the trouble is over."""
    given = mean_field(method=od.MeanField(step=0.02))
    later = replace(given, times=LATER)
    before = od.run(given, "a.zarr")

    def trouble(*_: Any) -> Any:
        raise MemoryError("for now")

    with monkeypatch.context() as patched:
        patched.setattr(solving_cells, "_later", trouble)
        part = od.run(later, "a.zarr")
    np.testing.assert_array_equal(part.sz[:, :3], before.sz)
    assert not (part.status == 1).any()
    whole = od.run(later, "a.zarr")
    assert (whole.status == 1).all()
    assert np.isfinite(whole.sz).all()


def test_status_follows_the_target_that_is_asked() -> None:
    """The same numbers are enough for one target and not for another, with or without a store."""
    plain = chains()
    hard = chains(od.KineticMonteCarlo(trajectories=64, target_stderr=1e-4))
    before = od.run(plain, "a.zarr")
    missed = od.run(hard, "a.zarr")
    assert (missed.status == Status.NOT_CONVERGED).all()
    np.testing.assert_array_equal(missed.status, od.run(hard).status)
    np.testing.assert_array_equal(missed.sz, before.sz)
    assert (od.run(plain, "a.zarr").status == 1).all()


def test_a_target_needs_members_that_ended_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """One member tells no scatter: the target is not reached, and that is said."""
    failing(monkeypatch, lambda place: place[-1] > 0)
    with pytest.warns(od.ValidityWarning, match="above the target") as caught:
        dataset = od.run(mean_field(target_stderr=0.01))
    assert int((dataset.status == 1).sum()) == 1
    assert any("did not end well" in str(warning.message) for warning in caught)


@pytest.mark.parametrize(
    "sweep",
    [
        {"state.displacement": [0.5, 0.5 + 0.2j]},
        {"model.couplings": [od.Gaussian(1.0), od.Uniform(1.0)]},
        {"model.field": [np.full(4, 0.5), np.array([1.0, 2.0, 3.0, 4.0])]},
        {"method.step": [None, 0.1]},
        {"method.tolerance": [1e-4, 1e-6]},
        {"state.spins": ["+z", "-x"]},
    ],
    ids=lambda sweep: next(iter(sweep)),
)
def test_sweeps_over_anything(sweep: dict[str, Any]) -> None:
    """Whether or not a file can hold the values: run, gone on with, and equal to memory."""
    given = mean_field(sweep=sweep)
    memory = od.run(given)
    stored = od.run(given, "a.zarr")
    np.testing.assert_array_equal(memory.sz, stored.sz)
    assert stored.identical(od.run(given, "a.zarr"))
    more = od.run(replace(given, realizations=6), "a.zarr")
    assert more.sizes["realization"] == 6
    assert more.sizes[next(name for name in more.sizes if name not in ("realization", "time"))] == 2
    np.testing.assert_allclose(more.sz, od.run(replace(given, realizations=6)).sz, atol=1e-12)


def test_failing_members_of_a_sweep_over_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first of them is named."""
    failing(monkeypatch, lambda place: place == (1, 2))
    given = mean_field(sweep={"state.spins": ["+z", "-z"]})
    with pytest.warns(od.ValidityWarning, match=r"at \{'spins': '-z', 'realization': 2\}: Arith"):
        od.run(given)
    Path("e.toml").write_text(given.to_toml())
    assert main(["run", "e.toml"]) == 3
    assert "(7 of 8 members ended well)" in capsys.readouterr().out


def test_sweep_of_trajectories() -> None:
    """The number of trajectories is an axis of its own name, and each point has its own number."""
    given = chains(sweep={"method.trajectories": [8, 24]})
    for dataset in (od.run(given), od.run(given, "a.zarr")):
        assert dataset.sizes["method_trajectories"] == 2
        assert dataset.trajectories.values.tolist() == [[8] * 4, [24] * 4]
    more = od.run(replace(given, sweep={"method.trajectories": [8, 24, 48]}), "a.zarr")
    assert more.trajectories.values[:, 0].tolist() == [8, 24, 48]


def test_refused_members_can_be_asked_anyway() -> None:
    """A draw that is refused is computed when it is asked for in spite of the verdict."""
    model = od.RandomDicke(
        od.Discrete([1.0, 2.0], [0.5, 0.5], 1.0), 2, 1, frequencies=1.0, loss=11.0, field=0.01
    )
    given = mean_field(model=model, method=od.RateEquation(), realizations=6, seed=3)
    first = od.run(given, "a.zarr")
    assert (first.status == Status.REFUSED).any()
    assert first.identical(od.run(given, "a.zarr"))
    assert (od.run(given, "a.zarr", validity="ignore").status == 1).all()


OVERWRITER = """
import sys, warnings
warnings.simplefilter("ignore")
import opendicke as od
try:
    od.run(od.Experiment.from_toml("other.toml"), "a.zarr", overwrite=True, validity="ignore")
except od.StoreError as error:
    print(error)
"""


def test_overwriting_what_another_process_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused: no two runs in one store."""
    Path("other.toml").write_text(chains(seed=8).to_toml())
    seen: list[str] = []
    run_many = od.KineticMonteCarlo.run_many

    def watched(*arguments: Any, **named: Any) -> Any:
        if not seen:
            done = subprocess.run(
                [sys.executable, "-c", OVERWRITER], capture_output=True, text=True, check=True
            )
            seen.append(done.stdout)
            with pytest.raises(od.StoreError, match="is being written"):
                od.save(od.run(mean_field()), "a.zarr", overwrite=True)
        return run_many(*arguments, **named)

    monkeypatch.setattr(od.KineticMonteCarlo, "run_many", watched)
    dataset = od.run(chains(), "a.zarr")
    assert "`a.zarr` is being written by another process" in seen[0]
    assert dataset.attrs["seed"] == 7
    assert (dataset.status == 1).all()
    assert not Path("a.new.zarr").exists()


def test_overwriting_leaves_other_stores_alone() -> None:
    """What is in the way is named, not removed."""
    od.run(mean_field(), "a.zarr")
    od.run(mean_field(seed=9), "a.new.zarr")
    with pytest.raises(od.StoreError, match=r"`a\.new\.zarr` is in the way"):
        od.run(mean_field(seed=8), "a.zarr", overwrite=True)
    assert od.load("a.new.zarr").attrs["seed"] == 9
    assert od.load("a.zarr").attrs["seed"] == 7


def test_parts_know_what_they_are() -> None:
    """The description in a part of a store is that of the part."""
    given = mean_field(sweep={"model.field": [1.0, 2.0]})
    od.run(given, "a.zarr")
    part = od.run(replace(given, realizations=2, sweep={"model.field": [2.0]}), "a.zarr")
    described = json.loads(part.attrs["experiment"])
    assert described["realizations"] == 2
    assert described["sweep"] == {"model.field": [2.0]}


def test_answers_larger_than_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read when they are used, and are the same."""
    given = mean_field(sweep={"model.field": [1.0, 2.0]})
    expected = od.run(given, "a.zarr")
    monkeypatch.setattr(stored, "machine_memory", lambda: 1000)
    for dataset in (od.run(given, "a.zarr"), od.run(replace(given, realizations=5), "a.zarr")):
        assert not isinstance(dataset.sz.variable._data, np.ndarray)
        part = dataset.isel(realization=slice(4))
        np.testing.assert_array_equal(part.sz, expected.sz)
        assert (dataset.status == 1).all()
