"""Cooling and heating: the distribution of the Ising energy over time, its mean, ground states."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import xarray as xr

from opendicke.errors import InputError
from opendicke.plots.curves import curve
from opendicke.plots.style import COLORS, spread_times, style

_DISTRIBUTION = "ising_energy_distribution"
_MOST_PANELS = 6


def shows_energies(dataset: xr.Dataset) -> bool:
    """Whether a dataset holds the distribution of the Ising energy over time."""
    return _DISTRIBUTION in dataset and "time" in dataset.dims and "bin_energy" in dataset.coords


def energies(dataset: xr.Dataset) -> Any:
    """One panel for each member: how likely each energy is (shading), the mean, the lowest energy.

    As fiorelli2020, Fig. 2a and b.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If no member is finished.
    """
    from matplotlib.figure import Figure

    data = dataset[_DISTRIBUTION]
    members = [d for d in data.dims if d not in ("time", "energy_bin")]
    there = data.notnull().any([d for d in data.dims if d not in members])
    every = itertools.product(*(range(data.sizes[d]) for d in members))
    places = [place for place in every if there.values[place]]  # a store under way has gaps
    if not places:
        raise InputError("dataset", "hold a member that is finished", "held none")
    shown = places[:_MOST_PANELS]
    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    with style():
        figure = Figure(figsize=(4.4 * columns + 1.0, 3.4 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        top = float(data.max())
        for axes, place in zip(panels, shown, strict=False):
            mesh = _panel(axes, dataset, dict(zip(members, place, strict=True)), top)
        for axes in panels[len(shown) :]:
            axes.set_visible(False)
        entries, labels = panels[0].get_legend_handles_labels()
        figure.legend(entries, labels, loc="outside lower center", ncols=len(labels))
        bar = figure.colorbar(mesh, ax=panels[: len(shown)].tolist(), shrink=0.8)
        bar.set_label("probability of an interval of energies")
        if len(places) > len(shown):
            figure.suptitle(f"{len(shown)} of {len(places)} members", fontsize=9)
    return figure


def _panel(axes: Any, dataset: xr.Dataset, at: dict[Any, int], top: float) -> Any:
    from matplotlib.colors import PowerNorm

    data = dataset[_DISTRIBUTION].isel(at)
    levels = dataset["bin_energy"]
    levels = levels.isel({d: at[d] for d in levels.dims if d in at})
    times = dataset["time"].values
    # Rare energies show beside frequent ones on a scale of powers.
    norm = PowerNorm(0.4, vmin=0.0, vmax=max(top, 1e-300))
    mesh = axes.pcolormesh(
        times,
        levels,
        data.transpose("energy_bin", "time"),
        cmap="Blues",
        norm=norm,
        rasterized=True,
    )
    if "ising_energy" in dataset:
        mean = dataset["ising_energy"].isel(at)
        error = dataset.get("ising_energy_stderr")
        error = None if error is None else error.isel(at)
    else:
        mean, error = (data * levels).sum("energy_bin"), None
    curve(axes, mean, error, color=COLORS[1], label="mean energy")
    if "lowest_energy" in dataset.coords:
        lowest = dataset["lowest_energy"]
        lowest = lowest.isel({d: at[d] for d in lowest.dims if d in at})
        axes.axhline(float(lowest), color=COLORS[6], ls="--", lw=1.1, label="ground states")
    spread_times(axes, times)
    axes.grid(False)
    low, high = float(levels.min()), float(levels.max())
    if len(times) > 1:
        axes.set_xlim(times[0], times[-1])
    if high > low:
        axes.set_ylim(low - 0.05 * (high - low), high + 0.02 * (high - low))
    axes.set_xlabel("time")
    axes.set_ylabel("Ising energy $H_I$")
    axes.set_title(_title(dataset, at), fontsize=9)
    return mesh


def _title(dataset: xr.Dataset, at: dict[Any, int]) -> str:
    parts = []
    for dim, place in at.items():
        if dataset.sizes[dim] == 1 and dim == "realization":
            continue
        value = dataset[dim].values[place]
        text = f"{value:g}" if np.issubdtype(type(value), np.number) else str(value)
        parts.append(f"{dim} {text}")
    return ", ".join(parts)
