"""Answers of several methods to one question, and their differences from a reference."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import xarray as xr

from opendicke.errors import InputError
from opendicke.plots.curves import curve
from opendicke.plots.style import COLORS, line_style, spread_times, style
from opendicke.results.comparison import is_comparison

_MOST_ROWS = 4
_FAR_OFF = 30
_LEAST_SHARE = 1e-4
_REFERENCE = COLORS[6]
_OTHERS = tuple(look for look in map(line_style, range(len(COLORS))) if look["color"] != _REFERENCE)


def plot_comparison(dataset: xr.Dataset) -> Any:
    """One row for each number asked: the answers of all methods, and differences from one of them.

    Bands are one standard error on the left and one combined error on the right. Observables
    without further dimensions come first; of the others each entry is a row; at most four rows are
    shown. Methods that doubt their own answer are marked.

    Parameters
    ----------
    dataset : xarray.Dataset
        What `compare` returned.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If the dataset is no comparison.
    """
    from matplotlib.figure import Figure

    if not is_comparison(dataset):
        raise InputError("dataset", "come from `compare`", "held no methods beside a reference")
    rows = _rows(dataset)
    shown = rows[:_MOST_ROWS]
    with style():
        figure = Figure(figsize=(9.0, 2.5 * len(shown) + 0.6), layout="constrained")
        panels = figure.subplots(len(shown), 2, squeeze=False, sharex=True)
        for (left, right), (name, at) in zip(panels, shown, strict=True):
            _row(left, right, dataset.isel(at), name, at)
        for axes in panels[-1]:
            axes.set_xlabel("time")
        entries, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(entries, labels, loc="outside lower center", ncols=min(4, len(labels)))
        if len(rows) > len(shown):
            figure.suptitle(f"{len(shown)} of {len(rows)} numbers are shown", fontsize=9)
    return figure


def _rows(dataset: xr.Dataset) -> list[tuple[str, dict[str, int]]]:
    """Observables with the places of their entries, single numbers first."""
    names = [str(name) for name in dataset.data_vars if f"{name}_difference" in dataset]
    rows: list[tuple[str, dict[str, int]]] = []
    for name in sorted(names, key=lambda name: dataset[name].ndim > 2):
        dims = [str(dim) for dim in dataset[name].dims if dim not in ("solver", "time")]
        places = itertools.product(*(range(dataset.sizes[dim]) for dim in dims))
        rows += [(name, dict(zip(dims, place, strict=True))) for place in places]
    return rows


def _row(left: Any, right: Any, data: xr.Dataset, name: str, at: dict[str, int]) -> None:
    reference = str(data.attrs["reference"])
    others = itertools.cycle(_OTHERS)
    marker = {"marker": "o", "ms": 3} if data.sizes["time"] < 2 else {}
    for k, label in enumerate(map(str, data["solver"].values)):
        one = data.isel(solver=k)
        if not one[name].notnull().any():
            continue
        own = label == reference
        line = {"color": _REFERENCE, "zorder": 3} if own else next(others) | {"zorder": 2}
        error = one.get(f"{name}_stderr")
        curve(left, one[name], error, label=_legend(one, label, own), **line, **marker)
        if own:
            right.axhline(0, lw=1.0, **line)
        else:
            error = one[f"{name}_difference_stderr"]
            curve(right, one[f"{name}_difference"], error, **line, **marker)
    words = [f"{dim} {data[dim].values}" for dim in at]
    title = ", ".join([str(data[name].attrs["long_name"]), *words])
    left.set_title(title, fontsize=9)
    right.set_title(f"difference from {reference}", fontsize=9)
    _spread(right, data[f"{name}_difference"].values)
    for axes in (left, right):
        _time_axis(axes, data["time"].values)


def _legend(one: xr.Dataset, label: str, own: bool) -> str:
    verdict = str(one["verdict"].values)
    notes = (["reference"] if own else []) + ([verdict] if verdict not in ("valid", "") else [])
    return f"{label} ({', '.join(notes)})" if notes else label


def _spread(axes: Any, differences: np.ndarray) -> None:
    """A logarithmic axis, linear for small differences, where one method is far off the others."""
    sizes = np.abs(np.where(np.isfinite(differences), differences, 0.0)).max(axis=1)
    sizes = sizes[sizes > 0]
    if len(sizes) and sizes.max() > _FAR_OFF * sizes.min():
        least = max(sizes.min(), sizes.max() * _LEAST_SHARE)
        axes.set_yscale("symlog", linthresh=10.0 ** np.ceil(np.log10(least)))


def _time_axis(axes: Any, times: np.ndarray) -> None:
    """Logarithmic where times have equal ratios and span more than a decade."""
    axes.margins(x=0 if len(times) > 1 else 0.05)
    if len(times) > 2 and times[0] > 0 and times[-1] > 10 * times[0]:
        steps = np.diff(np.log(times))
        if np.ptp(steps) < 1e-3 * steps.mean():
            axes.set_xscale("log")
    else:
        spread_times(axes, times)
