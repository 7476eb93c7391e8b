"""Curves in time: every observable, every member, with its standard error where there is one."""

from __future__ import annotations

import itertools
import textwrap
from typing import Any

import numpy as np
import xarray as xr

from opendicke.analysis.members import DIM
from opendicke.errors import InputError, nearest
from opendicke.plots.ensemble import (
    MOST_FANS,
    MOST_LINES,
    accompanies,
    average_curve,
    averaged,
    averages,
    caption,
    cells_shown,
    is_statistics,
)
from opendicke.plots.style import SEQUENTIAL, band, line_style, spread_times, style


def curve(axes: Any, data: xr.DataArray, error: xr.DataArray | None = None, **line: Any) -> Any:
    """One curve over time on `axes`, its standard error as a band.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    data, error : xarray.DataArray (time)
    line
        Passed on to `Axes.plot`.
    """
    return band(axes, data["time"], data, error, **line)


def curves(dataset: xr.Dataset, observables: list[str] | None = None) -> Any:
    """A figure with one panel for each observable, one line for each member.

    Observables of many spins or modes show the average over these. Realizations share the colour
    of their sweep point; of more than twelve, or where the dataset comes from
    `ensemble_statistics`, the mean is drawn with its interval, and with quantiles as lighter
    bands where sweep points are few.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    known = curve_names(dataset)
    names = known if observables is None else observables
    for name in names:
        if name not in known:
            raise InputError("observable", "be in the dataset, in time", nearest(name, known))
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
        _explain(figure, panels, dataset, names)
        if words := cells_shown(dataset):
            figure.suptitle(words, fontsize=9)
    return figure


def _explain(figure: Any, panels: Any, dataset: xr.Dataset, names: list[str]) -> None:
    """Legend or colour bar, and what the bands are."""
    words = ""
    if averages(dataset):
        banded = [name for name in names if not (is_statistics(dataset) and _over(dataset, name))]
        fan = any(_few(dataset, name) for name in banded)
        words = caption(dataset, band=bool(banded), fan=fan)
        words = textwrap.fill(words, 58 if len(names) == 1 else 110)
    entries, labels = panels[0].get_legend_handles_labels()
    if 1 < len(labels) <= MOST_LINES:
        place = {"loc": "outside lower center", "ncols": min(4, len(labels))}
        figure.legend(entries, labels, title=words or None, title_fontsize=8, **place)
    elif words:
        figure.supxlabel(words, fontsize=8)
    scaled = [name for name in names if _scale(dataset, name) is not None]
    if scaled:
        label = str(_swept(dataset, scaled[0])[0])
        figure.colorbar(_scale(dataset, scaled[0]), ax=panels.tolist(), label=label)


def curve_names(dataset: xr.Dataset) -> list[str]:
    """Observables of a dataset that depend on time."""
    return [
        str(name)
        for name, data in dataset.data_vars.items()
        if "time" in data.dims and data.dtype.kind in "fiu" and not accompanies(str(name), dataset)
    ]


def _swept(dataset: xr.Dataset, name: str) -> list[Any]:
    """Dimensions whose values have a line each, or one for each realization."""
    apart = ("time", "spin", "mode", DIM)
    return [d for d in dataset[name].dims if d in dataset.coords and d not in apart]


def _scale(dataset: xr.Dataset, name: str) -> Any:
    """Colours of more lines than a legend can hold, along one axis of numbers."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    swept = _swept(dataset, name)
    if len(swept) != 1 or dataset.sizes[swept[0]] <= MOST_LINES:
        return None
    values = dataset[swept[0]].values
    if values.dtype.kind not in "iuf":
        return None
    return ScalarMappable(Normalize(values.min(), values.max()), SEQUENTIAL)


def _over(dataset: xr.Dataset, name: str) -> list[Any]:
    """Dimensions that lines average over, realizations not among them."""
    apart = ("time", DIM, *_swept(dataset, name))
    return [d for d in dataset[name].dims if d not in apart]


def _few(dataset: xr.Dataset, name: str) -> bool:
    """Whether there are so few lines that quantiles can be told apart."""
    return int(np.prod([dataset.sizes[d] for d in _swept(dataset, name)])) <= MOST_FANS


def _panel(axes: Any, dataset: xr.Dataset, name: str) -> None:
    data = dataset[name]
    members = _swept(dataset, name)
    over = _over(dataset, name)
    gathered = averaged(dataset, name, over) if averages(dataset) else None
    error = dataset.get(f"{name}_stderr")
    if over:
        data, error = data.mean(over), None
    points = list(itertools.product(*(range(data.sizes[d]) for d in members)))
    scale = _scale(dataset, name)
    fan = _few(dataset, name)
    for number, place in enumerate(points):
        at = dict(zip(members, place, strict=True))
        value = None if scale is None else dataset[members[0]].values[place[0]]
        look = line_style(number) if scale is None else {"color": scale.to_rgba(value)}
        label = _label(dataset, at)
        if gathered is not None:
            average_curve(axes, gathered.isel(at), name, fan=fan, label=label, **look)
            continue
        repeated = range(data.sizes[DIM]) if DIM in data.dims else [None]
        for realization in repeated:
            where = at if realization is None else at | {DIM: realization}
            curve(
                axes,
                data.isel(where),
                None if error is None else error.isel(where),
                label=label if realization in (None, 0) else None,
                alpha=1.0 if len(repeated) == 1 else 0.6,
                **look,
            )
    title = data.attrs.get("long_name") or dataset[name].attrs.get("long_name", name)
    axes.set_title(title + (", average" if over else ""), fontsize=9)
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
