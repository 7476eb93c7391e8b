"""Drawings of the appendix of fiorelli2020, and of its fictitious Ising model."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.plots.style import COLORS, line_style, style


def draw_appendix(dataset: xr.Dataset) -> Any:
    """fiorelli2020 Eqs. (S14), (S21): a rate and its closed forms, and (S23) over η."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(11.4, 4.2), layout="constrained")
        panels = figure.subplots(1, dataset.sizes["eta"] + 1)
        for letter, axes, place in zip("abcdef", panels, range(dataset.sizes["eta"]), strict=False):
            one = dataset.isel(eta=place)
            _rates(axes, one)
            axes.set_title(
                f"({letter}) g = {float(dataset['coupling']):g}, η = {float(one['eta']):g}",
                fontsize=9,
            )
        _crossings(panels[-1], dataset)
        entries, labels = panels[0].get_legend_handles_labels()
        figure.legend(entries, labels, loc="outside upper center", ncols=6, fontsize=8)
    return figure


def _rates(axes: Any, one: xr.Dataset) -> None:
    jumps = one["jump"].values
    axes.plot(jumps, one["exact"], color=COLORS[0], lw=3.0, alpha=0.45, label="Eq. (3)")
    axes.plot(jumps, one["gaussian"], color=COLORS[1], lw=1.1, ls="--", label="Gaussian, (S14)")
    axes.plot(jumps, one["power"], color=COLORS[2], lw=1.1, ls=":", label="power law, (S21)")
    away, peak = one["distance"].values, float(one["exact"].max())
    middle = float(np.interp(0.0, away, jumps))
    slope = (jumps[-1] - jumps[0]) / (away[-1] - away[0])
    for name, ls, label in (
        ("mark", "-", "crossing, solved exactly"),
        ("mark_estimate", "--", "(S23) with 128"),
        ("mark_printed", ":", "(S23) as printed, 32"),
    ):
        for sign in (1, -1):
            axes.axvline(
                middle + sign * slope * float(one[name]),
                color="0.35",
                lw=0.9,
                ls=ls,
                label=label if sign > 0 else None,
            )
    axes.set_yscale("log")
    axes.set_ylim(float(one["exact"].min()) / 3, 4 * peak)
    axes.set_xlim(jumps[0], jumps[-1])
    axes.set_xlabel("ΔE")
    axes.set_ylabel("rate W")


def _crossings(axes: Any, dataset: xr.Dataset) -> None:
    """Both estimates relative to the exact root."""
    over = dataset["over"].values
    for number, (name, label) in enumerate(
        (("estimate", "(S23) with 128"), ("printed", "(S23) as printed, 32"))
    ):
        axes.semilogx(
            over,
            dataset[name] / dataset["crossing"],
            **line_style(number, marker=True),
            ms=4,
            label=label,
        )
    axes.axhline(1, color="black", lw=0.8)
    axes.set_xlabel("η")
    axes.set_ylabel("estimate of the crossing/exact root")
    axes.legend(loc="lower left", fontsize=8)
    axes.set_title("(c) how good the estimates are", fontsize=9)


def draw_ising(dataset: xr.Dataset) -> Any:
    """The fictitious Ising model with both fields, the scale λ, and the bound on η.

    Coherences decay at γ_eff/2, as the jump operators √γ_eff(1+Z)/2 make them.
    """
    from matplotlib.figure import Figure

    with style():
        count = dataset.sizes["panel"]
        figure = Figure(figsize=(11.4, 7.2), layout="constrained")
        columns = (count + 2 + 1) // 2
        panels = figure.subplots(2, columns).ravel()
        for letter, axes, place in zip("abcdefgh", panels, range(count), strict=False):
            _panel(axes, dataset.isel(panel=place), letter)
        _scales(panels[count], dataset, "abcdefgh"[count])
        _bound(panels[count + 1], dataset, "abcdefgh"[count + 1])
        entries, labels = panels[0].get_legend_handles_labels()
        title = "coherences decay at γ$_{eff}$/2"
        figure.legend(entries, labels, loc="outside upper center", ncols=4, fontsize=8, title=title)
    return figure


def _panel(axes: Any, one: xr.Dataset, letter: str) -> None:
    times, every = one["time"].values, max(1, one.sizes["point"] // 12)
    axes.plot(times, one["rates"], color="0.45", lw=3.2, alpha=0.5, label="rate equation")
    axes.plot(times, one["printed"], color=COLORS[1], ls="--", label="Ω$_{eff}$ = Ωλ, as printed")
    axes.plot(
        times,
        one["corrected"],
        "o",
        color=COLORS[0],
        ms=3.5,
        markevery=every,
        label="Ω$_{eff}$ = Ωλ/√2, corrected",
    )
    axes.set_ylim(0, 1.03)
    axes.set_xlim(0, times[-1])
    axes.set_xlabel("time")
    axes.set_ylabel("probability of all down")
    speeds = [float(one[f"{name}_speed"]) for name in ("printed", "corrected")]
    axes.set_title(
        f"({letter}) {int(one['spins'])} spins, η = {float(one['eta']):g}; "
        f"speed {speeds[0]:.2f}, {speeds[1]:.2f}",
        fontsize=9,
    )


def _scales(axes: Any, dataset: xr.Dataset, letter: str) -> None:
    axes.loglog(dataset["lambda"], dataset["over_scale"], **line_style(0, marker=True), ms=4)
    axes.set_xlabel("scale λ")
    axes.set_ylabel("largest difference of a probability")
    eta = float(dataset["scale_eta"])
    axes.set_title(f"({letter}) corrected field, two spins, η = {eta:g}", fontsize=9)


def _bound(axes: Any, dataset: xr.Dataset, letter: str) -> None:
    """Error of the rate equation over η, by exact dynamics."""
    etas = dataset["bounded"].values
    for number, (name, label) in enumerate(
        (("bounded_error", "error"), ("bounded_drive", "Ω t$_L$")), start=2
    ):
        axes.loglog(etas, dataset[name], **line_style(number, marker=True), ms=4, label=label)
    bound = float(dataset["bound"])
    axes.axvline(bound, color="0.4", lw=1.0, ls=":", label=f"paper's bound, {bound:.0f}")
    axes.set_xlabel("η")
    axes.set_ylabel("rate equation against exact")
    axes.legend(loc="lower right", fontsize=8)
    axes.set_title(f"({letter}) two spins with bosons, largest error", fontsize=9)
