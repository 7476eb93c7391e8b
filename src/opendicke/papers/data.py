"""Datasets of figures for other programs: NetCDF, and tables of comma-separated values."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from opendicke.errors import StoreError
from opendicke.results.dataset import as_json
from opendicke.results.store import check_folder, save

MOST_ROWS = 200_000
"""Numbers of a variable that a table holds; larger ones are in the NetCDF file alone."""


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
    variables are, with units, and which were left out as too large.
    """
    dims = [str(dim) for dim in dataset.dims]
    rows: list[tuple[str, xr.DataArray, xr.DataArray | None]] = []
    header = [*title.splitlines(), "columns: variable, its place, value, standard error"]
    for dim in dims:
        said = _described(dataset[dim]) if dim in dataset.coords else "counted from 0"
        header.append(f"{dim}: {said}")
    for name, data in _tabled(dataset):
        label = f"{name} ({', '.join(map(str, data.dims))}): {_described(data)}"
        if data.size > MOST_ROWS:
            header.append(f"{label}; left out here, being {data.size} numbers")
            continue
        header.append(label)
        rows.append((name, data, _error_of(name, data, dataset)))
    buffer = io.StringIO()
    buffer.writelines(f"# {' '.join(line.split()).removesuffix(':')}\n" for line in header)
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(["variable", *dims, "value", "stderr"])
    for name, data, error in rows:
        table.writerows(_rows(name, data, error, dims))
    _write(buffer.getvalue(), path)
    return path


def _tabled(dataset: xr.Dataset) -> list[tuple[str, xr.DataArray]]:
    """Variables that have rows of their own: errors stand beside what they are of."""
    inner = {name: data for name, data in dataset.coords.items() if name not in dataset.dims}
    every = [(str(name), data) for name, data in {**inner, **dataset.data_vars}.items()]
    return [
        part
        for name, data in every
        if not _is_error(name, data, dataset)
        for part in _real_parts(name, data)
    ]


def _is_error(name: str, data: xr.DataArray, dataset: xr.Dataset) -> bool:
    of = name.removesuffix("_stderr")
    return of != name and of in dataset.data_vars and dataset[of].dims == data.dims


def _error_of(name: str, data: xr.DataArray, dataset: xr.Dataset) -> xr.DataArray | None:
    error = dataset.data_vars.get(f"{name}_stderr")
    return error if error is not None and error.dims == data.dims else None


def _described(data: xr.DataArray) -> str:
    said = str(data.attrs.get("long_name", "")).strip()
    unit = str(data.attrs.get("units", ""))
    flags = data.attrs.get("flag_meanings")
    parts = [said] if said else []
    parts += [f"[{unit}]"] if unit and unit != "1" else []
    if flags is not None:
        values = np.atleast_1d(data.attrs.get("flag_values", []))
        words = zip(values.tolist(), str(flags).split(), strict=False)
        parts.append("; ".join(f"{value} = {word}" for value, word in words))
    return " ".join(parts)


def _rows(
    name: str, data: xr.DataArray, error: xr.DataArray | None, dims: list[str]
) -> Iterator[list[Any]]:
    labels = {
        str(dim): data[dim].values.tolist() if dim in data.coords else list(range(size))
        for dim, size in data.sizes.items()
    }
    values = data.values
    errors = None if error is None else error.values
    for place in np.ndindex(values.shape):
        at = {dim: labels[dim][k] for dim, k in zip(labels, place, strict=True)}
        row = [name, *(at.get(dim, "") for dim in dims), values[place]]
        yield [_word(item) for item in [*row, "" if errors is None else errors[place]]]


def _word(value: Any) -> str:
    """Numbers with all their digits."""
    plain = value.item() if isinstance(value, np.generic) else value
    return repr(plain) if isinstance(plain, float) else str(plain)


def _write(text: str, path: Path) -> None:
    """A file, whole or not at all."""
    partial = path.with_name(f".{uuid.uuid4().hex[:8]}.new{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise StoreError(f"`{path}` cannot be written: {error.strerror or error}.") from None
    finally:
        with suppress(OSError):
            partial.unlink()
