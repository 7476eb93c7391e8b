"""From bare numbers to a labelled dataset: names, units, errors, status, provenance."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from opendicke.measure.moments import JointMoments, Moments
from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw, Status
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.model.ising import IsingModel

FORMAT = 2
"""Version of the layout of datasets; stores of a later format are not read."""


def to_dataset(
    raws: Sequence[Raw],
    grid: Mapping[str, Any],
    observables: Sequence[Observable],
    times: Array,
    model: DickeModel | IsingModel,
    provenance: Mapping[str, Any],
) -> xr.Dataset:
    """Label the answers of a grid of members.

    Parameters
    ----------
    raws
        Answers in the C order of `grid`; one, if `grid` is empty.
    grid
        Dimension name → coordinate values, or an `xarray.Variable` with attributes.
    observables
        What was asked.
    times
        Output times (T,).
    model
        One of the models, for the labels of spins, modes and patterns.
    provenance
        Attributes of the dataset; nested values become JSON.
    """
    coordinates: dict[str, Any] = {
        name: value if isinstance(value, xr.Variable) else xr.Variable((name,), value)
        for name, value in grid.items()
    }
    extents = tuple(len(value) for value in coordinates.values())
    names = tuple(coordinates)
    time = {"long_name": "time", "units": "1/energy (ħ = 1)"}
    coordinates["time"] = xr.Variable(("time",), times, time)
    variables: dict[str, Any] = {}
    for item in observables:
        dims = (*names, "time", *item.dims)
        per_spin = " per spin" if item.extensive and model.thermodynamic else ""
        attributes = {"long_name": item.long_name + per_spin, "units": item.unit}
        entries = [raw.values[item.name] for raw in raws]
        means = [e.value if isinstance(e, (Moments, JointMoments)) else e for e in entries]
        stacked = _stacked(means).reshape(*extents, len(times), *_extents(means)[1:])
        variables[item.name] = xr.Variable(dims, stacked, attributes)
        moments = [e for e in entries if isinstance(e, (Moments, JointMoments))]
        if moments:
            errors = _stacked([e.stderr for e in moments]).reshape(stacked.shape)
            attributes = {
                "long_name": f"standard error of the mean of {item.long_name}{per_spin}",
                "units": item.unit,
            }
            variables[f"{item.name}_stderr"] = xr.Variable(dims, errors, attributes)
        for dim, size in zip(item.dims, stacked.shape[len(names) + 1 :], strict=True):
            coordinates.setdefault(dim, xr.Variable((dim,), np.arange(size)))
    labels = {name: label for raw in raws for name, label in raw.labels.items()}
    for name, (label_dims, like) in labels.items():
        without = (label_dims, np.full(like.shape, np.nan))
        values = np.stack([raw.labels.get(name, without)[1] for raw in raws])
        shaped = values.reshape((*extents, *like.shape))
        coordinates[name] = xr.Variable((*names, *label_dims), shaped, LABELS[name])
    if "pattern" in coordinates and model.pattern_names is not None:
        coordinates["pattern_name"] = words("pattern", model.pattern_names)
    variables |= _member_variables(raws, names, extents)
    dataset = xr.Dataset(variables, coordinates)
    dataset.attrs["format"] = FORMAT
    if model.lattice is not None:
        dataset.attrs["lattice"] = list(model.lattice)
    for name, value in provenance.items():
        dataset.attrs[name] = value if isinstance(value, (str, int, float)) else as_json(value)
    dataset.attrs["numerics"] = as_json(merged_numerics([raw.numerics for raw in raws]))
    return dataset


LABELS = {
    "bin_energy": {
        "long_name": "middle of the interval of the Ising energy H_I",
        "units": "energy",
    },
    "lowest_energy": {"long_name": "lowest Ising energy H_I", "units": "energy"},
}


def words(dim: str, values: Sequence[str], attributes: Mapping[str, Any] | None = None) -> Any:
    """Strings along a dimension, in the one type that both Zarr 3 and NetCDF hold."""
    return xr.Variable((dim,), np.array(values, dtype=np.dtypes.StringDType()), attributes)


def _extents(arrays: Sequence[Array]) -> tuple[int, ...]:
    return tuple(np.max([array.shape for array in arrays], axis=0))


def _stacked(arrays: Sequence[Array]) -> Array:
    """Arrays of members along a new first axis; smaller ones (a sweep of sizes) end in NaN."""
    stacked = np.full((len(arrays), *_extents(arrays)), np.nan)
    for target, array in zip(stacked, arrays, strict=True):
        target[tuple(slice(extent) for extent in array.shape)] = array
    return stacked


def _member_variables(
    raws: Sequence[Raw], names: tuple[str, ...], extents: tuple[int, ...]
) -> dict[str, Any]:
    """Status of every member, and the numbers that were resolved for it."""
    status = np.array([int(raw.status) for raw in raws], dtype=np.int8).reshape(extents)
    attributes = status_attributes({i: raw.message for i, raw in enumerate(raws) if raw.message})
    variables: dict[str, Any] = {"status": xr.Variable(names, status, attributes)}
    for name, label in MEMBER_LABELS.items():
        if all(name in raw.numerics for raw in raws):
            kind = int if name == "trajectories" else float
            values = np.array([raw.numerics[name] for raw in raws], dtype=kind)
            variables[name] = xr.Variable(names, values.reshape(extents), {"long_name": label})
    return variables


MEMBER_LABELS = {
    "step": "longest time step",
    "estimated_error": "estimated numerical error, largest over the observables (of the rate "
    "equation: of the probabilities, summed)",
    "trajectories": "number of trajectories",
    "largest_stderr": "largest standard error of the observables, relative to values above 1",
}
"""Numerics of a member that are variables of the dataset."""


def status_attributes(messages: Mapping[int, str]) -> dict[str, Any]:
    """What the numbers of `status` mean; messages by the number of the member, in C order."""
    return {
        "long_name": "how the computation ended",
        "flag_values": [int(value) for value in Status],
        "flag_meanings": " ".join(value.name.lower() for value in Status),
        "messages": as_json(messages),
    }


def merged_numerics(members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Numerical settings as resolved: the value where all members agree, else the range."""
    merged: dict[str, Any] = {}
    for name in dict.fromkeys(name for numerics in members for name in numerics):
        values = sorted({numerics[name] for numerics in members if name in numerics})
        if len(values) == 1:
            merged[name] = values[0]
        elif isinstance(values[0], str):
            merged[name] = values
        else:
            merged[name] = {"least": values[0], "most": values[-1]}
    return merged


def as_json(value: Any) -> str:
    """JSON with NaN as null, so that every reader can parse it."""
    return json.dumps(_plain(value), sort_keys=True, allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return describe(value)
    if isinstance(value, (np.generic,)):
        return _plain(value.item())
    if isinstance(value, complex):
        return {"real": value.real, "imag": value.imag}
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


_LARGEST_ARRAY = 4096


def describe(value: Any) -> Any:
    """A settings object as plain nested data; large arrays by shape and SHA-256."""
    if isinstance(value, np.ndarray):
        if value.size and (value == value.flat[0]).all() and value.size > 1:
            return {"constant": _plain(value.flat[0]), "shape": list(value.shape)}
        if value.size <= _LARGEST_ARRAY:
            return _plain(value.tolist())
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"sha256": digest, "shape": list(value.shape), "dtype": str(value.dtype)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: describe(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"class": type(value).__name__} | fields
    if isinstance(value, (list, tuple)):
        return [describe(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): describe(item) for key, item in value.items()}
    return _plain(value)
