"""Drawings of fiorelli2020 Fig. 3: loops that are not balanced."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.papers.fiorelli2020.standards import of_group
from opendicke.plots.style import COLORS, MARKERS, line_style, style


def draw_fig3(dataset: xr.Dataset) -> Any:
    """fiorelli2020 Fig. 3, and the largest |ln ratio| of all loops for more spins."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(11.0, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        _pairs(left, dataset)
        _sizes(right, dataset)
    return figure


def _pairs(axes: Any, dataset: xr.Dataset) -> None:
    etas = dataset["eta"].values
    drawn, shown = (of_group(dataset, "pair", name) for name in ("drawn", "shown"))
    ratios = np.exp(dataset["log_loop"].transpose("pair", "eta").values)
    for number, row in enumerate(np.exp(drawn["log_loop"].transpose("pair", "eta").values)):
        label = "drawn pairs" if number == 0 else None
        axes.plot(etas, row, color="0.75", lw=0.6, label=label)
    for number, row in enumerate(np.exp(shown["log_loop"].transpose("pair", "eta").values)):
        pair = ", ".join(f"{g:g}".replace("-", "−") for g in shown["couplings"].values[number])
        axes.plot(
            etas,
            row,
            **line_style(number, marker=True),
            markevery=max(1, len(etas) // 12),
            ms=4,
            label=f"g = ({pair})",
        )
    roots = drawn["crossing"].values
    roots = roots[np.isfinite(roots)]
    axes.plot(roots, np.ones_like(roots), "|", color="black", ms=8, label="ratio 1, drawn pairs")
    axes.axhline(1, color="black", lw=0.7)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(etas[0], etas[-1])
    top = float(np.exp(1.6 * np.abs(np.log(ratios)).max()))
    axes.set_ylim(1 / top, top)
    axes.set_xlabel("η")
    axes.set_ylabel("∏W, one way round/the other")
    axes.legend(loc="upper left", ncols=2, fontsize=8)
    axes.set_title("(a) the loop of two spins", fontsize=9)


def _sizes(axes: Any, dataset: xr.Dataset) -> None:
    """Median over draws, most draws, and each draw's lowest local minimum."""
    etas = dataset["eta"].values
    for number, size in enumerate(dataset["size"].values):
        one = dataset.sel(size=size)
        values = one["largest"].transpose("many_draw", "eta").values
        low, middle, high = np.quantile(values, [0.0, 0.5, 1.0], axis=0)
        axes.fill_between(etas, low, high, color=COLORS[number], alpha=0.12, lw=0)
        axes.plot(
            etas,
            middle,
            **line_style(number, marker=True),
            markevery=(number, max(1, len(etas) // 10)),
            ms=3.5,
            label=f"N = {size}",
        )
        axes.plot(
            one["least_at"],
            np.maximum(one["least"], _FLOOR),
            MARKERS[number],
            color=COLORS[number],
            mfc="white",
            ms=5,
            mew=1.0,
        )
    axes.plot([], [], "o", color="0.3", mfc="white", label="lowest local minimum of a draw")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(etas[0], etas[-1])
    axes.set_ylim(_FLOOR / 2, 300)
    axes.set_xlabel("η")
    axes.set_ylabel("largest |ln ratio| of all loops")
    axes.legend(loc="upper left", ncols=3, fontsize=8)
    axes.set_title("(b) all loops: median and range over draws", fontsize=9)


_FLOOR = 1e-7
"""Drawn for zero."""
