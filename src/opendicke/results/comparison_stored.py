"""Results of several methods, or of one with several settings, laid side by side."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from opendicke.errors import InputError, nearest, shown
from opendicke.model.checks import integer
from opendicke.results.comparison import compared, is_comparison
from opendicke.results.dataset import FORMAT, MEMBER_LABELS, as_json, words

_EXACT = ("Lindblad", "QuantumJumps")
_ROUNDING = 1e-12
"""Share of the largest value of a coordinate within which two of its values are one."""
Results = Sequence[xr.Dataset] | Mapping[str, xr.Dataset]


def compare_results(results: Results, reference: str | int | None = None) -> xr.Dataset:
    r"""Lay results of the same question by different methods side by side.

    As `compare`, from what `solve` or `run` returned, without computing anything anew:

    .. math::
        \Delta_m = A_m - A_r, \qquad z_m = \Delta_m / \sqrt{s_m^2 + e_m^2 + s_r^2 + e_r^2},

    with standard errors :math:`s` over trajectories and estimated numerical errors :math:`e`. That
    errors are independent is for the user to see to: results of one stochastic method with one
    seed share their random numbers.

    Parameters
    ----------
    results : list of datasets, or dict of label → dataset
        At least two. By default the labels are the names of the methods, "MeanField", and
        "MeanField (2)" for the second of a kind.
    reference : str or int, optional
        Label or number of the result that the others are compared with. By default the first of
        `Lindblad`, else the first of `QuantumJumps`, else the first.

    Returns
    -------
    xarray.Dataset
        With the dimension `solver`, then those of the sweep, `realization`, `time`, and those of
        the observable, where all results have values: times, realizations and values of sweeps
        that only some of them have are left out; numbers that differ by rounding alone are one.
        For each NAME that all hold: NAME, `NAME_stderr`, `NAME_difference`,
        `NAME_difference_stderr` and `NAME_z`, as of `compare`.
        For each result: `seconds`, `verdict` (empty: it is not judged anew), and `status` and
        `estimated_error` of its members. The attribute `reference` is its label.

    Raises
    ------
    InputError
        If they are less than two, of different models or initial states, of different draws of
        random couplings, or share no observable, time or member.
    """
    named = _labelled(results)
    described = {label: _description(label, dataset) for label, dataset in named.items()}
    _check_same(described)
    labels = list(named)
    chosen = _reference(reference, labels, described)
    names = _shared_observables(named)
    aligned = _aligned(named, names)
    members = _member_dims(aligned)
    numerical = np.stack([_over(each, "estimated_error", members) for each in aligned.values()])
    variables: dict[str, Any] = {}
    for name in names:
        variables |= compared(name, aligned, labels, numerical, labels.index(chosen))
    variables |= _of_results(named, aligned, numerical, members)
    first = next(iter(aligned.values()))
    coordinates: dict[str, Any] = {"solver": words("solver", labels, {"long_name": "method"})}
    for key, like in first.coords.items():
        if all(key in each.coords and like.equals(each[key]) for each in aligned.values()):
            coordinates[str(key)] = like.variable
    made = xr.Dataset(variables, coordinates)
    made.attrs |= {
        "format": FORMAT,
        "reference": chosen,
        "opendicke_version": version("opendicke"),
        "experiment": as_json(_together(described)),
        "wall_time_seconds": float(np.nansum(made["seconds"])),
        "device": "; ".join(dict.fromkeys(str(d.attrs.get("device", "")) for d in named.values())),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "numerics": as_json({k: json.loads(d.attrs["numerics"]) for k, d in named.items()}),
    }
    if "lattice" in first.attrs:
        made.attrs["lattice"] = first.attrs["lattice"]
    return made


def _labelled(results: object) -> dict[str, xr.Dataset]:
    """Results by label, in order."""
    if isinstance(results, Mapping):
        named = {str(label): dataset for label, dataset in results.items()}
    elif isinstance(results, Sequence) and not isinstance(results, (str, bytes)):
        named = {}
        for dataset in results:
            name = method_name(dataset)
            count = sum(label.split(" (")[0] == name for label in named)
            named[f"{name} ({count + 1})" if count else name] = dataset
    else:
        raise InputError("results", "be a list of datasets or a dict", f"was {shown(results)}")
    if len(named) < 2:
        raise InputError("results", "be at least two", f"were {len(named)}")
    return named


def _description(label: str, dataset: object) -> dict[str, Any]:
    """What a result is the answer to."""
    if not isinstance(dataset, xr.Dataset):
        raise InputError("results", "hold datasets", f"had {shown(dataset)}")
    if is_comparison(dataset):
        raise InputError(
            "results", "hold results of one method each", f"`{label}` was a comparison itself"
        )
    try:
        found = json.loads(dataset.attrs["experiment"])
        json.loads(dataset.attrs["numerics"])
    except (KeyError, TypeError, ValueError):
        found = None
    if not isinstance(found, dict) or not {"model", "state", "method"} <= found.keys():
        raise InputError(
            "results", "come from `solve` or `run`", f"`{label}` does not say what it is"
        )
    return found


def method_name(dataset: xr.Dataset) -> str:
    """Name of the class of the method that a result is by.

    Raises
    ------
    InputError
        If the dataset is no result of one method.
    """
    return _method_of(_description("results", dataset))


def _method_of(described: Mapping[str, Any]) -> str:
    """Name of the class of the method."""
    method = described["method"]
    kind = method.get("class") or method.get("kind") if isinstance(method, dict) else None
    return "".join(part[:1].upper() + part[1:] for part in str(kind or "method").split("-"))


def _check_same(described: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse results of different questions."""
    questions = {label: _question(each) for label, each in described.items()}
    first, *others = questions
    for other in others:
        for part, value in questions[first].items():
            if questions[other].get(part) != value:
                raise InputError(
                    "results",
                    f"be of one {part}",
                    f"those of `{first}` and `{other}` were described differently",
                )


def _question(described: Mapping[str, Any]) -> dict[str, Any]:
    """What must agree: model and state without what is swept, and the draws."""
    swept = described.get("sweep", {})
    parts: dict[str, Any] = json.loads(json.dumps({k: described[k] for k in ("model", "state")}))
    for path in swept:
        place, (*parents, last) = parts, path.split(".")
        for parent in parents:
            place = place.get(parent, {}) if isinstance(place, dict) else {}
        if isinstance(place, dict):
            place.pop(last, None)
    couplings = parts["model"].get("couplings") if isinstance(parts["model"], dict) else None
    limit = bool(described.get("thermodynamic", False))
    parts["limit of infinitely many spins"] = limit
    if isinstance(couplings, dict) and "kind" in couplings and not limit:
        fixed = couplings["kind"] == "fixed" and not couplings.get("spread")
        parts["seed"] = None if fixed else described.get("seed")
    return parts


def _reference(
    reference: object, labels: list[str], described: Mapping[str, Mapping[str, Any]]
) -> str:
    if isinstance(reference, str):
        if reference not in labels:
            raise InputError("reference", "be one of the results", nearest(reference, labels))
        return reference
    if reference is not None:
        number = integer("reference", reference)
        if number >= len(labels):
            raise InputError("reference", f"be below {len(labels)}", f"was {number}")
        return labels[number]
    for name in _EXACT:
        for label in labels:
            if _method_of(described[label]) == name:
                return label
    return labels[0]


def _shared_observables(named: Mapping[str, xr.Dataset]) -> list[str]:
    """Observables of all results, in the order of the first."""
    each = [_observables(dataset) for dataset in named.values()]
    shared = [name for name in each[0] if all(name in own for own in each)]
    if not shared:
        listed = [f"{k} {', '.join(own)}" for k, own in zip(named, each, strict=True)]
        raise InputError(
            "results", "share an observable", f"had none in common ({'; '.join(listed)})"
        )
    first = next(iter(named.values()))
    for label, dataset in named.items():
        for name in shared:
            if dataset[name].dims != first[name].dims:
                raise InputError(
                    "results",
                    f"have the dimensions {first[name].dims} of `{name}`",
                    f"`{label}` has {dataset[name].dims}",
                )
    return shared


def _observables(dataset: xr.Dataset) -> list[str]:
    names = [str(name) for name, data in dataset.data_vars.items() if "time" in data.dims]
    return [n for n in names if not (n.endswith("_stderr") and n.removesuffix("_stderr") in names)]


def _aligned(named: Mapping[str, xr.Dataset], names: Sequence[str]) -> dict[str, xr.Dataset]:
    """The part of every result that all have."""
    kept = [*names, *(f"{name}_stderr" for name in names), "status", *MEMBER_LABELS]
    parts = [d[[name for name in kept if name in d]] for d in named.values()]
    parts = [parts[0], *(_rounded_to(parts[0], part) for part in parts[1:])]
    aligned = xr.align(*parts, join="inner", copy=False)
    for dim, size in aligned[0].sizes.items():
        if not size:
            raise InputError("results", f"share values of `{dim}`", "had none in common")
    return dict(zip(named, aligned, strict=True))


def _rounded_to(first: xr.Dataset, other: xr.Dataset) -> xr.Dataset:
    """The other result, with the first's coordinates where these differ by rounding alone."""
    moved = {}
    for dim in first.indexes.keys() & other.indexes.keys():
        there, own = first.indexes[dim].dropna().unique().sort_values(), other.indexes[dim]
        if there.dtype.kind != "f" or own.dtype.kind != "f" or not there.size:
            continue
        close = _ROUNDING * float(np.abs(there).max())
        place = there.get_indexer(own, method="nearest", tolerance=close)
        values = np.where(place < 0, own.values, there.values[place])
        moved[dim] = (dim, values, other[dim].attrs)
    return other.assign_coords(moved)


def _member_dims(aligned: Mapping[str, xr.Dataset]) -> tuple[str, ...]:
    """Dimensions before `time`: those of the sweep, and the realization."""
    first = next(iter(aligned.values()))
    status = first.get("status")
    return () if status is None else tuple(map(str, status.dims))


def _over(dataset: xr.Dataset, name: str, members: tuple[str, ...]) -> Any:
    """Numbers of members; NaN where a result does not have them."""
    shape = tuple(dataset.sizes[dim] for dim in members)
    if name not in dataset:
        return np.full(shape, math.nan)
    return np.asarray(dataset[name].transpose(*members).values)


def _of_results(
    named: Mapping[str, xr.Dataset],
    aligned: Mapping[str, xr.Dataset],
    numerical: Any,
    members: tuple[str, ...],
) -> dict[str, Any]:
    """What is said of each result."""
    dims = ("solver", *members)
    first = next(iter(named.values()))
    status = np.stack([_over(each, "status", members) for each in aligned.values()])
    flags = {k: v for k, v in first["status"].attrs.items() if k != "messages"}
    seconds = [float(d.attrs.get("wall_time_seconds", math.nan)) for d in named.values()]
    empty = [""] * len(named)
    return {
        "verdict": words("solver", empty, {"long_name": "not judged anew"}),
        "verdict_reason": words("solver", empty, {"long_name": "not judged anew"}),
        "status": xr.Variable(dims, np.asarray(status, dtype=np.int8), flags),
        "seconds": xr.Variable("solver", seconds, {"long_name": "time taken", "units": "s"}),
        "estimated_error": xr.Variable(
            dims, numerical, {"long_name": MEMBER_LABELS["estimated_error"]}
        ),
    }


def _together(described: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One description: what is shared, and every method by its label."""
    first = next(iter(described.values()))
    shared = {key: value for key, value in first.items() if key != "method"}
    return shared | {"methods": {label: each["method"] for label, each in described.items()}}
