"""Datasets: labels and units; on disk whole or not at all, and back with the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import opendicke as od
from opendicke.measure.observables import find_observables
from opendicke.measure.raw import Raw, Status
from opendicke.results import store
from opendicke.results.dataset import FORMAT, to_dataset
from opendicke.results.store import check_writable

SUFFIXES = [".zarr", ".nc", ".csv"]
TIMES = np.linspace(0.0, 1.0, 3)
NAMES = ["sz", "sz_spin", "photons_mode", "overlap", "energy"]
DIMS = {
    "sz": (),
    "sz_spin": ("spin",),
    "photons_mode": ("mode",),
    "overlap": ("pattern",),
    "energy": (),
}


@pytest.fixture(scope="module")
def solved() -> xr.Dataset:
    """One small solved model with named patterns on a lattice."""
    signs = np.array([[1, 1], [1, -1], [-1, 1], [1, 1]])
    model = od.DickeModel(
        0.4 * signs,
        [1.0, 2.0],
        loss=0.5,
        field=0.3,
        patterns=signs.T,
        pattern_names=("Ω", "cross"),
        lattice=(2, 2),
    )
    state = od.ProductState.pattern(0)
    return od.solve(model, state, TIMES, od.MeanField(step=0.1), NAMES, validity="ignore")


@pytest.fixture
def ensemble() -> xr.Dataset:
    """A grid of stochastic answers, as a later method will give them: 2 × 3 members."""
    rng = np.random.default_rng(0)
    model = od.DickeModel(np.ones((2, 2)), 1.0)
    raws = [
        Raw(
            {
                "sz": od.Moments.of(rng.normal(size=(9, 3)) + k),
                "sz_spin": od.Moments.of(rng.normal(size=(9, 3, 2))),
            },
            Status.OK if k != 4 else Status.NOT_CONVERGED,
            "" if k != 4 else "member 4 did not settle",
            {"step": 0.1 * (k + 1), "estimated_error": np.nan},
        )
        for k in range(6)
    ]
    frequency = xr.Variable(("frequency",), [1.0, 2.0], {"units": "energy"})
    grid = {"frequency": frequency, "realization": np.arange(3)}
    asked = find_observables(["sz", "sz_spin"])
    return to_dataset(raws, grid, asked, TIMES, model, {"seed": 5, "experiment": {"a": np.inf}})


def test_labels_units_and_dims(solved: xr.Dataset) -> None:
    """Every variable says what it is, in which unit, and along which dimensions."""
    for name, dims in DIMS.items():
        assert solved[name].dims == ("time", *dims)
        assert solved[name].attrs["long_name"]
        assert solved[name].attrs["units"] == ("energy" if name == "energy" else "1")
    np.testing.assert_array_equal(solved.time, TIMES)
    assert "1/energy" in solved.time.attrs["units"]
    assert dict(solved.sizes) == {"time": 3, "spin": 4, "mode": 2, "pattern": 2}
    for dim in ("spin", "mode", "pattern"):
        np.testing.assert_array_equal(solved[dim], np.arange(solved.sizes[dim]))
    assert list(solved.pattern_name.values) == ["Ω", "cross"]
    assert list(solved.attrs["lattice"]) == [2, 2]
    assert solved.attrs["format"] == FORMAT


def test_grid_of_members(ensemble: xr.Dataset) -> None:
    """Members in C order of the grid; errors beside means; status member by member."""
    assert ensemble.sz.dims == ("frequency", "realization", "time")
    assert ensemble.sz_spin.dims == ("frequency", "realization", "time", "spin")
    assert ensemble.frequency.attrs["units"] == "energy"
    # Member k has mean k: row-major order of (frequency, realization).
    means = ensemble.sz.values.mean(axis=-1)
    np.testing.assert_allclose(means, np.arange(6).reshape(2, 3), atol=1.0)
    assert (np.diff(means.ravel()) > 0).all()
    again = np.random.default_rng(0).normal(size=(9, 3))
    expected = again.std(axis=0, ddof=1) / 3
    np.testing.assert_allclose(ensemble.sz_stderr.values[0, 0], expected, rtol=1e-12)
    assert ensemble.sz_stderr.attrs["units"] == ensemble.sz.attrs["units"]
    assert "standard error of the mean" in ensemble.sz_stderr.attrs["long_name"]
    np.testing.assert_array_equal(ensemble.status.values, [[1, 1, 1], [1, 2, 1]])
    assert ensemble.status.attrs["flag_meanings"].split()[2] == "not_converged"
    assert "member 4 did not settle" in ensemble.status.attrs["messages"]
    np.testing.assert_allclose(ensemble.step.values[1, 2], 0.6)
    assert ensemble.attrs["experiment"] == '{"a": null}'  # JSON knows no infinity


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("which", ["solved", "ensemble"])
def test_round_trip(
    suffix: str, which: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Values bit for bit, names, dimensions and all attributes come back."""
    dataset: xr.Dataset = request.getfixturevalue(which)
    path = od.save(dataset, tmp_path / "deep" / f"result{suffix}")
    back = od.load(path)
    assert set(back.variables) == set(dataset.variables)
    for name, variable in dataset.variables.items():
        found = back.variables[name]
        assert found.dims == variable.dims
        np.testing.assert_array_equal(found.values, variable.values)
        if variable.dtype.kind == "f":
            assert found.values.tobytes() == variable.values.tobytes()
        assert set(found.attrs) == set(variable.attrs), name
        for key, value in variable.attrs.items():
            np.testing.assert_array_equal(found.attrs[key], value)
    assert set(back.attrs) == set(dataset.attrs)
    for key, value in dataset.attrs.items():
        np.testing.assert_array_equal(back.attrs[key], value)
    assert [item.name for item in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_overwriting_must_be_asked_for(suffix: str, solved: xr.Dataset, tmp_path: Path) -> None:
    """An existing result is kept unless the caller says otherwise, then replaced whole."""
    path = od.save(solved, tmp_path / f"result{suffix}")
    other = (solved + 1.0).assign_attrs(solved.attrs)
    with pytest.raises(od.StoreError, match="exists already"):
        od.save(other, path)
    np.testing.assert_array_equal(od.load(path).sz, solved.sz)
    od.save(other, path, overwrite=True)
    np.testing.assert_array_equal(od.load(path).sz, solved.sz + 1.0)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failing_write_leaves_nothing_behind(
    suffix: str,
    error: BaseException,
    solved: xr.Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed in the middle: no half-written file, and the old result is untouched."""
    path = od.save(solved, tmp_path / f"result{suffix}")
    name = {".zarr": "to_zarr", ".nc": "to_netcdf", ".csv": "write_csv"}[suffix]
    owner = store if suffix == ".csv" else xr.Dataset
    original = getattr(owner, name)

    def fails(dataset: xr.Dataset, target: Any, *args: Any, **kwargs: Any) -> None:
        original(dataset, target, *args, **kwargs)
        raise error

    monkeypatch.setattr(owner, name, fails)
    expected = od.StoreError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        od.save(solved + 1.0, path, overwrite=True)
    with pytest.raises(expected):
        od.save(solved, tmp_path / f"new{suffix}")
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    np.testing.assert_array_equal(od.load(path).sz, solved.sz)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_unreadable_stores(suffix: str, solved: xr.Dataset, tmp_path: Path) -> None:
    """A later format, a foreign file, a damaged one and none at all: one sentence each."""
    later = od.save(solved.assign_attrs(format=FORMAT + 1), tmp_path / f"later{suffix}")
    with pytest.raises(od.StoreError, match="please update"):
        od.load(later)
    attrs = {key: value for key, value in solved.attrs.items() if key != "format"}
    foreign = solved.copy()
    foreign.attrs = attrs
    with pytest.raises(od.StoreError, match="not written by opendicke"):
        od.load(od.save(foreign, tmp_path / f"foreign{suffix}"))
    (tmp_path / f"damaged{suffix}").write_bytes(b"not a dataset")
    with pytest.raises(od.StoreError, match="cannot be read"):
        od.load(tmp_path / f"damaged{suffix}")
    with pytest.raises(od.StoreError, match="does not exist"):
        od.load(tmp_path / f"none{suffix}")


def test_paths_are_checked_before_work_is_done(tmp_path: Path) -> None:
    """Unknown suffixes and folders that are files are refused at once."""
    with pytest.raises(od.InputError, match=r"\.zarr or \.nc"):
        check_writable(tmp_path / "result.h5")
    with pytest.raises(od.InputError, match=r"\.zarr or \.nc"):
        check_writable(tmp_path / "result.csv")  # of a run, which goes on in it
    with pytest.raises(od.InputError, match=r"\.zarr, \.nc or \.csv"):
        od.load(tmp_path / "result.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(od.StoreError, match="is not a folder"):
        check_writable(tmp_path / "file" / "result.nc")
    assert check_writable(tmp_path / "a" / "b" / "result.nc").name == "result.nc"
    assert not (tmp_path / "a").exists()


def test_a_folder_of_other_things_is_never_replaced(solved: xr.Dataset, tmp_path: Path) -> None:
    """Whoever names a folder .zarr and keeps letters in it finds them there afterwards."""
    folder = tmp_path / "letters.zarr"
    folder.mkdir()
    letter = folder / "letter.txt"
    letter.write_text("dear")
    with pytest.raises(od.StoreError, match="holds something else than results"):
        od.save(solved, folder, overwrite=True)
    assert letter.read_text() == "dear"
    letter.unlink()
    od.save(solved, folder, overwrite=True)
    od.save(solved, folder, overwrite=True)
    np.testing.assert_array_equal(od.load(folder).sz, solved.sz)
