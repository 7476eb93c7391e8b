"""Averages over disorder with their errors, quantiles, and the distribution behind them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from opendicke.analysis.members import DIM, Members, check_ensemble
from opendicke.errors import InputError, nearest, shown
from opendicke.measure.nested import check_level, nested_error
from opendicke.model.checks import Array, numeric_array, real
from opendicke.results.dataset import as_json

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def ensemble_statistics(
    dataset: xr.Dataset,
    level: float = 0.95,
    quantiles: Sequence[float] = QUANTILES,
    statuses: Sequence[str] = ("ok",),
) -> xr.Dataset:
    r"""Means over disorder, where their errors come from, and quantiles.

    With R realizations of means m over trajectories and standard errors e,

    .. math::
        \mathrm{total}^2 = \frac{1}{R(R-1)}\sum_r (m_r - \bar m)^2, \qquad
        \mathrm{trajectories}^2 = \frac{1}{R^2}\sum_r e_r^2, \qquad
        \mathrm{disorder}^2 = \max(\mathrm{total}^2 - \mathrm{trajectories}^2, 0),

    at every point of a sweep on its own.

    Parameters
    ----------
    dataset : xarray.Dataset
        An ensemble from `run` or `load`, or opened by xarray. Data not yet in memory are read one
        sweep point at a time.
    level : float
        Confidence of the interval of the mean, between 0 and 1.
    quantiles : list of float
        Between 0 and 1, over the members. Sampling errors widen the distribution of these.
    statuses : list of str
        Ends of the computation that count: "ok", "not_converged". All others are left out.

    Returns
    -------
    xarray.Dataset
        For each observable X, without the dimension ``realization``: ``X`` (mean), ``X_stderr``
        (total), ``X_stderr_trajectories`` and ``X_stderr_disorder``, ``X_low`` and ``X_high``
        (interval by Student's t with R − 1 degrees of freedom), ``X_quantile`` (further dimension
        ``quantile``), in units of X; ``realizations_used`` and ``realizations_left_out``. With one
        realization there is no interval and no disorder part: NaN.

    Raises
    ------
    InputError
        If the dataset is no ensemble with `status`, or a setting is out of its range.

    Warns
    -----
    ValidityWarning
        If members are left out.
    """
    level = check_level(level)
    asked = _quantiles(quantiles)
    members = Members.of(dataset, statuses)
    variables: dict[str, Any] = {}
    for name in members.names:
        variables |= _statistics(members, name, level, asked)
    counts = {"realizations_used": members.used.sum(axis=-1)}
    counts["realizations_left_out"] = members.left_out
    for name, count in counts.items():
        words = {"long_name": name.replace("_", " ")}
        variables[name] = xr.Variable(members.points, count, words)
    label = {"long_name": "quantile over realizations"}
    coordinates = members.coordinates() | {"quantile": xr.Variable(("quantile",), asked, label)}
    attributes = derived_attributes(dataset, "statistics")
    return xr.Dataset(variables, coordinates, attributes | {"confidence_level": level})


def derived_attributes(dataset: xr.Dataset, kind: str) -> dict[str, Any]:
    """Provenance of what was made from a dataset: it is not a result of the same experiment."""
    try:
        origin = json.loads(dataset.attrs["experiment"])
    except (KeyError, TypeError, ValueError):
        origin = None
    return dataset.attrs | {"experiment": as_json({f"{kind}_of": origin})}


def _statistics(members: Members, name: str, level: float, asked: Array) -> dict[str, Any]:
    inner = members.inner(name)
    points, rest = members.shape(members.points), members.shape(inner)
    texts = {
        "": "{}, mean over realizations",
        "_stderr": "standard error of {}, mean over realizations",
        "_stderr_trajectories": "part of the standard error of {} from trajectories",
        "_stderr_disorder": "part of the standard error of {} from disorder",
        "_low": f"lower end of the {100 * level:g} % interval of {{}}",
        "_high": f"upper end of the {100 * level:g} % interval of {{}}",
    }
    arrays = {suffix: np.full((*points, *rest), np.nan) for suffix in texts}
    spread = np.full((*points, len(asked), *rest), np.nan)
    for place, means, errors in members.each(name):
        used = members.used[place]
        nested = nested_error(means, errors, used, level=level)
        arrays[""][place] = nested.mean
        arrays["_stderr"][place] = nested.stderr
        arrays["_stderr_trajectories"][place] = nested.trajectory
        arrays["_stderr_disorder"][place] = nested.disorder
        arrays["_low"][place] = nested.mean - nested.halfwidth
        arrays["_high"][place] = nested.mean + nested.halfwidth
        if used.any():
            spread[place] = np.quantile(means[used], asked, axis=0)
    attributes = members.dataset[name].attrs
    long_name, units = str(attributes.get("long_name", name)), attributes.get("units")
    unit = {} if units is None else {"units": units}
    dims = (*members.points, *inner)
    found = {
        name + suffix: xr.Variable(
            dims, arrays[suffix], {"long_name": text.format(long_name)} | unit
        )
        for suffix, text in texts.items()
    }
    words = {"long_name": f"quantiles of {long_name} over realizations"} | unit
    found[f"{name}_quantile"] = xr.Variable((*members.points, "quantile", *inner), spread, words)
    return found


def disorder_distribution(
    dataset: xr.Dataset,
    observable: str,
    level: float = 0.95,
    statuses: Sequence[str] = ("ok",),
    **sel: Any,
) -> xr.Dataset:
    r"""How one number is distributed over disorder: the empirical distribution function.

    .. math::
        F_R(x) = \frac{1}{R}\,\mathrm{number}\{r: m_r \le x\}, \qquad
        P(\sup_x |F_R(x) - F(x)| > \varepsilon) \le 2e^{-2R\varepsilon^2} .

    The band ± ε holds at all x at once (Dvoretzky, Kiefer, Wolfowitz; constant by Massart 1990),
    for the distribution of the m: those of a stochastic method are widened by sampling.

    Parameters
    ----------
    dataset : xarray.Dataset
        An ensemble from `run` or `load`, or opened by xarray.
    observable : str
        Its name in the dataset.
    level : float
        Confidence of the band, between 0 and 1.
    statuses : list of str
        Ends of the computation that count.
    **sel
        Dimension → one of its values, such as ``time=10.0``, for every dimension of the observable
        that has more than one value.

    Returns
    -------
    xarray.Dataset
        Along ``rank``, from the smallest: the values under the observable's name, their
        ``_stderr`` if there is one, ``probability`` F at and below them, ``probability_low``,
        ``probability_high``, and the coordinate ``realization``. The attribute
        ``trajectory_share`` is the part of the variance that is sampling, not disorder.

    Raises
    ------
    InputError
        If the observable or a value is not in the dataset, or a dimension is left open.

    Warns
    -----
    ValidityWarning
        If members are left out.
    """
    level = check_level(level)
    check_ensemble(dataset)
    names = list(map(str, dataset.data_vars))
    if observable not in names:
        raise InputError("observable", "be in the dataset", nearest(str(observable), names))
    places = {dim: [_place(dataset, observable, dim, value)] for dim, value in sel.items()}
    members = Members.of(dataset.isel(places), statuses)
    if observable not in members.names:
        raise InputError("observable", "be one", f"was `{observable}`")
    for dim in (*members.points, *members.inner(observable)):
        if (size := members.dataset.sizes[dim]) > 1:
            raise InputError(dim, "be given", f"had {size} values to choose from")
    _, means, errors = next(members.each(observable))
    used = members.used.reshape(-1)
    nested = nested_error(means, errors, used)
    order = np.flatnonzero(used)
    order = order[np.argsort(means.reshape(len(used))[order], kind="stable")]
    count = len(order)
    probability = np.arange(1, count + 1) / max(count, 1)
    width = np.sqrt(np.log(2 / (1 - level)) / (2 * max(count, 1)))
    attributes = dataset[observable].attrs
    variables: dict[str, Any] = {observable: ("rank", means.reshape(-1)[order], attributes)}
    if errors is not None:
        attributes = dataset[f"{observable}_stderr"].attrs
        variables[f"{observable}_stderr"] = ("rank", errors.reshape(-1)[order], attributes)
    for end, shift in (("", 0.0), ("_low", -width), ("_high", width)):
        words = "share of realizations at or below" if not end else f"{100 * level:g} % band"
        band = np.clip(probability + shift, 0.0, 1.0)
        variables[f"probability{end}"] = ("rank", band, {"long_name": words})
    numbers = dataset[DIM].values[order]
    coordinates: dict[str, Any] = {
        str(name): value.squeeze()
        for name, value in members.dataset.coords.items()
        if DIM not in value.dims and value.size == 1
    }
    coordinates |= {"rank": np.arange(count), DIM: ("rank", numbers)}
    with np.errstate(all="ignore"):  # no variance, or one that is not known
        share = np.minimum(nested.trajectory**2 / nested.stderr**2, 1.0)
    about = {"confidence_level": level, "trajectory_share": float(share.reshape(-1)[0])}
    return xr.Dataset(variables, coordinates, derived_attributes(dataset, "distribution") | about)


def _quantiles(quantiles: Sequence[float]) -> Array:
    asked = numeric_array("quantiles", quantiles)
    if asked.ndim != 1:
        raise InputError("quantiles", "be a list", f"was {shown(quantiles)}")
    if (asked < 0).any() or (asked > 1).any():
        raise InputError("quantiles", "lie between 0 and 1", f"were {shown(asked.tolist())}")
    return asked


def _place(dataset: xr.Dataset, observable: str, dim: str, value: Any) -> int:
    """Where a value stands on its axis; numbers need not agree to the last digit."""
    axes = [str(name) for name in dataset[observable].dims if name != DIM]
    if dim not in axes:
        raise InputError(dim, f"be a dimension of `{observable}`", nearest(dim, axes))
    values = dataset[dim].values
    if values.dtype.kind in "iuf":
        near = np.isclose(values, real(dim, value), rtol=1e-9, atol=0.0)
    else:
        near = values == value
    if not near.any():
        some = ", ".join(map(str, values[:8])) + (", …" if len(values) > 8 else "")
        raise InputError(dim, f"be one of {some}", f"was {shown(value)}")
    return int(near.argmax())
