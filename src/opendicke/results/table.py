"""Datasets as one long table of comma-separated values, and back."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import xarray as xr

from opendicke.errors import InputError, StoreError, shown
from opendicke.model.checks import Array

MOST_NUMBERS = 5_000_000
"""Numbers that a table holds; NetCDF and Zarr hold more."""
_TITLE = "# opendicke table 1"
_METADATA = "# metadata "
_ERROR = "_stderr"
_NUMBER = "number"


def write_csv(dataset: xr.Dataset, path: Path) -> None:
    """Write a dataset as one long table: a row for each number, with the place where it stands.

    The columns are `variable`, the dimensions (empty where a variable does not have them), `value`
    and `stderr`, the standard error of a variable that has one. Lines that begin with ``#`` say
    what variables and dimensions are, with units; the last of them is JSON with everything else
    that `read_csv` needs to make the same dataset again.

    Raises
    ------
    InputError
        If the dataset holds more than `MOST_NUMBERS` numbers.
    """
    count = sum(data.size for data in dataset.data_vars.values())
    if count > MOST_NUMBERS:
        raise InputError(
            "dataset",
            f"hold at most {MOST_NUMBERS} numbers to become a table: choose observables, or .nc",
            f"held {count}",
        )
    dims = [str(dim) for dim in dataset.dims]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{_TITLE}\n# columns: variable, its place ({', '.join(dims)}), value, stderr\n")
        for dim in dims:
            known = described(dataset[dim]) if dim in dataset.coords else "counted from 0"
            _comment(file, f"{dim}: {known}")
        for name, data in dataset.data_vars.items():
            if not is_error(str(name), data, dataset):
                _comment(file, f"{name} ({', '.join(map(str, data.dims))}): {described(data)}")
        metadata = json.dumps(_metadata(dataset), ensure_ascii=False, allow_nan=False)
        file.write(f"{_METADATA}{metadata}\n")
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["variable", *dims, "value", "stderr"])
        for name, data in dataset.data_vars.items():
            if not is_error(str(name), data, dataset):
                error = error_of(str(name), data, dataset)
                table.writerows(rows(str(name), data, error, dims))


def _comment(file: TextIO, text: str) -> None:
    file.write(f"# {' '.join(text.split()).removesuffix(':')}\n")


def _metadata(dataset: xr.Dataset) -> dict[str, Any]:
    """Everything but the numbers of the variables."""
    return {
        "sizes": {str(dim): size for dim, size in dataset.sizes.items()},
        "attributes": _attributes(dataset.attrs),
        "coordinates": {
            str(name): _of_variable(data) | {"values": _listed(data.values)}
            for name, data in dataset.coords.items()
        },
        "variables": {str(name): _of_variable(data) for name, data in dataset.data_vars.items()},
    }


def _of_variable(data: xr.DataArray) -> dict[str, Any]:
    kind = "str" if data.dtype.kind in "TUO" else str(data.dtype)
    return {
        "dimensions": list(map(str, data.dims)),
        "type": kind,
        "attributes": _attributes(data.attrs),
    }


def _attributes(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        str(key): _strict(value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value)
        for key, value in attributes.items()
    }


def _strict(value: Any) -> Any:
    """An attribute for JSON, which does not know all numbers."""
    if isinstance(value, list):
        return [_strict(each) for each in value]
    finite = not isinstance(value, float) or np.isfinite(value)
    return value if finite else {_NUMBER: repr(value)}


def _from_strict(value: Any) -> Any:
    """An attribute as it was."""
    if isinstance(value, list):
        return [_from_strict(each) for each in value]
    return float(value[_NUMBER]) if isinstance(value, dict) else value


def _attributes_from(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _from_strict(value) for key, value in attributes.items()}


def _listed(values: Array) -> list[Any]:
    """Entries in C order; numbers that JSON does not know as words."""
    flat = values.ravel().tolist()
    return [v if not isinstance(v, float) or np.isfinite(v) else repr(v) for v in flat]


def read_csv(path: Path) -> xr.Dataset:
    """The dataset of a table that `write_csv` made; rows may stand in any order.

    Numbers whose rows are missing are NaN.

    Raises
    ------
    StoreError
        If there is no such table, or it cannot be understood.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return _read(path, file)
    except StoreError:
        raise
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise _unreadable(path, shown(str(error), 200)) from None


def _unreadable(path: Path, reason: str) -> StoreError:
    return StoreError(f"`{path}` cannot be read as a table: {reason}.")


def _read(path: Path, file: TextIO) -> xr.Dataset:
    if file.readline().rstrip("\r\n") != _TITLE:
        raise _unreadable(path, f"its first line is not `{_TITLE}`")
    for line in file:
        if line.startswith(_METADATA):
            break
        if not line.startswith("#"):
            raise _unreadable(path, "its line of metadata is missing")
    else:
        raise _unreadable(path, "it ends before its numbers")
    try:
        metadata = json.loads(line.removeprefix(_METADATA))
        coordinates = {
            name: _variable(one, metadata["sizes"], one["values"])
            for name, one in metadata["coordinates"].items()
        }
        blank = {
            name: _variable(one, metadata["sizes"]) for name, one in metadata["variables"].items()
        }
        attributes, sizes = _attributes_from(metadata["attributes"]), dict(metadata["sizes"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, MemoryError):
        raise _unreadable(path, "its line of metadata is damaged") from None
    _fill(path, csv.reader(file), blank, coordinates, sizes)
    return xr.Dataset(blank, coordinates, attributes)


def _variable(
    one: Mapping[str, Any], sizes: Mapping[str, int], values: list[Any] | None = None
) -> xr.Variable:
    """A variable of known dimensions and type; without values it is to be filled."""
    shape = tuple(sizes[dim] for dim in one["dimensions"])
    kind = np.dtypes.StringDType() if one["type"] == "str" else np.dtype(one["type"])
    if kind.kind not in "Tiufbc":
        raise ValueError("no such type")
    if values is not None:
        array = np.array(values, dtype=kind).reshape(shape)
    else:
        array = np.full(shape, np.nan if kind.kind in "fc" else "" if kind.kind == "T" else 0, kind)
    return xr.Variable(one["dimensions"], array, _attributes_from(one["attributes"]))


def _fill(
    path: Path,
    lines: Any,
    variables: Mapping[str, xr.Variable],
    coordinates: Mapping[str, xr.Variable],
    sizes: Mapping[str, int],
) -> None:
    """Put the numbers of all rows into their places."""
    header = next(lines, None)
    dims = list(sizes)
    if header != ["variable", *dims, "value", "stderr"]:
        raise _unreadable(path, f"its header is {shown(header)}")
    column = {dim: 1 + k for k, dim in enumerate(dims)}
    places = {dim: _places(coordinates.get(dim), size) for dim, size in sizes.items()}
    seen = {name: np.zeros(one.shape, bool) for name, one in variables.items()}
    for row in lines:
        name = row[0] if len(row) == len(header) else ""
        if name not in variables:
            raise _unreadable(path, f"line {lines.line_num} of its numbers is {shown(row)}")
        try:
            at = tuple(_at(places[d], row[column[d]]) for d in map(str, variables[name].dims))
            entries = [(name, row[-2])]
            if row[-1]:
                entries.append((f"{name}{_ERROR}", row[-1]))
            for key, word in entries:
                if seen[key][at]:
                    raise _unreadable(path, f"it has {key} twice at {shown(row[1:-2])}")
                variables[key].values[at] = _number(word, variables[key].dtype)
                seen[key][at] = True
        except (KeyError, ValueError):
            reason = f"line {lines.line_num} of its numbers is {shown(row)}"
            raise _unreadable(path, reason) from None
    for name, found in seen.items():
        if not found.all() and variables[name].dtype.kind not in "fc":
            raise _unreadable(path, f"it lacks {int((~found).sum())} values of {name}")


def _places(labels: xr.Variable | None, size: int) -> dict[Any, int]:
    """Label → index along a dimension."""
    if labels is None:
        return {float(k): k for k in range(size)}
    values = labels.values.tolist()
    return {float(v) if labels.dtype.kind in "iufb" else str(v): k for k, v in enumerate(values)}


def _at(places: Mapping[Any, int], word: str) -> int:
    return places[word] if word in places else places[float(word)]


def _number(word: str, kind: Any) -> Any:
    match kind.kind:
        case "b":
            return {"True": True, "False": False}[word]
        case "i" | "u":
            return int(word)
        case "c":
            return complex(word)
        case "T":
            return word
        case _:
            return float(word)


def rows(
    name: str, data: xr.DataArray, error: xr.DataArray | None, dims: Iterable[str]
) -> Iterator[list[Any]]:
    """Rows of one variable: its name, its place along all `dims`, value and standard error."""
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
    plain = value.item() if isinstance(value, (np.generic, np.ndarray)) else value
    return repr(plain) if isinstance(plain, float) else str(plain)


def described(data: xr.DataArray) -> str:
    """What a variable is, with its unit, and what its flags mean."""
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


def is_error(name: str, data: xr.DataArray, dataset: xr.Dataset) -> bool:
    """Whether a variable is the standard error of another one of the same dimensions."""
    of = name.removesuffix(_ERROR)
    return of != name and of in dataset.data_vars and dataset[of].dims == data.dims


def error_of(name: str, data: xr.DataArray, dataset: xr.Dataset) -> xr.DataArray | None:
    """The standard error of a variable, if it has one of the same dimensions."""
    error = dataset.data_vars.get(f"{name}{_ERROR}")
    return error if error is not None and error.dims == data.dims else None
