"""Drawings beyond carollo2021: finite numbers of spins, flipped spins."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.plots.style import COLORS, MARKERS, shades, style


def draw_finite(dataset: xr.Dataset) -> Any:
    """How drawn couplings of N spins approach the limit, and how they leave a window."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(10.4, 3.7), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        _approach(left, dataset.isel(case=0))
        _escape(middle, dataset.isel(case=1))
        _escape_times(right, dataset.isel(case=1))
    return figure


def escape_times(case: xr.Dataset) -> xr.DataArray:
    """Last time at which the overlap is above half of what Eq. (12) promises; NaN if for ever."""
    time = case["time"]
    last = time.where(case["overlap"] >= float(case["expected_overlap"]) / 2).max("time")
    return last.where(last < float(time[-1]))


def _approach(axes: Any, case: xr.Dataset) -> None:
    """Own overlap against Eq. (12), and the largest other overlap, over N."""
    start = int(case["start"])
    late, spins = case["final_overlap"], case["spins"]
    own = abs(late.isel(pattern=start) - float(case["expected_overlap"])).values
    others = late.drop_isel(pattern=start).max("pattern").values
    for values, color, marker, label in (
        (others, COLORS[1], "^", "largest other overlap"),
        (own, COLORS[0], "o", f"||ξ$_{start + 1}$| − Eq. (12)|"),
    ):
        grid = np.repeat(spins.values[:, None], case.sizes["draw"], axis=1)
        axes.loglog(grid.ravel(), values.ravel(), marker, color=color, ms=3, alpha=0.35)
        mean = np.exp(np.log(values).mean(axis=1))
        axes.loglog(spins, mean, marker + "-", color=color, ms=6, label=label)
    n = spins.values.astype(float)
    middle = len(n) // 2
    for power, values in ((-0.5, others), (-1.0, own)):
        anchor = float(np.exp(np.log(values).mean(axis=1))[middle])
        law = f"∝ $N_{{sp}}^{{{'-1/2' if power == -0.5 else '-1'}}}$"
        dash = ":" if power == -0.5 else "--"
        axes.loglog(n, anchor * (n / n[middle]) ** power, dash, color="black", lw=1, label=law)
    axes.set_xlabel("number of spins $N_{sp}$")
    axes.set_ylabel("deviation from the limit")
    axes.legend(loc="lower left", fontsize=7.5)
    ratio = float(case["ratio"])
    axes.set_title(f"(a) stable: start in {start + 1}, $g_0$ = {ratio:g} $g_{{crit}}$", fontsize=9)


def _escape(axes: Any, case: xr.Dataset) -> None:
    """The overlap with the start, in time, inside a window of instability."""
    start = int(case["start"])
    spins = case["spins"].values
    shown = [k for k in range(len(spins)) if np.isclose(np.log10(spins[k]) % 1, 0, atol=1e-3)]
    times = escape_times(case)
    latest = float(times.max()) if bool(times.notnull().any()) else float(case["time"][-1])
    for color, k in zip(shades(len(shown)), shown, strict=True):
        own = case["overlap"].isel(spins=k, draw=0)
        power = round(float(np.log10(spins[k])))
        axes.plot(case["time"], own, color=color, lw=1.2, label=f"$10^{power}$")
    axes.axhline(float(case["expected_overlap"]), color="black", lw=1, ls="--")
    axes.text(
        0.98,
        float(case["expected_overlap"]) + 0.015,
        "Eq. (12)",
        transform=axes.get_yaxis_transform(),
        ha="right",
        va="bottom",
        fontsize=8,
    )
    axes.set_xlim(0, min(1.5 * latest, float(case["time"][-1])))
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("time")
    axes.set_ylabel(f"overlap |ξ$_{start + 1}$|")
    axes.legend(title="$N_{sp}$", loc="upper right", fontsize=7.5, title_fontsize=8, ncols=2)
    ratio = float(case["ratio"])
    axes.set_title(
        f"(b) in the window: start in {start + 1}, $g_0$ = {ratio:g} $g_{{crit}}$", fontsize=9
    )


def _escape_times(axes: Any, case: xr.Dataset) -> None:
    """When the start is left, over N: late by the time in which 1/√N grows to order 1."""
    times = escape_times(case)
    spins = case["spins"].values.astype(float)
    grid = np.repeat(spins[:, None], case.sizes["draw"], axis=1)
    axes.semilogx(grid.ravel(), times.values.ravel(), "o", color=COLORS[0], ms=3, alpha=0.35)
    mean = times.mean("draw")
    axes.semilogx(spins, mean, "o", color=COLORS[0], ms=6, label="simulated, mean of draws")
    rate = float(case["growth_rate"])
    law = np.log(spins) / (2 * rate)
    law += float((mean - law).mean())
    axes.semilogx(
        spins, law, color="black", lw=1.1, label="slope ln $N_{sp}$ / 2λ, λ from the Jacobian"
    )
    axes.set_xlabel("number of spins $N_{sp}$")
    axes.set_ylabel("time of escape")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", fontsize=7.5)
    axes.set_title("(c) the same: every finite system escapes", fontsize=9)


def draw_basin(dataset: xr.Dataset) -> Any:
    """Overlap kept from a start with a fraction of the spins flipped."""
    from matplotlib.figure import Figure

    flipped = dataset["flipped"].values
    fine = np.linspace(0, 0.5, 1000)
    with style():
        figure = Figure(figsize=(6.0, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.plot(fine, 1 - 2 * fine, color="black", ls="--", lw=1.2, label="at the start, 1 − 2f")
        for k, ratio in enumerate(dataset["ratio"].values):
            color = COLORS[k]
            kept = np.sqrt(np.maximum((1 - 2 * fine) ** 2 - ratio**-4.0, 0))
            axes.plot(fine, kept, color=color)
            axes.plot(
                flipped,
                dataset["overlap"].isel(ratio=k),
                MARKERS[k % len(MARKERS)],
                color=color,
                mfc="white",
                ms=4.5,
                label=f"$g_0$ = {ratio:g} $g_{{crit}}$",
            )
        axes.plot([], [], color="0.4", label=r"$\sqrt{(1-2f)^2 - (g_{crit}/g_0)^4}$")
        axes.set_xlim(-0.005, 0.505)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("fraction f of flipped spins at the start")
        axes.set_ylabel("overlap |ξ$_1$| at the end")
        axes.legend(fontsize=8)
        axes.set_title("Mean field keeps patterns and corrects no error", fontsize=9)
    return figure
