"""An ensemble whose answers follow from the cell: whatever a store holds can be checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from opendicke.results.ensemble_store import EnsembleStore, Frame, Layout, Variable

TIMES, SPINS = 7, 3


def layout(
    points: int = 3, realizations: int = 40, times: int = TIMES, **attributes: Any
) -> Layout:
    """Frequencies × realizations, with every kind of variable."""
    frequency = xr.Variable(("frequency",), 0.5 + np.arange(points), {"units": "energy"})
    names = np.array([f"ω{i}" for i in range(SPINS)], dtype=np.dtypes.StringDType())
    return Layout(
        {
            "frequency": frequency,
            "realization": xr.Variable(("realization",), np.arange(realizations)),
        },
        {
            "time": xr.Variable(("time",), np.linspace(0.0, times - 1.0, times)),
            "spin_name": xr.Variable(("spin",), names, {"long_name": "name"}),
        },
        {"time": times, "spin": SPINS},
        {
            "sz": Variable(("time",), "float", {"long_name": "⟨σᶻ⟩", "units": "1"}),
            "sz_stderr": Variable(("time",)),
            "sz_spin": Variable(("time", "spin")),
            "trajectories": Variable((), "int", {"long_name": "number of trajectories"}),
            "step": Variable(()),
            "levels": Variable(("spin",), "int"),
            "record": Variable((), "text"),
            "words": Variable(("spin",), "text"),
            "moments/sz": Variable(("time",)),
            "ends/bloch": Variable(("spin",)),
        },
        {"experiment": "{}", "numbers": [1, 2.5, "three"], **attributes},
    )


def frame(cell: tuple[int, ...], version: int = 1, times: int = TIMES) -> Frame:
    """What cell and version determine, at as many times as there are."""
    rng = np.random.default_rng([*cell, version])
    whole = rng.normal(size=(4, 100))
    return {
        "status": 1 + (cell[-1] + version) % 3,
        "sz": whole[0, :times],
        "sz_stderr": whole[1, :times],
        "sz_spin": whole[2, : 3 * times].reshape(times, SPINS),
        "trajectories": version,
        "step": float(whole[3, 0]),
        "levels": np.array([*cell[-2:], version]),
        "record": f"{cell} at {version}" if cell[-1] % 2 else "",
        "words": [f"{i}·{version}" for i in range(SPINS)],
        "moments/sz": whole[3, :times],
        "ends/bloch": whole[3, :SPINS],
    }


def same(found: Frame, expected: Frame) -> bool:
    """Whether a frame from a store holds the values of a frame, and fill values beyond."""
    for name, value in expected.items():
        given, wanted = np.asarray(found[name]), np.asarray(value)
        if wanted.dtype.kind in "UT":
            if given.astype(object).tolist() != wanted.astype(object).tolist():
                return False
            continue
        inside = given[tuple(map(slice, wanted.shape))]
        if inside.shape != wanted.shape or not (inside == wanted).all():
            return False
        beyond = given.size - np.isnan(given).sum() if given.dtype.kind == "f" else wanted.size
        if beyond != wanted.size:
            return False
    return True


def at(dataset: xr.Dataset, cell: tuple[int, ...]) -> Frame:
    """What a dataset says of a cell."""
    return {str(name): variable.values[cell] for name, variable in dataset.data_vars.items()}


def root(expected: Frame) -> Frame:
    """The part of a frame that datasets show."""
    return {name: value for name, value in expected.items() if "/" not in name}


def filled(store: EnsembleStore, version: int = 1, times: int = TIMES) -> None:
    """Put all cells, some at a time."""
    cells = list(np.ndindex(*store.layout.cells))
    store.await_cells(np.ones(store.layout.cells, bool))
    for start in range(0, len(cells), 7):
        some = cells[start : start + 7]
        store.put(some, [frame(cell, version, times) for cell in some])


def plain(path: Path) -> xr.Dataset:
    """What xarray itself reads; warnings are errors."""
    dataset: xr.Dataset = xr.open_zarr(path, consolidated=False, chunks=None).load()
    return dataset


def whole(dataset: xr.Dataset, masked: bool = True) -> dict[tuple[int, ...], int]:
    """Versions of the cells that are done; each must be of one version in all its variables."""
    versions = {}
    values = {str(name): variable.values for name, variable in dataset.data_vars.items()}
    for cell in map(tuple, np.argwhere(values["status"]).tolist()):
        found = {name: array[cell] for name, array in values.items()}
        version = int(found["trajectories"])
        times = int(np.isfinite(found["sz"]).sum())
        assert same(found, root(frame(cell, version, times))), (cell, version)
        versions[cell] = version
    if masked:
        pending = values["status"] == 0
        for name in ("sz", "sz_spin", "step"):
            assert np.isnan(values[name][pending]).all()
    return versions
