"""Drawings beside kelly2021's own: temperatures, eliminated modes, the self-term, steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.measure.nested import nested_error
from opendicke.papers.kelly2021.drawing import (
    Curve,
    legend_under,
    looks,
    mean_curve,
    named,
    plot_curve,
)
from opendicke.plots.style import band, line_style, plain_ticks, style

_X = "mean σ$^x$ of the spins"


def draw_paramagnet(dataset: xr.Dataset) -> Any:
    """Late σz over ω beside thermal states, and how it gets there."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(10.2, 4.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for number, look in enumerate(looks(dataset.sizes["curve"])):
            curve = mean_curve(dataset, number, "sz")
            plot_curve(left, curve, label=named(dataset, (("frequency", "ω"),), number), **look)
        left.set_xlabel("time ht")
        left.set_ylabel("mean σ$^z$, averaged over 2π/ω")
        legend_under(left, 4)
        frequency = dataset["frequency"].values
        right.errorbar(
            frequency, dataset["late"], dataset["late_stderr"], fmt="ko", ms=4.5,
            label="last fifth of the times",
        )  # fmt: skip
        thermal = (
            ("quantum", "thermal, all modes (paper)"),
            ("bright", "thermal, modes that couple"),
            ("classical", "the same, truncated Wigner"),
            ("coupled", "the same, with coupling"),
        )
        for number, (name, label) in enumerate(thermal):
            right.plot(frequency, dataset[name], **line_style(number), label=label)
        right.set_xscale("log")
        plain_ticks(right.xaxis)
        right.set_xlabel("frequency ω/h")
        right.set_ylabel("mean σ$^z$ of the spins")
        legend_under(right)
    return figure


def draw_elimination(dataset: xr.Dataset) -> Any:
    """What Eq. (5) leaves of the modes' field over ω, and relaxation beside Eq. (3)."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(10.2, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        frequency = dataset["frequency"].values
        unit = dataset["leading"].values
        lines = (
            ("left", "field − first term, at every time"),
            ("left_averaged", "the same, averaged over 2π/ω"),
            ("next", "second term of Eq. (5)"),
            ("other_left_averaged", "other quadrature − second term, averaged"),
        )
        for number, (name, label) in enumerate(lines):
            look = line_style(number, marker=True)
            left.plot(frequency, dataset[name].values / unit, ms=4.5, label=label, **look)
        guide = frequency / frequency[0]
        left.plot(frequency, 0.5 * guide**-2.0, color="0.6", lw=0.9, label="∝ 1/ω²")
        left.set_xscale("log")
        left.set_yscale("log")
        plain_ticks(left.xaxis)
        left.set_xlabel("frequency ω/h")
        left.set_ylabel("root mean square / that of the first term")
        legend_under(left)
        for number, look in enumerate(looks(dataset.sizes["curve"])):
            curve = mean_curve(dataset, number)
            plot_curve(right, curve, label=named(dataset, (("frequency", "ω"),), number), **look)
        plot_curve(
            right, _curve(dataset["eliminated"]), color="black", lw=1.6, label="Eq. (3), ω → ∞"
        )
        right.set_xlabel("time ht")
        right.set_ylabel("mean σ$^x$, averaged over 2π/ω")
        legend_under(right, 3)
    return figure


def draw_locked(dataset: xr.Dataset) -> Any:
    """σx and photons per spin over ωt/2π, those of the two figures apart."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(10.2, 5.6), layout="constrained")
        panels = figure.subplots(2, 2, sharex="col")
        slow = dataset["frequency"].values == dataset["frequency"].values.min()
        for column, chosen in enumerate((~slow, slow)):
            numbers = np.flatnonzero(chosen).tolist()
            for number, look in zip(numbers, looks(len(numbers)), strict=True):
                turns = 1 / float(dataset["period"][number])
                for axes, name, unit in (
                    (panels[0, column], "sx", 1.0),
                    (panels[1, column], "photons", float(dataset["spins"][number])),
                ):
                    curve = mean_curve(dataset, number, name, smooth=False)
                    few = curve.times * turns <= _TURNS
                    scaled = Curve(
                        curve.times[few] * turns, curve.mean[few] / unit, curve.stderr[few] / unit
                    )
                    plot_curve(axes, scaled, label=named(dataset, _BOTH, number), **look)
            panels[1, column].set_xlabel("ωt/2π")
            legend_under(panels[1, column], 3)
        panels[0, 0].set_ylabel(_X)
        panels[1, 0].set_ylabel("photons per spin")
    return figure


_BOTH = (("sigma", "σ"), ("frequency", "ω"))
_TURNS = 6
"""Periods of the modes that are shown."""


def draw_self_term(dataset: xr.Dataset) -> Any:
    """With photons, with the self-term kept and dropped; few spins exactly."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(12.6, 4.2), layout="constrained")
        few = dataset["few_spins"].values
        panels = figure.subplots(1, 1 + len(few), sharey=True)
        first, others = np.ravel(panels)[0], np.ravel(panels)[1:]
        for number, way in enumerate(dataset["way"].values):
            curve = _curve(dataset["sx"].isel(way=number))
            plot_curve(first, curve, label=str(way), **line_style(number))
        first.set_title("the paper's size", fontsize=9)
        first.set_ylabel(_X)
        first.legend(fontsize=8)
        for place, (axes, spins) in enumerate(zip(others, few, strict=True)):
            for number, (name, label) in enumerate(
                (("few_wigner", "truncated Wigner, with photons"), ("few_exact", "exact"))
            ):
                both = nested_error(dataset[name].isel(few_spins=place).values)
                look = line_style(3 * number)
                band(axes, dataset["few_time"].values, both.mean, both.stderr, label=label, **look)
            axes.axhline(0, color="0.6", lw=0.7)
            axes.set_title(f"{spins} spins, mean over draws", fontsize=9)
            axes.legend(fontsize=8)
        for axes in np.ravel(panels):
            axes.set_xlabel("time ht")
            axes.margins(x=0)
    return figure


def draw_steps(dataset: xr.Dataset) -> Any:
    """Means at the step of the figures less those at half of it."""
    from matplotlib.figure import Figure

    with style():
        count = dataset.sizes["curve"]
        rows = -(-count // 4)
        figure = Figure(figsize=(11.5, 2.4 * rows + 0.3), layout="constrained")
        panels = figure.subplots(rows, min(count, 4), sharex=True, sharey=True, squeeze=False)
        symbols = (("alpha", "α"), ("sigma", "σ"), ("frequency", "ω"))
        for number, axes in enumerate(panels.ravel()):
            if number >= count:
                axes.set_visible(False)
                continue
            one = dataset.isel(curve=number)
            band(axes, one["time"], one["apart"], one["apart_stderr"], **line_style(0))
            axes.axhline(0, color="0.4", lw=0.7)
            title = named(dataset, symbols, number)
            for name in ("part", "loss"):
                if name in dataset.coords and float(one[name]):
                    title += f", {name} {float(one[name]):g}"
            axes.set_title(title, fontsize=8)
        for axes in panels[-1]:
            axes.set_xlabel("time ht")
        for axes in panels[:, 0]:
            axes.set_ylabel("difference of σ$^x$")
    return figure


def _curve(data: xr.DataArray) -> Curve:
    """Mean over realizations of data (realization, time)."""
    both = nested_error(data.transpose("realization", "time").values)
    return Curve(data["time"].values, both.mean, both.stderr)
