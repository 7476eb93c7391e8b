"""Drawings beyond fiorelli2020: many spins, and the jumps of energy that they make."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.papers.fiorelli2020.standards import SLOW, STRONG, of_group
from opendicke.plots.style import COLORS, MARKERS, band, line_style, style


def draw_crowd(dataset: xr.Dataset) -> Any:
    """Energy over that of the ground states, in time, and at the end over N."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(12.4, 4.5), layout="constrained")
        left, right, third = figure.subplots(1, 3, width_ratios=(1.4, 1, 1))
        times = dataset["time"].values[1:]
        for number, size in enumerate(dataset["size"].values):
            one = dataset.sel(size=size).isel(time=slice(1, None))
            mean, error = one["share"].values, one["share_stderr"].values
            look = line_style(number, marker=True) | {"ms": 3.5, "markevery": 2}
            band(left, times, mean, 2 * error, label=f"N = {size:,}", **look)
        exact = dataset.dropna("size", subset=["stationary"])
        for size in exact["size"].values:
            end = float(exact["stationary"].sel(size=size))
            left.axhline(end, color="black", lw=1, ls="--", label=f"stationary, N = {size}")
        left.axhline(0, color="0.4", lw=0.7)
        left.set_xscale("log")
        left.set_xlim(times[0], times[-1])
        left.set_xlabel("time")
        left.set_ylabel("mean energy/|lowest energy|")
        figure.legend(
            *left.get_legend_handles_labels(), loc="outside upper center", ncols=6, fontsize=8
        )
        left.set_title("(a) mean over draws ± 2 errors", fontsize=9)
        last = dataset.isel(time=-1)
        right.errorbar(
            last["size"],
            -last["share"],
            2 * last["share_stderr"],
            fmt="o-",
            color=COLORS[0],
            ms=4.5,
            capsize=3,
            label=f"at t = {float(dataset['time'][-1]):.0e}",
        )
        right.errorbar(
            exact["size"],
            -exact["stationary"],
            2 * exact["stationary_stderr"],
            fmt="s",
            color=COLORS[1],
            mfc="white",
            ms=6,
            capsize=3,
            label="stationary, rate equation",
        )
        right.set_xscale("log")
        right.set_yscale("log")
        right.set_xlabel("number of spins N")
        right.set_ylabel("mean energy/lowest energy")
        right.legend(loc="lower left", fontsize=8)
        right.set_title("(b) what is reached", fontsize=9)
        _weakness(third, dataset)
    return figure


def _weakness(axes: Any, dataset: xr.Dataset) -> None:
    """How many spins couple strongly, and how many flip before they lose their coherence."""
    for number, (name, label) in enumerate(
        (
            ("drive", "median Ω t$_L$"),
            ("slow", f"share of spins with Ω t$_L$ > {SLOW:g}"),
            ("strong", f"share with 8πg² ≥ {STRONG:g}"),
        )
    ):
        axes.plot(
            dataset["size"], dataset[name], label=label, ms=4.5, **line_style(number, marker=True)
        )
    axes.set_xscale("log")
    axes.set_ylim(-0.03, 1.6)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_xlabel("number of spins N")
    axes.legend(loc="upper left", fontsize=8)
    axes.set_title("(c) couplings become weak", fontsize=9)


def draw_jumps(dataset: xr.Dataset) -> Any:
    """Where jumps of energy lie between the regimes (i) and (ii), and R in the latter."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(11.4, 4.4), layout="constrained")
        first, second, third = figure.subplots(1, 3)
        _histogram(first, dataset)
        _shares(second, dataset)
        _ratio(third, dataset)
    return figure


def _histogram(axes: Any, dataset: xr.Dataset) -> None:
    drawn, place = of_group(dataset, "draw", "drawn"), dataset["place"].values
    width = np.log10(place[1] / place[0])
    for number, (name, label) in enumerate(
        (("histogram", "jumps at stationarity"), ("uniform", "all possible flips"))
    ):
        values = drawn[name].transpose("draw", "place").values / width
        mean = values.mean(axis=0)
        error = values.std(axis=0, ddof=1) / len(values) ** 0.5
        band(axes, place, mean, 2 * error, label=label, **line_style(number))
    axes.axvline(1, 0, 0.84, color="0.3", lw=0.9, ls=":")
    axes.set_xscale("log")
    axes.set_xlim(1e-3, 1e3)
    top = axes.get_ylim()[1]
    axes.set_ylim(0, 1.35 * top)
    axes.text(0.7, 1.1 * top, "(i)", ha="right", fontsize=9)
    axes.text(1.4, 1.1 * top, "(ii)", ha="left", fontsize=9)
    axes.set_xlabel("Γ² η/4g²")
    axes.set_ylabel("share per decade")
    axes.legend(loc="upper left", fontsize=8)
    axes.set_title(f"(a) η = 0.1, {drawn.sizes['draw']} draws of ten spins", fontsize=9)


def _shares(axes: Any, dataset: xr.Dataset) -> None:
    """Sorted over draws: shares on either side."""
    drawn = of_group(dataset, "draw", "drawn")
    heights = np.arange(1, drawn.sizes["draw"] + 1) / drawn.sizes["draw"]
    for number, (name, label) in enumerate(
        (
            ("narrow", "Γ² < 4g²/η"),
            ("wide", "beyond the crossing"),
        )
    ):
        values = np.sort(drawn[name].values)
        mean, error = values.mean(), values.std(ddof=1) / len(values) ** 0.5
        axes.step(
            values,
            heights,
            where="post",
            **line_style(number),
            label=f"{label}: {mean:.3f} ± {error:.3f}",
        )
        axes.errorbar(
            mean, 0.5, xerr=error, color=COLORS[number], marker=MARKERS[number], ms=5, capsize=3
        )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(0, 1.3)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_xlabel("share of jumps")
    axes.set_ylabel("share of draws below")
    axes.legend(loc="upper left", fontsize=8)
    axes.set_title("(b) share of jumps in each regime", fontsize=9)


def _ratio(axes: Any, dataset: xr.Dataset) -> None:
    number = 0
    for coupling in dataset["coupling"].values:
        for eta in dataset["eta"].values:
            one = dataset.sel(coupling=coupling, eta=eta)
            axes.semilogx(
                one["far"],
                one["exact"] / one["closed"],
                **line_style(number, marker=True),
                markevery=(number, 6),
                ms=3.5,
                label=f"g = {coupling:g}, η = {eta:g}",
            )
            number += 1
    axes.axhline(1, color="black", lw=0.7)
    axes.axvline(1, color="0.3", lw=0.9, ls=":")
    axes.set_ylim(0, 1.5)
    axes.set_xlabel("|Γ(−ΔE)| over the crossing")
    axes.set_ylabel("R/((ΔE−g²)/(ΔE+g²))⁴")
    axes.legend(loc="lower right", fontsize=8)
    axes.set_title("(c) the ratio at large jumps", fontsize=9)
