"""Datasets of figures for other programs: NetCDF, and tables of comma-separated values."""

from __future__ import annotations

import csv
import io
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from opendicke.errors import StoreError, shown
from opendicke.measure.raw import Status
from opendicke.results.dataset import as_json
from opendicke.results.store import check_folder, save
from opendicke.results.table import described, error_of, is_error
from opendicke.results.table import rows as rows_of

MOST_ROWS = 200_000
"""Numbers of a variable that a table holds; larger ones are in the NetCDF file alone."""
_DRAWS = "realization"


def check_files(folder: Path, name: str, suffixes: tuple[str, ...]) -> None:
    """Refuse files that could not be written.

    Raises
    ------
    StoreError
        If one of them is a folder, or nothing can be made beside it.
    """
    for suffix in suffixes:
        path = folder / f"{name}{suffix}"
        check_folder(path)
        if path.is_dir():
            raise StoreError(f"`{path}` cannot be written: it is a folder.")


def write_netcdf(dataset: xr.Dataset, path: Path) -> Path:
    """Write a dataset as NetCDF; complex variables as their real and imaginary parts."""
    return save(_portable(dataset), path, overwrite=True)


def _portable(dataset: xr.Dataset) -> xr.Dataset:
    """What NetCDF holds: no complex numbers, and attributes that are numbers or words."""
    parts: dict[str, Any] = {}
    for name, data in dataset.data_vars.items():
        for label, part in _real_parts(str(name), data):
            parts[label] = part.assign_attrs({k: _plain(v) for k, v in part.attrs.items()})
    made = xr.Dataset(parts, dataset.coords)
    for name in made.coords:
        made[name].attrs = {k: _plain(v) for k, v in made[name].attrs.items()}
    return made.assign_attrs({k: _plain(v) for k, v in dataset.attrs.items()})


def _plain(value: Any) -> Any:
    numbers = isinstance(value, (list, tuple)) and all(type(v) in (int, float) for v in value)
    return value if isinstance(value, (str, int, float, np.number)) or numbers else as_json(value)


def _real_parts(name: str, data: xr.DataArray) -> list[tuple[str, xr.DataArray]]:
    if data.dtype.kind != "c":
        return [(name, data)]
    return [
        (f"{name}_{part}", getattr(data, part).assign_attrs(data.attrs))
        for part in ("real", "imag")
    ]


def write_table(dataset: xr.Dataset, path: Path, title: str) -> Path:
    """Write a dataset as one long table: a row for each number, with the place where it stands.

    The columns are `variable`, the dimensions (empty where a variable does not have them), `value`
    and, where a variable has a standard error, `stderr`. Lines that begin with `#` say what the
    variables are, with units, and which were left out as too large. Of numbers for each
    `realization` the table holds the mean and the standard error over those whose `status` is 1,
    where there is one, and which are not NaN; single draws are in the NetCDF file.
    """
    rows: list[tuple[str, xr.DataArray, xr.DataArray | None]] = []
    said: list[str] = []
    for name, data in _tabled(dataset):
        error = error_of(name, data, dataset)
        note = ""
        if _is_drawn(name, data, dataset):
            ended = _ended_well(data, dataset)
            data, error = _over_draws(data, ended)
            chosen = "" if ended is None else " with status 1"
            note = f"mean and standard error over realizations{chosen}, the draws are in NetCDF"
        words = "; ".join(part for part in (described(data), note) if part)
        label = f"{name} ({', '.join(map(str, data.dims))}): {words}"
        if data.size > MOST_ROWS:
            said.append(f"{label}; left out here, being {data.size} numbers")
            continue
        said.append(label)
        rows.append((name, data, error))
    single = any(_DRAWS in data.dims for _, data, _ in rows)
    dims = [str(dim) for dim in dataset.dims if dim != _DRAWS or single]
    header = [*title.splitlines(), "columns: variable, its place, value, standard error"]
    for dim in dims:
        known = described(dataset[dim]) if dim in dataset.coords else "counted from 0"
        header.append(f"{dim}: {known}")
    header += said
    buffer = io.StringIO()
    buffer.writelines(f"# {' '.join(line.split()).removesuffix(':')}\n" for line in header)
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(["variable", *dims, "value", "stderr"])
    for name, data, error in rows:
        table.writerows(rows_of(name, data, error, dims))
    return write_whole(buffer.getvalue(), path)


def _tabled(dataset: xr.Dataset) -> list[tuple[str, xr.DataArray]]:
    """Variables that have rows of their own: errors stand beside what they are of."""
    inner = {name: data for name, data in dataset.coords.items() if name not in dataset.dims}
    every = [(str(name), data) for name, data in {**inner, **dataset.data_vars}.items()]
    return [
        part
        for name, data in every
        if not is_error(name, data, dataset)
        for part in _real_parts(name, data)
    ]


def _is_drawn(name: str, data: xr.DataArray, dataset: xr.Dataset) -> bool:
    """Whether a variable has numbers for each draw that can be averaged, which flags cannot."""
    numbers = data.dtype.kind in "fiub" and "flag_meanings" not in data.attrs
    return _DRAWS in data.dims and numbers and name != "status" and name not in dataset.coords


def _ended_well(data: xr.DataArray, dataset: xr.Dataset) -> xr.DataArray | None:
    status = dataset.get("status")
    if status is None or _DRAWS not in status.dims or not set(status.dims) <= set(data.dims):
        return None
    return status == Status.OK


def _over_draws(
    data: xr.DataArray, ended: xr.DataArray | None
) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean and its standard error over the draws that count; NaN where there are too few."""
    kept = data.astype(float) if ended is None else data.astype(float).where(ended)
    count = kept.notnull().sum(_DRAWS)
    mean = kept.sum(_DRAWS) / count.where(count > 0)
    squares = ((kept - mean) ** 2).sum(_DRAWS) / (count - 1).where(count > 1)
    order = [dim for dim in data.dims if dim != _DRAWS]
    error = (squares / count.where(count > 0)) ** 0.5
    return mean.transpose(*order).assign_attrs(data.attrs), error.transpose(*order)


def attributes_of(store: Path) -> dict[str, Any]:
    """What is said of a dataset on disk, without reading its numbers.

    Raises
    ------
    StoreError
        If there is none, or it cannot be read.
    """
    try:
        with xr.open_zarr(store, consolidated=False) as opened:
            return {str(key): value for key, value in opened.attrs.items()}
    except Exception as error:  # readers raise whatever their libraries raise on damaged files
        reason = shown(str(error), 200) if store.exists() else "it does not exist"
        raise StoreError(f"`{store}` cannot be read as a dataset: {reason}.") from None


def write_whole(content: str | bytes, path: Path) -> Path:
    """Write a file, whole or not at all.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    partial = path.with_name(f".{uuid.uuid4().hex[:8]}.new{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        partial.replace(path)
    except OSError as error:
        raise StoreError(f"`{path}` cannot be written: {error.strerror or error}.") from None
    finally:
        with suppress(OSError):
            partial.unlink()
    return path
