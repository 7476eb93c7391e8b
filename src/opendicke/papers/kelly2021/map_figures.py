"""Maps of responses, from stored datasets."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.analysis.relaxation_selection import UNDECIDED
from opendicke.analysis.response import KINDS
from opendicke.plots.style import SEQUENTIAL, plain_ticks, style

_HATCHES = ("", "//", "\\\\", "xx", "..", "", "++", "")


def draw_fig1(dataset: xr.Dataset) -> Any:
    """kelly2021 Fig. 1: responses over ω/h and σ/√h, and where sz settles."""
    return _map(dataset, ("frequency", "frequency ω/h"), ("sigma", "disorder σ/√h"))


def draw_fig3_left(dataset: xr.Dataset) -> Any:
    """kelly2021 Fig. 3, left: responses over α and h/ω."""
    inverse = ("curve", 1 / dataset["frequency"].values)
    return _map(
        dataset.assign_coords(inverse=inverse),
        ("alpha", "modes per spin α"),
        ("inverse", "inverse frequency h/ω"),
    )


def _map(dataset: xr.Dataset, across: tuple[str, str], along: tuple[str, str]) -> Any:
    """Kinds of responses, pale and with their share where it is not certain; late σz beside it."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(10.6, 5.0), layout="constrained")
        left, right = figure.subplots(1, 2)
        axis = [_edges(np.unique(dataset[name].values)) for name, _ in (across, along)]
        shown = [
            _paint(left, dataset.isel(curve=number), (across[0], along[0]), axis)
            for number in range(dataset.sizes["curve"])
        ]
        late = right.pcolormesh(
            *axis, _grid(dataset, across[0], along[0], dataset["late_sz"].values),
            cmap=SEQUENTIAL, shading="flat",
        )  # fmt: skip
        figure.colorbar(late, ax=right, label="late mean of σ$^z$")
        titles = ("response of σ$^x$; pale: not certain, with its share", "where σ$^z$ is late")
        for axes, title in zip((left, right), titles, strict=True):
            axes.set_xscale("log")
            axes.set_yscale("log")
            plain_ticks(axes.xaxis, axes.yaxis)
            axes.set_xlim(axis[0][0], axis[0][-1])
            axes.set_ylim(axis[1][0], axis[1][-1])
            axes.set_xlabel(across[1])
            axes.set_ylabel(along[1])
            axes.set_title(title, fontsize=9)
            axes.grid(False)
        entries = [_patch(kind) for kind in KINDS if kind in shown]
        figure.legend(handles=entries, loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _paint(axes: Any, point: xr.Dataset, names: tuple[str, str], axis: list[np.ndarray]) -> str:
    """Fill the cell of one point; returns the kind that it was filled with."""
    from matplotlib.patches import Rectangle

    kind, share = str(point["kind"].values), 1.0
    if kind == UNDECIDED:
        leading = int(point["probability"].values.argmax())
        kind = str(point["kind_name"].values[leading])
        share = float(point["probability"][leading])
    sure = str(point["kind"].values) == kind
    (x, width), (y, height) = (
        _cell(float(point[name]), ends) for name, ends in zip(names, axis, strict=True)
    )
    color, hatch = _color(kind, 1.0 if sure else _PALE), _hatch(kind) if sure else ""
    box = Rectangle((x, y), width, height, facecolor=color, hatch=hatch, edgecolor="0.45", lw=0.4)
    axes.add_patch(box)
    if not sure:
        middle = (np.sqrt(x * (x + width)), np.sqrt(y * (y + height)))
        initial = kind.split()[0][:3]
        axes.text(*middle, f"{initial}\n{share:.2f}", ha="center", va="center", fontsize=6.5)
    return kind


_PALE = 0.35


def _color(kind: str, strength: float) -> Any:
    """Of a kind, mixed with white."""
    from matplotlib import colormaps

    if kind == UNDECIDED:
        return (1.0, 1.0, 1.0)
    full = np.array(colormaps[SEQUENTIAL](0.97 - 0.13 * KINDS.index(kind))[:3])
    return tuple(1 - strength * (1 - full))


def _hatch(kind: str) -> str:
    return _HATCHES[KINDS.index(kind)]


def _patch(kind: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(facecolor=_color(kind, 1.0), hatch=_hatch(kind), edgecolor="0.45", label=kind)


def _edges(values: np.ndarray) -> np.ndarray:
    """Borders between values, halfway in the logarithm."""
    logs = np.log(values)
    middles = (logs[1:] + logs[:-1]) / 2
    first, last = 2 * logs[0] - middles[0], 2 * logs[-1] - middles[-1]
    return np.asarray(np.exp(np.concatenate([[first], middles, [last]])))


def _cell(value: float, edges: np.ndarray) -> tuple[float, float]:
    """Lower border and width of the cell of a value along one axis."""
    place = int(np.searchsorted(edges, value)) - 1
    return float(edges[place]), float(edges[place + 1] - edges[place])


def _grid(dataset: xr.Dataset, across: str, along: str, values: np.ndarray) -> np.ndarray:
    """Values of the points as a matrix (along, across)."""
    columns, rows = (np.unique(dataset[name].values) for name in (across, along))
    grid = np.full((len(rows), len(columns)), np.nan)
    places = [
        np.searchsorted(axis, dataset[name].values)
        for axis, name in ((rows, along), (columns, across))
    ]
    grid[tuple(places)] = values
    return grid
