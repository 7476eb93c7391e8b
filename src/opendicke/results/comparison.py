"""Answers of several methods to one question as a dataset: values, differences, errors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from opendicke.errors import InputError, shown
from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw, Status
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.model.ising import IsingModel
from opendicke.results.dataset import FORMAT, as_json, to_dataset, words

_DIFFERENCE = "_difference"
_ADDED = (_DIFFERENCE, f"{_DIFFERENCE}_stderr", "_z")
_ROUND_OFF = 1e-12
_OWN = ("solver", "verdict", "verdict_reason", "status", "seconds", "estimated_error")


# The dimension of methods is not called "method": `Dataset.sel(method=…)` means something else and
# would hand back all of them.


class Answer(NamedTuple):
    """What one method gave, and what it says of itself."""

    raw: Raw | None
    """None where it refused or failed."""
    message: str
    seconds: float
    verdict: str
    reason: str


def is_comparison(dataset: xr.Dataset) -> bool:
    """Whether a dataset holds the answers of several methods beside a reference."""
    return "solver" in dataset.dims and "reference" in dataset.attrs


def check_names(asked: Sequence[Observable]) -> None:
    """Refuse observables whose names the dataset of a comparison needs itself."""
    taken = {*_OWN, *(f"{item.name}{ending}" for item in asked for ending in _ADDED)}
    for item in asked:
        if item.name in taken or "solver" in item.dims:
            raise InputError(
                "observables", "leave names of the comparison free", f"`{item.name}` uses one"
            )


def comparison_dataset(
    answers: Mapping[str, Answer],
    asked: Sequence[Observable],
    times: Array,
    model: DickeModel | IsingModel,
    reference: str,
    provenance: Mapping[str, Any],
) -> xr.Dataset:
    """Label the answers of methods to one question; at least one answered."""
    labels = list(answers)
    raws = {label: answer.raw for label, answer in answers.items() if answer.raw is not None}
    alone = {k: to_dataset([raw], {}, asked, times, model, {}) for k, raw in raws.items()}
    numerical = np.array([_numerical_error(raws.get(label)) for label in labels])
    variables: dict[str, Any] = {}
    for item in asked:
        variables |= compared(item.name, alone, labels, numerical, labels.index(reference))
    variables |= _of_methods(answers, numerical)
    dataset = xr.Dataset(variables, _coordinates(alone, labels))
    dataset.attrs |= {"format": FORMAT, "reference": reference}
    if model.lattice is not None:
        dataset.attrs["lattice"] = list(model.lattice)
    for name, value in provenance.items():
        dataset.attrs[name] = value if isinstance(value, (str, int, float)) else as_json(value)
    dataset.attrs["numerics"] = as_json({label: raw.numerics for label, raw in raws.items()})
    return dataset


def _numerical_error(raw: Raw | None) -> float:
    """Estimated error that is not statistical, NaN where none is given."""
    return math.nan if raw is None else float(raw.numerics.get("estimated_error", math.nan))


def _coordinates(alone: Mapping[str, xr.Dataset], labels: Sequence[str]) -> dict[str, Any]:
    """Those of the answers; what differs between methods lies along `solver`."""
    made: dict[str, Any] = {"solver": words("solver", labels, {"long_name": "method"})}
    for name, like in next(iter(alone.values())).coords.items():
        if all(like.identical(other.coords[name]) for other in alone.values()):
            made[str(name)] = like.variable
            continue
        values = np.full((len(labels), *like.shape), np.nan)
        for label, other in alone.items():
            values[labels.index(label)] = other.coords[name].values
        made[str(name)] = xr.Variable(("solver", *like.dims), values, like.attrs)
    return made


def compared(
    name: str,
    alone: Mapping[str, xr.Dataset],
    labels: Sequence[str],
    numerical: Array,
    place: int,
) -> dict[str, Any]:
    """Values of one observable, their errors, and their differences from the reference.

    Parameters
    ----------
    name : str
    alone : mapping
        Label → the answer of each method that gave one, all of the same dimensions.
    labels : sequence of K str
        Of all methods.
    numerical : array (K, …)
        Estimated errors that are not statistical, along the first dimensions of the observable.
    place : int
        Of the reference among the labels.
    """
    like = next(iter(alone.values()))[name]
    values = np.full((len(labels), *like.shape), np.nan)
    errors, squares = values.copy(), values.copy()
    unspread = np.zeros(values.shape, bool)
    for label, answer in alone.items():
        k = labels.index(label)
        values[k] = answer[name].values
        finite = np.isfinite(values[k])
        scale = max(1.0, float(np.abs(values[k][finite]).max(initial=0.0)))
        errors[k] = 0.0
        if f"{name}_stderr" in answer:
            errors[k] = answer[f"{name}_stderr"].values
            unspread[k] = errors[k] <= _ROUND_OFF * scale
        own = np.nan_to_num(numerical[k])
        own = own.reshape(own.shape + (1,) * (like.ndim - own.ndim))
        squares[k] = errors[k] ** 2 + (own * scale) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):  # infinite squeezing, no error
        difference = values - values[place]
        combined = np.sqrt(squares + squares[place])
        combined[place] *= 0.0  # the reference differs from itself by nothing
        # Where all trajectories agree, their spread says nothing: no error is known.
        known = (combined > 0) & ~unspread & ~unspread[place]
        units = np.where(known, difference / combined, np.nan)
    title, unit = like.attrs["long_name"], like.attrs["units"]
    found = {name: (values, title, unit)}
    if any(f"{name}_stderr" in answer for answer in alone.values()):
        found[f"{name}_stderr"] = errors, f"standard error of the mean of {title}", unit
    apart = f"{title}, difference from {labels[place]}"
    added = (
        (difference, apart, unit),
        (combined, f"{apart}: combined error", unit),
        (units, f"{apart}, in units of its error", "1"),
    )
    found |= {f"{name}{ending}": each for ending, each in zip(_ADDED, added, strict=True)}
    dims = ("solver", *like.dims)
    return {
        key: xr.Variable(dims, array, {"long_name": told, "units": units_of})
        for key, (array, told, units_of) in found.items()
    }


def _of_methods(answers: Mapping[str, Answer], numerical: Array) -> dict[str, Any]:
    """One entry for each method: verdict, reason, status, seconds, numerical error."""
    listed = list(answers.values())
    status = [Status.PENDING if each.raw is None else each.raw.status for each in listed]
    flags = {
        "long_name": "how the computation ended (pending: without an answer)",
        "flag_values": [int(value) for value in Status],
        "flag_meanings": " ".join(value.name.lower() for value in Status),
        "messages": as_json({k: each.message for k, each in answers.items() if each.message}),
    }
    held = {"long_name": "whether the method holds, as it says itself"}
    decided = {"long_name": "what decides the verdict"}
    seconds = np.array([each.seconds for each in listed])
    error = {"long_name": "estimated numerical error, largest over the observables"}
    return {
        "verdict": words("solver", [each.verdict for each in listed], held),
        "verdict_reason": words("solver", [each.reason for each in listed], decided),
        "status": xr.Variable("solver", np.array(status, dtype=np.int8), flags),
        "seconds": xr.Variable("solver", seconds, {"long_name": "time taken", "units": "s"}),
        "estimated_error": xr.Variable("solver", numerical, error),
    }


def comparison_table(dataset: xr.Dataset) -> str:
    """The largest difference of every method from the reference, as plain text.

    Parameters
    ----------
    dataset : xarray.Dataset
        What `compare` or `compare_results` returned.

    Returns
    -------
    str
        A line for each method and observable: the largest ``|difference|``, its combined error,
        how many errors that is, where it is; the method's seconds and verdict.

    Raises
    ------
    InputError
        If the dataset is no comparison.
    """
    _check(dataset)
    head = ("method", "observable", "|difference|", "error", "|z|", "at", "seconds", "verdict")
    rows: list[tuple[str, ...]] = [head]
    found = largest_differences(dataset)
    for k, label in enumerate(map(str, dataset["solver"].values)):
        one = dataset.isel(solver=k)
        ends = f"{float(one['seconds']):.2g}", str(one["verdict"].values)
        own = [_words(each) for each in found if each["method"] == label]
        if label == dataset.attrs["reference"]:
            own = [("(reference)", "", "", "", "")]
        for number, words_of in enumerate(own):
            rows.append(("", *words_of, "", "") if number else (label, *words_of, *ends))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def largest_differences(dataset: xr.Dataset) -> list[dict[str, Any]]:
    """Where each method lies farthest from the reference, for each observable.

    Parameters
    ----------
    dataset : xarray.Dataset
        What `compare` or `compare_results` returned.

    Returns
    -------
    list of dict
        For every method but the reference and every observable: `method`, `observable`, and at the
        place of the largest ``|difference|`` the `difference`, its combined `error`, `z` (NaN
        where no error is known) and `at`, dimension → label. Without an answer, `at` is empty and
        the numbers are NaN.

    Raises
    ------
    InputError
        If the dataset is no comparison.
    """
    _check(dataset)
    names = [str(name) for name in dataset.data_vars if f"{name}{_DIFFERENCE}" in dataset]
    return [
        {"method": label, "observable": name} | _largest(dataset.isel(solver=k), name)
        for k, label in enumerate(map(str, dataset["solver"].values))
        if label != dataset.attrs["reference"]
        for name in names
    ]


def _check(dataset: xr.Dataset) -> None:
    if not isinstance(dataset, xr.Dataset):
        raise InputError("dataset", "be an xarray dataset", f"was {shown(dataset)}")
    if not is_comparison(dataset):
        raise InputError("dataset", "come from `compare`", "held no methods beside a reference")


def _largest(one: xr.Dataset, name: str) -> dict[str, Any]:
    """Largest |difference| of one method, its error, and where."""
    difference = one[f"{name}{_DIFFERENCE}"]
    apart = np.abs(difference.values)
    if np.isnan(apart).all():
        return {"difference": math.nan, "error": math.nan, "z": math.nan, "at": {}}
    place = np.unravel_index(int(np.nanargmax(apart)), apart.shape)
    at = {
        str(dim): one[dim].values[index].item() if dim in one.coords else int(index)
        for dim, index in zip(difference.dims, place, strict=True)
    }
    return {
        "difference": float(difference.values[place]),
        "error": float(one[f"{name}{_DIFFERENCE}_stderr"].values[place]),
        "z": float(one[f"{name}_z"].values[place]),
        "at": at,
    }


def _words(found: Mapping[str, Any]) -> tuple[str, ...]:
    """The middle of a line of the table."""
    if not found["at"] and math.isnan(found["difference"]):
        return str(found["observable"]), "none", "", "", ""
    z = "" if math.isnan(found["z"]) else f"{abs(found['z']):.2g}"
    where = (
        f"{dim} {label:.4g}" if isinstance(label, float) else f"{dim} {label}"
        for dim, label in found["at"].items()
    )
    apart, error = abs(found["difference"]), found["error"]
    return str(found["observable"]), f"{apart:.3g}", f"{error:.2g}", z, ", ".join(where)
