"""Fits of relaxation at every point of a sweep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from opendicke.analysis.ensemble import derived_attributes
from opendicke.analysis.members import DIM, Members
from opendicke.analysis.relaxation import Relaxation, fit_relaxation
from opendicke.analysis.relaxation_laws import APART, PARAMETERS, WHOLE, Law
from opendicke.errors import InputError, nearest
from opendicke.model.checks import Array, numeric_array

Point = Mapping[str, Any]
Setting = Any
"""A value, a DataArray along swept dimensions, or a function of the point's coordinates."""

WORDS = np.dtypes.StringDType()
_CRITERIA = ("p_value", "aicc", "held_out", "share")
_CRITERION = f"stretched exponential: of the best fit with {APART[0]:g} <= beta <= {APART[1]:g}"
_FREE = f"stretched exponential: of the best fit with {WHOLE[0]:g} <= beta <= {WHOLE[1]:g}"


def relaxation_fits(
    dataset: xr.Dataset,
    observable: str = "sx",
    *,
    statuses: Sequence[str] = ("ok",),
    **settings: Setting,
) -> xr.Dataset:
    """`fit_relaxation` at every point of a sweep.

    Parameters
    ----------
    dataset : xarray.Dataset
        An ensemble from `run` or `load`, with ``time``, or a single run per point without
        ``realization`` but with standard errors.
    observable : str
        Its name in the dataset; `time` must be its only other dimension.
    statuses : list of str
        Ends of the computation that count.
    **settings
        Of `fit_relaxation`. Each may be a value for all points, a DataArray along swept
        dimensions, or a function of the point, a mapping from the names of its coordinates to
        their values: ``period=lambda at: 2 * np.pi / at["frequencies"]``.

    Returns
    -------
    xarray.Dataset
        Along the dimensions of the sweep ``verdict``, ``possible`` (joined by "; "), ``reason``,
        ``window_start``, ``window_end``, ``realizations_used``. With the further dimension ``law``
        ``p_value``, ``aicc``, ``held_out``, ``share`` (of resamples in which it is best) and the
        parameters of all laws, with ``_low`` and ``_high``, NaN where a law has no such parameter.
        The first four are of β between 0.2 and 0.9 for the stretched exponential, parameters of a
        free fit, see `Fit`; the attribute ``comment`` of each says so.

    Raises
    ------
    InputError
        If the observable is not in the dataset, or a setting is wrong.

    Warns
    -----
    ValidityWarning
        If members are left out.
    """
    sweep = Sweep(dataset, observable, statuses)
    table = LawTable(sweep.shape)
    texts = {
        name: np.full(sweep.shape, "", dtype=WORDS) for name in ("verdict", "possible", "reason")
    }
    for place, point, times, curves, errors in sweep:
        found = fit_relaxation(times, curves, errors, **at_point(settings, point))
        table.enter(place, found)
        texts["verdict"][place] = found.verdict
        texts["possible"][place] = "; ".join(found.possible)
        texts["reason"][place] = found.reason
    labels = {
        "verdict": f"law that {observable} follows",
        "possible": "laws that are not excluded",
        "reason": "why",
    }
    variables: dict[str, Any] = {
        name: xr.Variable(sweep.dims, values, {"long_name": labels[name]})
        for name, values in texts.items()
    }
    return sweep.dataset_of(variables | table.variables(sweep.dims), "relaxation")


class Sweep:
    """The curves of one observable, one point after the other."""

    def __init__(self, dataset: xr.Dataset, observable: str, statuses: Sequence[str]) -> None:
        if not isinstance(dataset, xr.Dataset):
            raise InputError("dataset", "be an xarray dataset", f"was a {type(dataset).__name__}")
        names = list(map(str, dataset.data_vars))
        if observable not in names:
            raise InputError("observable", "be in the dataset", nearest(str(observable), names))
        if "time" not in dataset[observable].dims:
            raise InputError("observable", "depend on `time`", f"was `{observable}`")
        if DIM not in dataset[observable].dims:
            if f"{observable}_stderr" not in dataset:
                words = f"`{observable}` had neither"
                raise InputError("dataset", "hold realizations or standard errors", words)
            dataset = _as_members(dataset, observable)
        self._members = Members.of(dataset, statuses)
        self._dataset, self._name = dataset, observable
        inner = self._members.inner(observable)
        if inner != ("time",):
            raise InputError("observable", "have no dimension but `time`", f"had {inner}")
        self.dims = self._members.points
        self.shape = self._members.shape(self.dims)

    def __iter__(
        self,
    ) -> Iterator[tuple[tuple[int, ...], Point, Array, Array, Array | None]]:
        """Place, coordinates, times, curves of the members that count, and their errors."""
        times = np.asarray(self._members.dataset["time"].values, dtype=float)
        kept = self._members.coordinates("time")
        for place, means, errors in self._members.each(self._name):
            used = self._members.used[place]
            where = dict(zip(self.dims, place, strict=True))
            point = {
                name: value.isel({dim: where[dim] for dim in map(str, value.dims)}).item()
                for name, value in kept.items()
                if set(value.dims) <= set(self.dims)
            }
            if used.any():
                known = None if errors is None or used.sum() > 1 else errors[used]
                yield place, _Point(point, where), times, means[used], known

    def dataset_of(self, variables: dict[str, Any], kind: str) -> xr.Dataset:
        """A dataset along the sweep."""
        words = {"long_name": "realizations used"}
        used = xr.Variable(self.dims, self._members.used.sum(axis=-1), words)
        coordinates = self._members.coordinates("time")
        attributes = derived_attributes(self._dataset, kind)
        return xr.Dataset(variables | {"realizations_used": used}, coordinates, attributes)


class _Point(dict[str, Any]):
    """Coordinates of a point, which knows its place."""

    def __init__(self, values: Point, where: dict[str, int]) -> None:
        super().__init__(values)
        self.where = where


def at_point(settings: Mapping[str, Setting], point: Point) -> dict[str, Any]:
    """Settings of one point."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, xr.DataArray):
            where = point.where if isinstance(point, _Point) else {}
            strange = set(map(str, value.dims)) - set(where)
            if strange:
                raise InputError(name, f"lie along {sorted(where)}", f"had {sorted(strange)}")
            found[name] = value.isel({dim: where[dim] for dim in map(str, value.dims)}).item()
        elif callable(value):
            found[name] = value(point)
        else:
            found[name] = value
    return found


class LawTable:
    """Numbers of all laws at all points."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        names = dict.fromkeys(name for own in PARAMETERS.values() for name in own)
        suffixed = [name + end for name in names for end in ("", "_low", "_high")]
        self._laws = {name: np.full((*shape, len(Law)), np.nan) for name in (*_CRITERIA, *suffixed)}
        self._window = np.full((*shape, 2), np.nan)

    def enter(self, place: tuple[int, ...], found: Relaxation) -> None:
        """What was found at one point."""
        self._window[place] = found.window
        for k, law in enumerate(Law):
            if law not in found.fits:
                continue
            fit = found.fits[law]
            for name in ("p_value", "aicc", "held_out"):
                self._laws[name][(*place, k)] = getattr(fit, name)
            self._laws["share"][(*place, k)] = found.shares[law]
            for name, value in fit.parameters.items():
                low, high = fit.intervals[name]
                for end, number in (("", value), ("_low", low), ("_high", high)):
                    self._laws[name + end][(*place, k)] = number

    def variables(self, dims: tuple[str, ...]) -> dict[str, Any]:
        """As variables, with the coordinate ``law``."""
        names = np.array([law.value for law in Law], dtype=WORDS)
        found: dict[str, Any] = {
            "law": xr.Variable(("law",), names, {"long_name": "law of relaxation"})
        }
        for name, values in self._laws.items():
            words = name.replace("_", " ")
            comment = _CRITERION if name in _CRITERIA else _FREE
            attributes = {"long_name": words, "comment": comment}
            found[name] = xr.Variable((*dims, "law"), values, attributes)
        for k, end in enumerate(("start", "end")):
            label = {"long_name": f"{end} of the window of the fit"}
            found[f"window_{end}"] = xr.Variable(dims, self._window[..., k], label)
        return found


def _as_members(dataset: xr.Dataset, observable: str) -> xr.Dataset:
    """Runs without disorder, as ensembles of one."""
    numeric_array(observable, dataset[observable].values)
    own = dataset[[observable, f"{observable}_stderr"]].expand_dims({DIM: [0]}, axis=-2)
    rest = [str(dim) for dim in own[observable].dims if dim not in (DIM, "time")]
    shape = tuple(own.sizes[dim] for dim in rest)
    if "status" in dataset and set(map(str, dataset["status"].dims)) <= set(rest):
        return own.assign(status=dataset["status"].expand_dims({DIM: [0]}, axis=-1))
    return own.assign(status=((*rest, DIM), np.ones((*shape, 1), dtype=np.int8)))
