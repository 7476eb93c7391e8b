"""Drawings of fiorelli2020 Fig. 2(c) to (e): how much likelier a flip is than its reverse."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.papers.fiorelli2020.theory import beta_of_energy, large_jump_ratio
from opendicke.plots.style import COLORS, line_style, style


def draw_fig2c(dataset: xr.Dataset) -> Any:
    """fiorelli2020 Fig. 2(c), one panel for each coupling, with both closed forms."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    with style():
        figure = Figure(figsize=(11.0, 3.9), layout="constrained")
        panels = figure.subplots(1, dataset.sizes["coupling"], sharey=True)
        jumps = dataset["jump"].values
        for letter, axes, coupling in zip(
            "abcdef", np.ravel(panels), dataset["coupling"].values, strict=False
        ):
            for number, eta in enumerate(dataset["eta"].values):
                axes.plot(
                    jumps,
                    dataset["ratio"].sel(coupling=coupling, eta=eta),
                    **line_style(number, marker=True),
                    markevery=max(1, len(jumps) // 8),
                    ms=4,
                )
                if eta < 1:
                    thermal = np.exp(-float(dataset["beta"].sel(eta=eta)) * jumps)
                    axes.plot(jumps, thermal, color=COLORS[number], lw=3.2, alpha=0.3)
            large = jumps[jumps > coupling**2]
            axes.plot(large, large_jump_ratio(large, coupling), color="0.55", lw=0.9)
            axes.set_xlabel("|ΔE|")
            axes.set_title(f"({letter}) g = {coupling:g}", fontsize=9)
        np.ravel(panels)[0].set_ylabel("R(ΔE) = W(ΔE)/W(−ΔE)")
        entries = [
            Line2D([], [], label=f"η = {eta:g}", **line_style(k, marker=True))
            for k, eta in enumerate(dataset["eta"].values)
        ]
        entries += [
            Line2D([], [], color="0.4", lw=3.2, alpha=0.4, label="exp(−β$_{eff}$ΔE)"),
            Line2D([], [], color="0.55", lw=0.9, label="((ΔE−g²)/(ΔE+g²))⁴"),
        ]
        figure.legend(handles=entries, loc="outside upper center", ncols=6, fontsize=8)
    return figure


def draw_fig2d(dataset: xr.Dataset) -> Any:
    """fiorelli2020 Fig. 2(d): median over draws, most draws, and the mean of ln R."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(6.6, 4.6), layout="constrained")
        axes = figure.subplots()
        _bands(axes, dataset, dataset["log_ratio"], np.exp)
        axes.set_xscale("log")
        axes.set_xlim(dataset["eta"].values[0], dataset["eta"].values[-1])
        axes.set_ylim(0, 1.05)
        axes.set_xlabel("η")
        axes.set_ylabel("R(ΔE)")
        _legend(figure, axes, columns=3)
    return figure


def draw_fig2e(dataset: xr.Dataset) -> Any:
    """fiorelli2020 Fig. 2(e): ln R/ΔE, and the closed forms of −β_eff."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(11.0, 4.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        _bands(left, dataset, dataset["slope"], lambda values: values)
        etas = dataset["eta"].values
        fine = np.geomspace(etas[0], etas[-1], 400)
        beta = beta_of_energy(fine)
        left.plot(fine, -beta, color="black", lw=1.0, label="−β$_{eff}$, Eq. (S15)")
        left.plot(fine, -4 * fine, color="black", lw=1.0, ls=":", label="−4η")
        left.set_xscale("log")
        left.set_xlim(etas[0], etas[-1])
        low = min(float(dataset["slope"].quantile(0.05, "draw").min()), -float(beta.max()))
        left.set_ylim(1.12 * low, 0.1)
        left.set_xlabel("η")
        left.set_ylabel("ln R(ΔE)/ΔE")
        left.set_title("(a) collapse on one inverse temperature", fontsize=9)
        for number, jump in enumerate(dataset["jump"].values):
            off = -dataset["slope"].sel(jump=jump) / (4 * dataset["eta"])
            _one_band(right, etas, off, number, "")
        single = -dataset["single"] / (4 * etas)
        named = f"g = {float(dataset['single_coupling']):g}, "
        right.plot(
            etas,
            single,
            "x",
            color="black",
            ms=5,
            label=named + f"ΔE = {float(dataset['single_jump']):g}",
        )
        right.plot(fine, beta / (4 * fine), color="black", lw=1.0)
        right.axhspan(0.95, 1.05, color="0.85", lw=0, zorder=0, label="within 5 % of 4η")
        right.set_xscale("log")
        right.set_xlim(etas[0], etas[-1])
        right.set_ylim(0, 1.3)
        right.set_xlabel("η")
        right.set_ylabel("−ln R/(4η ΔE)")
        right.set_title("(b) relative to 4η", fontsize=9)
        _legend(figure, left, right, columns=4)
    return figure


def _legend(figure: Any, *panels: Any, columns: int) -> None:
    """Of lines that are named, and of what bands and bars stand for."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    named = [entry for axes in panels for entry in axes.get_legend_handles_labels()[0]]
    named += [
        Patch(color="0.5", alpha=0.25, lw=0, label="5 to 95 % of draws"),
        Line2D([], [], color="0.3", lw=0, marker="|", ms=9, label="mean of draws ± 2 errors"),
    ]
    figure.legend(handles=named, loc="outside upper center", ncols=columns, fontsize=8)


def _bands(axes: Any, dataset: xr.Dataset, values: xr.DataArray, shown: Any) -> None:
    etas = dataset["eta"].values
    for number, jump in enumerate(dataset["jump"].values):
        _one_band(axes, etas, shown(values.sel(jump=jump)), number, f"ΔE = {jump:g}")


def _one_band(axes: Any, etas: Any, values: Any, number: int, label: str) -> None:
    """Median, 5 to 95 % of draws, and the mean with twice its error."""
    low, middle, high = np.quantile(values.transpose("eta", "draw"), [0.05, 0.5, 0.95], axis=1)
    axes.fill_between(etas, low, high, color=COLORS[number], alpha=0.15, lw=0)
    for edge in (low, high):
        axes.plot(etas, edge, **line_style(number), lw=0.5)
    axes.plot(
        etas,
        middle,
        **line_style(number, marker=True),
        ms=3.5,
        markevery=max(1, len(etas) // 12),
        label=f"{label}, median" if label else None,
    )
    count = values.sizes["draw"]
    mean, error = values.mean("draw"), values.std("draw", ddof=1) / count**0.5
    axes.errorbar(etas, mean, 2 * error, color=COLORS[number], lw=0, elinewidth=0.9, alpha=0.8)
