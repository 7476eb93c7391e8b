"""Whether one large system speaks for the ensemble: relative variances over disorder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy.special import stdtrit

from opendicke.analysis.ensemble import derived_attributes
from opendicke.analysis.members import Members
from opendicke.errors import InputError, nearest
from opendicke.measure.nested import check_level, nested_error
from opendicke.model.checks import Array

VERDICTS = ("unclear", "strong", "weak", "none")
_GROUPS = 64
_LEAST_SIZES = 3
_NO_SPREAD = 1e-20
"""Relative variance below which values differ by round-off or by the tolerance of the method."""
_BETWEEN = 0.5
"""Exponent half-way between strong self-averaging and none."""


def self_averaging(
    dataset: xr.Dataset,
    size: str | None = None,
    level: float = 0.95,
    statuses: Sequence[str] = ("ok",),
) -> xr.Dataset:
    r"""Relative variance over disorder, and how it falls with the size of the system.

    .. math::
        R_X = \frac{[X^2] - [X]^2}{[X]^2} \propto N^{-a} ,

    brackets for the average over disorder of the exact X of each realization: the variance from a
    finite number of trajectories is subtracted. Strongly self-averaging: a = 1, as in a system of
    independent parts; weakly: 0 < a < 1; not at all: a = 0, when the largest system is as
    uncertain as a small one (Wiseman and Domany, Phys. Rev. E 52, 3469 (1995)).

    Errors come from the jackknife over realizations: up to 64 groups of them, left out in turn. A
    realization is left out at all sizes at once, as systems of different sizes share their draws.
    The exponent is fitted to all sizes, of which there must be at least three, by
    quasi-likelihood: an R below zero, as chance may give where sampling hides the disorder, is
    taken as it is.

    Parameters
    ----------
    dataset : xarray.Dataset
        An ensemble from `run` or `load`, or opened by xarray.
    size : str, optional
        Swept dimension along which systems grow. None: the number of spins, if it is swept.
    level : float
        Confidence on which the verdict rests, between 0 and 1.
    statuses : list of str
        Ends of the computation that count.

    Returns
    -------
    xarray.Dataset
        For each observable X ``X_relative_variance`` and its ``_stderr``, NaN below three
        realizations and where the mean is not distinct from zero. With sizes also ``X_exponent``
        with its ``_stderr`` and ``X_self_averaging``: "strong" if the interval of a reaches 1 and
        stays above ½, "weak" if it lies between 0 and 1, "none" if it reaches 0 and stays below ½,
        else "unclear".

    Raises
    ------
    InputError
        If the dataset is no ensemble with `status`, or `size` is not swept over positive numbers.

    Warns
    -----
    ValidityWarning
        If members are left out.
    """
    level = check_level(level)
    members = Members.of(dataset, statuses)
    axis = _size_axis(members, size)
    variables: dict[str, Any] = {}
    for name in members.names:
        variables |= _averaging(members, name, axis, level)
    words = {"long_name": "realizations used"}
    used = xr.Variable(members.points, members.used.sum(axis=-1), words)
    attributes = derived_attributes(dataset, "self_averaging") | {"confidence_level": level}
    found = variables | {"realizations_used": used}
    return xr.Dataset(found, members.coordinates(), attributes)


def _size_axis(members: Members, size: str | None) -> str | None:
    """The dimension of sizes, if there is one."""
    if size is None:
        paths = {dim: members.dataset[dim].attrs.get("long_name") for dim in members.points}
        spins = [dim for dim, path in paths.items() if path == "model.spins" or dim == "spins"]
        return spins[0] if spins else None
    if size not in members.points:
        raise InputError("size", "be a swept dimension", nearest(str(size), members.points))
    values = members.dataset[size].values
    if values.dtype.kind not in "iuf" or (values <= 0).any():
        raise InputError("size", "be swept over positive numbers", f"was `{size}`")
    return size


def _averaging(members: Members, name: str, axis: str | None, level: float) -> dict[str, Any]:
    inner = members.inner(name)
    points = members.shape(members.points)
    shape = (*points, *members.shape(inner))
    groups = min(members.used.shape[-1], _GROUPS)
    ratio, noise, error = (np.full(shape, np.nan) for _ in range(3))
    parts = np.full((*points, groups, *members.shape(inner)) if axis else (0,), np.nan)
    for place, means, errors in members.each(name):
        used = members.used[place]
        ratio[place], noise[place] = relative_variance(means, errors, used)
        without = _left_out(means, errors, used, groups)
        error[place] = _jackknife(without)
        if axis:
            parts[place] = without
    long_name = members.dataset[name].attrs.get("long_name", name)
    dims = (*members.points, *inner)
    words = f"relative variance of {long_name} over disorder"
    found: dict[str, Any] = {
        f"{name}_relative_variance": xr.Variable(dims, ratio, {"long_name": words}),
        f"{name}_relative_variance_stderr": xr.Variable(
            dims, error, {"long_name": f"standard error of the {words}"}
        ),
    }
    if axis is None:
        return found
    along = dims.index(axis)
    counts = members.used.sum(axis=-1).reshape(points + (1,) * len(inner))
    parts = np.moveaxis(parts, len(points), 0)
    sizes = members.dataset[axis].values
    ratio, noise, counts = (np.moveaxis(part, along, -1) for part in (ratio, noise, counts))
    fit = exponent(sizes, ratio, noise, np.moveaxis(parts, along + 1, -1), counts)
    rest = tuple(dim for dim in dims if dim != axis)
    counted = min(groups, int(members.used.sum(axis=-1).min()))
    falls = f"exponent a of the relative variance of {long_name}, falling as {axis}^−a"
    labels = {
        "exponent": (fit.value, falls),
        "exponent_stderr": (fit.stderr, f"standard error of the {falls}"),
        "self_averaging": (verdicts(fit, counted, level), f"self-averaging of {long_name}"),
    }
    for word, (values, text) in labels.items():
        found[f"{name}_{word}"] = xr.Variable(rest, values, {"long_name": text})
    return found


class Relative(NamedTuple):
    """Variances over the unbiased square of the mean."""

    ratio: Array
    """Of the exact values of the realizations: R."""
    noise: Array
    """Of the error that trajectories leave on each."""


def relative_variance(means: Array, errors: Array | None, used: Array) -> Relative:
    """Relative variance over disorder, unbiased above and below the line, and that of sampling."""
    nested = nested_error(means, errors, used)
    square = nested.mean**2 - nested.stderr**2
    with np.errstate(all="ignore"):
        square = np.where((square > 0) & (nested.realizations > 1), square, np.nan)
        noise = nested.realizations * nested.trajectory**2
        return Relative(nested.disorder_variance / square, np.asarray(noise / square))


def _left_out(means: Array, errors: Array | None, used: Array, groups: int) -> Array:
    """Relative variances without one group of realizations after the other."""
    number = np.arange(len(used)) % max(groups, 1)
    parts = [relative_variance(means, errors, used & (number != g)) for g in range(groups)]
    return np.stack([part.ratio for part in parts])


def _jackknife(parts: Array) -> Array:
    """Standard error from values without one group after the other."""
    if len(parts) < 3:
        return np.full(parts.shape[1:], np.nan)
    return np.asarray(np.sqrt((len(parts) - 1) * parts.var(axis=0)))


class Exponent(NamedTuple):
    """The exponent a of R = A N^−a."""

    value: Array
    stderr: Array


def exponent(sizes: Array, ratio: Array, noise: Array, parts: Array, counts: Array) -> Exponent:
    r"""Fit of R = A N^−a, with its jackknife error.

    The variance of an R from n realizations is near 2 (R + noise)²/(n − 1), which gives the
    equations of quasi-likelihood

    .. math::
        \sum_N (n_N - 1)\,\frac{\mu_N\,(R_N - \mu_N)}{(\mu_N + \mathrm{noise}_N)^2}
        \begin{pmatrix}1\\ \log N\end{pmatrix} = 0 , \qquad \mu_N = A N^{-a} .

    They take an R below zero as it is, so that no size is chosen by how its R came out.

    Parameters
    ----------
    sizes : array (S,)
    ratio, noise, counts : array (…, S)
        R, the relative variance from sampling, and the number of realizations.
    parts : array (G, …, S)
        R without one group of realizations after the other.
    """
    x = np.log(sizes.astype(float))
    known = np.isfinite(ratio) & np.isfinite(noise) & (ratio + noise > _NO_SPREAD)
    freedom = np.where(known, counts - 1.0, 0.0)
    noise = np.where(known, noise, 1.0)
    ratio, parts = np.where(known, ratio, 1.0), np.where(known, parts, 1.0)
    start = np.log(np.maximum(ratio, 0.1 * (ratio + noise)))
    with np.errstate(all="ignore"):
        log, slope = _fit(x, ratio, noise, freedom, start, 100)
        again, _ = _fit(x, ratio, noise, freedom, log, 1)
        clear = (np.abs(again - log).max(axis=-1) < 1e-6) & (known.sum(axis=-1) >= _LEAST_SIZES)
        _, slopes = _fit(x, parts, noise, freedom, log, 5)
        error = np.where(clear, _jackknife(slopes), np.nan)
    return Exponent(np.where(clear, -slope, np.nan), error)


def _fit(
    x: Array, ratio: Array, noise: Array, freedom: Array, log: Array, steps: int
) -> tuple[Array, Array]:
    """Straight line through log R by Fisher's scoring, from `log` on: its values and its slope."""
    for _ in range(steps):
        mean = np.exp(log)
        weight = freedom * (mean / (mean + noise)) ** 2
        weight = weight / weight.sum(axis=-1, keepdims=True)
        aim = log + np.clip((ratio - mean) / mean, -1.0, 1.0)
        middle = (weight * x).sum(axis=-1, keepdims=True)
        lever = weight * (x - middle)
        slope = (lever * aim).sum(axis=-1, keepdims=True) / (lever * x).sum(axis=-1, keepdims=True)
        log = (weight * aim).sum(axis=-1, keepdims=True) + slope * (x - middle)
    return log, slope[..., 0]


def verdicts(fit: Exponent, count: int, level: float) -> Array:
    """What an exponent, whose error comes from `count` groups, says in the words of `VERDICTS`."""
    half = stdtrit(max(count - 1, 1), (1 + level) / 2) * fit.stderr
    low, high = fit.value - half, fit.value + half
    said = [
        (high >= 1) & (low > _BETWEEN),
        (low > 0) & (high < 1),
        (low <= 0) & (high < _BETWEEN),
    ]
    number = np.select(said, [1, 2, 3], 0)
    return np.asarray(np.array(VERDICTS, dtype=np.dtypes.StringDType())[number])
