"""Drawings of fiorelli2020 Fig. 2(a) and (b): energies of ten spins over time."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.plots.style import COLORS, MARKERS, band, line_style, style

_DISTANCE = {
    "variation": "distance of the end from uniform",
    "ground_weight": "weight of the ground states at the end",
    "share": "mean E/E$_0$ at the end",
}


def draw_fig2a(dataset: xr.Dataset) -> Any:
    """fiorelli2020 Fig. 2(a), its average over draws, and what remains of the energy."""
    figure, (third, fourth) = _common(dataset)
    with style():
        _ends(third, dataset, ("variation", "share"))
        for number, eta in enumerate(dataset["eta"].values):
            values = dataset["size_variation"].sel(eta=eta).transpose("size", "size_draw").values
            count = values.shape[1]
            fourth.errorbar(
                dataset["size"],
                values.mean(axis=1),
                values.std(axis=1, ddof=1) / count**0.5,
                **line_style(number, marker=True),
                ms=4,
                capsize=2,
                label=f"η = {eta:g}",
            )
        fourth.set_yscale("log")
        fourth.set_xlabel("number of spins N")
        fourth.set_ylabel("total variation distance from uniform")
        low, high = fourth.get_ylim()
        fourth.set_ylim(low, high * (high / low) ** 0.25)
        fourth.legend(loc="upper left", ncols=4, fontsize=7.5, columnspacing=1.0)
        fourth.set_title("(d) stationary states, mean over draws", fontsize=9)
    return figure


def draw_fig2b(dataset: xr.Dataset) -> Any:
    """fiorelli2020 Fig. 2(b), its average over draws, and the stationary state over η."""
    figure, (third, fourth) = _common(dataset)
    with style():
        _ends(third, dataset, ("variation", "share", "ground_weight"))
        etas = dataset["eta"].values
        one = dataset.isel(shown=0)
        for number, (name, words) in enumerate(
            {
                "over_variation": "distance from uniform",
                "over_share": "mean E/E$_0$",
                "over_ground_weight": "weight of the ground states",
            }.items()
        ):
            fourth.plot(etas, one[name], **line_style(number, marker=True), ms=3.2, label=words)
        eta = float(dataset["loss"] - dataset["gain"]) / float(dataset["frequency"])
        fourth.axvline(eta, color="0.5", lw=0.9)
        fourth.text(eta * 1.15, 1.02, f"η = {eta:g}", fontsize=8, color="0.35", va="bottom")
        fourth.set_xscale("log")
        fourth.set_ylim(-0.03, 1.45)
        fourth.set_yticks(np.linspace(0, 1, 6))
        fourth.set_xlabel("η")
        fourth.set_ylabel("of the stationary state")
        fourth.legend(loc="upper right", fontsize=8)
        fourth.set_title("(d) first draw, over η", fontsize=9)
    return figure


def _common(dataset: xr.Dataset) -> tuple[Any, Any]:
    """Shading and mean for one draw and on average; two more panels are left."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(11.0, 7.6), layout="constrained")
        panels = figure.subplots(2, 2).ravel()
        lowest = float(dataset["lowest"][0])
        first = dataset["distribution"].isel(shown=0), dataset["level"] * -lowest
        _shading(panels[0], dataset["time"].values, *first)
        times = dataset["time"].values[1:]
        panels[0].plot(
            times, dataset["energy"].isel(draw=0)[1:], color=COLORS[1], lw=2, label="mean energy"
        )
        end = float(dataset["stationary_energy"][0])
        panels[0].axhline(end, color=COLORS[1], lw=1, ls=":", label="stationary mean")
        panels[0].axhline(lowest, color="black", lw=1.1, ls="--", label="ground states")
        panels[0].set_ylabel("energy E of Eq. (4)")
        panels[0].set_title("(a) one draw of ten couplings", fontsize=9)
        mesh = _shading(
            panels[1], dataset["time"].values, dataset["mean_distribution"], dataset["level"]
        )
        mean, error = (dataset[f"mean_share{end}"].values[1:] for end in ("", "_stderr"))
        band(panels[1], times, mean, 2 * error, color=COLORS[1], lw=1.6, label="mean ± 2 errors")
        panels[1].axhline(-1, color="black", lw=1.1, ls="--", label="ground states")
        count = dataset.sizes["draw"] - dataset.sizes["shown"]
        panels[1].set_ylabel("E/|E$_0$|")
        panels[1].set_title(f"(b) average over {count} draws, in units of |E$_0$|", fontsize=9)
        for axes in panels[:2]:
            axes.set_xscale("log")
            axes.set_xlim(times[0], times[-1])
            axes.set_xlabel("time")
            axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.06), ncols=3, fontsize=8)
            axes.grid(False)
        figure.colorbar(mesh, ax=panels[1]).set_label("probability of an interval of energies")
    return figure, panels[2:]


def _shading(axes: Any, times: Any, shares: xr.DataArray, levels: xr.DataArray) -> Any:
    from matplotlib.colors import PowerNorm

    values = shares.transpose("level", "time").values[:, 1:]
    there = np.flatnonzero(values.max(axis=1) > 1e-9)
    last = min(len(values), there[-1] + 3)
    mesh = axes.pcolormesh(
        times[1:],
        levels.values[:last],
        values[:last],
        cmap="Greys",
        norm=PowerNorm(0.4, vmin=0.0, vmax=1.0),
        rasterized=True,
    )
    grid = levels.values
    step = float(grid[1] - grid[0])
    axes.set_ylim(grid[0] - 2 * step, grid[last - 1] + step / 2)
    return mesh


def _ends(axes: Any, dataset: xr.Dataset, names: tuple[str, ...]) -> None:
    """Shares of draws whose number is at most so large, and means with errors."""
    count = dataset.sizes["shown"]
    for number, name in enumerate(names):
        values = _values(dataset, name)
        drawn, shown = np.sort(values[count:]), values[:count]
        heights = np.arange(1, len(drawn) + 1) / len(drawn)
        mean, error = drawn.mean(), drawn.std(ddof=1) / len(drawn) ** 0.5
        label = f"{_DISTANCE[name]}: {mean:.3f} ± {error:.3f}"
        axes.step(drawn, heights, where="post", label=label, **line_style(number))
        axes.errorbar(
            mean, 0.5, xerr=error, color=COLORS[number], marker=MARKERS[number], ms=5, capsize=3
        )
        axes.plot(shown, np.zeros(count) + 0.02, "|", color=COLORS[number], ms=9, mew=1.5)
    axes.set_ylim(0, 1.32)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_xlabel("value (ticks at the bottom: the two given draws)")
    axes.set_ylabel("share of draws below")
    axes.legend(loc="upper left", fontsize=8)
    axes.set_title("(c) stationary states of the draws", fontsize=9)


def _values(dataset: xr.Dataset, name: str) -> Any:
    if name == "share":
        return (dataset["stationary_energy"] / dataset["lowest"]).values
    return dataset[name].values
