"""Couplings from files and labelled arrays: the same numbers by every way, and clear refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import opendicke as od

VALUES = np.array([[0.5, -1.25, 3e-3], [2.0, 0.125, -7.0]])
NAMES = ("left", "middle", "right")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def labelled(dims: tuple[str, str] = ("spin", "mode"), **attributes: Any) -> xr.DataArray:
    data = xr.DataArray(VALUES, dims=("spin", "mode"), coords={"name": ("mode", list(NAMES))})
    data = data.transpose(*dims) if set(dims) == {"spin", "mode"} else data
    return data.assign_attrs(attributes)


def written(path: str, variables: dict[str, Any]) -> str:
    xr.Dataset(variables).to_netcdf(path, engine="h5netcdf")
    return path


def test_every_kind_of_file_gives_the_same_numbers() -> None:
    np.save("g.npy", VALUES)
    np.savetxt("g.csv", VALUES, delimiter=",", header="a comment")
    written("g.nc", {"couplings": labelled()})
    for path in ("g.npy", "g.csv", "g.nc"):
        np.testing.assert_array_equal(od.Fixed(path).array, VALUES)
        drawn = od.RandomDicke(od.Fixed(path), frequencies=1.0).draw()
        np.testing.assert_array_equal(drawn.couplings, VALUES)


@pytest.mark.parametrize("dims", [("spin", "mode"), ("mode", "spin")])
def test_named_dimensions_may_stand_in_either_order(dims: tuple[str, str]) -> None:
    """In a file, in an array for `Fixed`, and in one for a model."""
    data = labelled(dims)
    assert data.dims == dims
    np.testing.assert_array_equal(od.Fixed(data).array, VALUES)
    np.testing.assert_array_equal(od.DickeModel(data, 1.0).couplings, VALUES)
    np.testing.assert_array_equal(od.Fixed(written("g.nc", {"couplings": data})).array, VALUES)


def test_other_names_of_dimensions_mean_nothing() -> None:
    data = xr.DataArray(VALUES, dims=("x", "y"))
    np.testing.assert_array_equal(od.Fixed(data).array, VALUES)


def test_names_of_modes_and_units() -> None:
    """They follow into the model; numbers are not converted."""
    head = "# units: 2π MHz\n" + ",".join(NAMES) + "\n"
    rows = "".join(",".join(map(repr, row)) + "\n" for row in VALUES.tolist())
    Path("g.csv").write_text(head + rows)
    written("g.nc", {"couplings": labelled(units="2π MHz")})
    for path in ("g.csv", "g.nc"):
        given = od.Fixed(path)
        assert given.units == "2π MHz"
        np.testing.assert_array_equal(given.array, VALUES)
        assert od.RandomDicke(given, frequencies=1.0).draw().pattern_names == NAMES
    assert od.Fixed(VALUES).units is None


def test_the_variable_of_a_netcdf_file() -> None:
    """The one called couplings, or the only table, or the one that is named."""
    both = {"couplings": labelled(), "errors": labelled() / 10, "loss": ("mode", [1.0, 2.0, 3.0])}
    written("both.nc", both)
    np.testing.assert_array_equal(od.Fixed("both.nc").array, VALUES)
    np.testing.assert_array_equal(od.Fixed("both.nc", variable="errors").array, VALUES / 10)
    column = od.Fixed("both.nc", variable="loss").array
    np.testing.assert_array_equal(column, [[1.0], [2.0], [3.0]])
    written("one.nc", {"g": labelled(), "count": 3})
    np.testing.assert_array_equal(od.Fixed("one.nc").array, VALUES)
    written("two.nc", {"g": labelled(), "h": labelled()})
    with pytest.raises(od.InputError, match=r"`variable` must be given .*\(.*`g`, `h`\)"):
        od.Fixed("two.nc")
    with pytest.raises(od.InputError, match=r"`variable` must name real .* did you mean `errors`"):
        od.Fixed("both.nc", variable="error")


def test_in_an_experiment_file(folder: Path) -> None:
    """Paths are relative to the file, and the file says again which variable it was."""
    (folder / "deep").mkdir()
    written("deep/two.nc", {"g": labelled(), "h": 2 * labelled()})
    Path("deep/a.toml").write_text(
        'observables = ["sz"]\ntimes = [0.0, 1.0]\n'
        '[model]\ncouplings = { kind = "fixed", path = "two.nc", variable = "h" }\n'
        'frequencies = 1.0\n[state]\nspins = "+z"\n[method]\nkind = "mean-field"\n'
    )
    experiment = od.Experiment.from_toml("deep/a.toml")
    np.testing.assert_array_equal(experiment.model.draw().couplings, 2 * VALUES)
    Path("again.toml").write_text(experiment.to_toml())
    again = od.Experiment.from_toml("again.toml")
    np.testing.assert_array_equal(again.model.draw().couplings, 2 * VALUES)


def pickled(path: str) -> None:
    np.save(path, np.array([[{}]], dtype=object), allow_pickle=True)


NAN = np.where(VALUES == 2.0, np.nan, VALUES)
CASES: dict[str, tuple[Any, str]] = {
    "pickled": (lambda: pickled("g.npy"), "be a NumPy file of plain numbers, not of pickled"),
    "nan npy": (
        lambda: np.save("g.npy", NAN),
        r"hold finite numbers, but entry \(1, 0\) of `g.npy`",
    ),
    "row labels": (
        lambda: Path("g.csv").write_text(",a,b\n0,1,2\n1,3,4\n"),
        "without numbers or names of the rows, but line 1",
    ),
    "two heads": (
        lambda: Path("g.csv").write_text("a,b\nc,d\n1,2\n"),
        "hold comma-separated numbers, one row per spin, but line 2",
    ),
    "head below": (lambda: Path("g.csv").write_text("1,2\na,b\n"), "but line 2"),
    "head alone": (lambda: Path("g.csv").write_text("a,b\n"), "numbers, one row per spin"),
    "short head": (
        lambda: Path("g.csv").write_text("a\n1,2\n"),
        "name each of its 2 columns, but line 1",
    ),
    "spaces": (lambda: Path("g.csv").write_text("1 2\n3 4\n"), "but line 1 of"),
    "ragged": (lambda: Path("g.csv").write_text("1,2\n3\n"), "have 2 numbers in every row"),
    "nan nc": (
        lambda: written("g.nc", {"couplings": labelled().where(VALUES != 2.0)}),
        r"hold finite numbers, but entry \(1, 0\) of `",
    ),
    "no netcdf": (lambda: Path("g.nc").write_bytes(b"CDF junk"), "be a NetCDF 4 file"),
    "words": (lambda: written("g.nc", {"g": ("x", ["a"])}), "two dimensions: none"),
    "complex": (lambda: np.save("g.npy", VALUES * 1j), "hold real numbers"),
}


@pytest.mark.parametrize("name", CASES)
def test_refusals(name: str, folder: Path) -> None:
    make, sentence = CASES[name]
    make()
    (path,) = folder.glob("g.*")
    with pytest.raises(od.InputError, match=sentence):
        od.Fixed(path.name)


@pytest.mark.parametrize("variable", ["g", 3])
def test_a_variable_belongs_to_a_netcdf_file(variable: Any) -> None:
    np.save("g.npy", VALUES)
    for source in ("g.npy", VALUES):
        with pytest.raises(od.InputError, match=r"`variable` must (come with a \.nc|be a name)"):
            od.Fixed(source, variable=variable)


def test_tables_that_look_transposed() -> None:
    """Sizes and lists that fit the other side of the table raise the suspicion, others do not."""
    suspicion = r"a row per spin and a column per mode: is it transposed\?$"
    for build in (
        lambda: od.DickeModel(VALUES.T, [1.0, 2.0, 3.0]),
        lambda: od.DickeModel(VALUES.T, 1.0, field=[1.0, 2.0]),
        lambda: od.RandomDicke(od.Fixed(VALUES.T), frequencies=[1.0, 2.0, 3.0]),
        lambda: od.RandomDicke(od.Fixed(VALUES.T), spins=2, frequencies=1.0),
    ):
        with pytest.raises(od.InputError, match=suspicion):
            build()
    for build in (
        lambda: od.DickeModel(VALUES, [1.0] * 5),
        lambda: od.RandomDicke(od.Fixed(VALUES), spins=7, frequencies=1.0),
    ):
        with pytest.raises(od.InputError, match=r"^(?!.*transposed)"):
            build()
