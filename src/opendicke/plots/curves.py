"""Curves in time: every observable, every member, with its standard error where there is one."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import xarray as xr

from opendicke.errors import InputError, nearest
from opendicke.plots.style import COLORS, spread_times, style

_MOST_LINES = 12


def curve(axes: Any, data: xr.DataArray, error: xr.DataArray | None = None, **line: Any) -> Any:
    """One curve over time on `axes`, its standard error as a band.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    data, error : xarray.DataArray (time)
    line
        Passed on to `Axes.plot`.
    """
    (drawn,) = axes.plot(data["time"], data, **line)
    if error is not None:
        axes.fill_between(
            data["time"], data - error, data + error, color=drawn.get_color(), alpha=0.25, lw=0
        )
    return drawn


def curves(dataset: xr.Dataset, observables: list[str] | None = None) -> Any:
    """A figure with one panel for each observable, one line for each member.

    Observables of many spins or modes show the average over these. Realizations share the colour
    of their sweep point.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    known = curve_names(dataset)
    names = known if observables is None else observables
    for name in names:
        if name not in known:
            raise InputError("observable", "be in the dataset", nearest(name, known))
    if not names:
        raise InputError("dataset", "hold an observable in time", "held none")
    with style():
        columns = min(len(names), 3)
        rows = -(-len(names) // columns)
        figure = Figure(figsize=(4.2 * columns, 2.9 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, name in zip(panels, names, strict=False):
            _panel(axes, dataset, name)
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        entries, labels = panels[0].get_legend_handles_labels()
        if 1 < len(labels) <= _MOST_LINES:
            figure.legend(entries, labels, loc="outside lower center", ncols=min(4, len(labels)))
    return figure


def curve_names(dataset: xr.Dataset) -> list[str]:
    """Observables of a dataset that depend on time."""
    return [
        str(name)
        for name, data in dataset.data_vars.items()
        if "time" in data.dims and not str(name).endswith("_stderr")
    ]


def _panel(axes: Any, dataset: xr.Dataset, name: str) -> None:
    data = dataset[name]
    error = dataset.get(f"{name}_stderr")
    shown = [d for d in data.dims if d in dataset.coords and d not in ("time", "spin", "mode")]
    averaged = [d for d in data.dims if d not in ("time", *shown)]
    if averaged:
        data, error = data.mean(averaged), None
    members = [d for d in shown if d != "realization"]
    points = itertools.product(*(range(data.sizes[d]) for d in members))
    for color, place in zip(itertools.cycle(COLORS), points, strict=False):
        at = dict(zip(members, place, strict=True))
        repeated = range(data.sizes["realization"]) if "realization" in data.dims else [None]
        for realization in repeated:
            where = at if realization is None else at | {"realization": realization}
            label = _label(dataset, at) if realization in (None, 0) else None
            curve(
                axes,
                data.isel(where),
                None if error is None else error.isel(where),
                color=color,
                label=label,
                alpha=1.0 if len(repeated) == 1 else 0.6,
            )
    title = data.attrs.get("long_name") or dataset[name].attrs.get("long_name", name)
    axes.set_title(title + (", average" if averaged else ""), fontsize=9)
    axes.set_xlabel("time")
    spread_times(axes, dataset["time"].values)
    axes.margins(x=0)


def _label(dataset: xr.Dataset, at: dict[Any, int]) -> str:
    parts = []
    for dim, place in at.items():
        if dim == "pattern" and "pattern_name" in dataset.coords:
            parts.append(str(dataset["pattern_name"].values[place]))
            continue
        value = dataset[dim].values[place]
        text = f"{value:g}" if np.issubdtype(type(value), np.number) else str(value)
        parts.append(f"{dim} {text}")
    return ", ".join(parts)
