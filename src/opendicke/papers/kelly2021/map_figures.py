"""Maps of responses, from stored datasets."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.analysis.response import KINDS
from opendicke.plots.style import plain_ticks, style

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
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle

    with style():
        figure = Figure(figsize=(10.6, 4.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        edges = [_edges(np.unique(dataset[name].values)) for name, _ in (across, along)]
        shade = colormaps["cividis"]
        found = [str(kind) for kind in dataset["kind"].values]
        for number, kind in enumerate(found):
            box = [
                _cell(dataset, name, number, ends)
                for (name, _), ends in zip((across, along), edges, strict=True)
            ]
            place = KINDS.index(kind)
            color = "white" if kind == "cannot tell" else shade(0.95 - 0.14 * place)
            (x, width), (y, height) = box
            left.add_patch(
                Rectangle(
                    (x, y), width, height, facecolor=color, hatch=_HATCHES[place],
                    edgecolor="0.45", lw=0.4,
                )
            )  # fmt: skip
        late = right.pcolormesh(
            edges[0], edges[1], _grid(dataset, across[0], along[0], dataset["late_sz"].values),
            cmap="cividis", shading="flat",
        )  # fmt: skip
        figure.colorbar(late, ax=right, label="late mean of σ$^z$")
        for axes, title in ((left, "response of σ$^x$"), (right, "where σ$^z$ is late")):
            axes.set_xscale("log")
            axes.set_yscale("log")
            plain_ticks(axes.xaxis, axes.yaxis)
            axes.set_xlim(edges[0][0], edges[0][-1])
            axes.set_ylim(edges[1][0], edges[1][-1])
            axes.set_xlabel(across[1])
            axes.set_ylabel(along[1])
            axes.set_title(title, fontsize=9)
            axes.grid(False)
        entries = [
            Patch(
                facecolor="white" if kind == "cannot tell" else shade(0.95 - 0.14 * place),
                hatch=_HATCHES[place],
                edgecolor="0.45",
                label=kind,
            )
            for place, kind in enumerate(KINDS)
            if kind in found
        ]
        figure.legend(handles=entries, loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _edges(values: np.ndarray) -> np.ndarray:
    """Borders between values, halfway in the logarithm."""
    logs = np.log(values)
    middles = (logs[1:] + logs[:-1]) / 2
    first, last = 2 * logs[0] - middles[0], 2 * logs[-1] - middles[-1]
    return np.asarray(np.exp(np.concatenate([[first], middles, [last]])))


def _cell(dataset: xr.Dataset, name: str, number: int, edges: np.ndarray) -> tuple[float, float]:
    """Lower border and width of the cell of a point along one axis."""
    place = int(np.searchsorted(edges, dataset[name].values[number])) - 1
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
