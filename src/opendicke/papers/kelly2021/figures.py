"""All drawings of kelly2021, from stored datasets, without any solver."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.analysis.relaxation_laws import Law
from opendicke.papers.kelly2021.drawing import (
    Curve,
    above_errors,
    fitted,
    legend_below,
    looks,
    mean_curve,
    named,
    plot_curve,
    verdict_of,
    window_of,
)
from opendicke.papers.kelly2021.map_figures import draw_fig1, draw_fig3_left
from opendicke.papers.kelly2021.more_figures import (
    draw_elimination,
    draw_locked,
    draw_paramagnet,
    draw_self_term,
    draw_steps,
)
from opendicke.plots.style import plain_ticks, style

__all__ = [
    "draw_displaced",
    "draw_elimination",
    "draw_fig1",
    "draw_fig2_center",
    "draw_fig2_left",
    "draw_fig2_right",
    "draw_fig3_center",
    "draw_fig3_left",
    "draw_fig3_right",
    "draw_locked",
    "draw_loss",
    "draw_paramagnet",
    "draw_self_term",
    "draw_steps",
]

_AVERAGED = "mean σ$^x$, averaged over 2π/ω"


def draw_fig2_left(dataset: xr.Dataset) -> Any:
    """kelly2021 Fig. 2, left: over ln t as the paper, and the averages in double logarithms."""
    return _relaxing(dataset, (("frequency", "ω"),), "log", Law.LOGARITHMIC)


def draw_fig2_center(dataset: xr.Dataset) -> Any:
    """kelly2021 Fig. 2, centre: double logarithms as the paper, and over ln t."""
    return _relaxing(dataset, (("sigma", "σ"),), "loglog", Law.POWER)


def draw_fig3_center(dataset: xr.Dataset) -> Any:
    """kelly2021 Fig. 3, centre: logarithm of sx over t, and double logarithms."""
    return _relaxing(dataset, (("alpha", "α"),), "semilog", Law.EXPONENTIAL)


def draw_fig3_right(dataset: xr.Dataset) -> Any:
    """kelly2021 Fig. 3, right: logarithm of sx over t, and double logarithms."""
    return _relaxing(dataset, (("alpha", "α"),), "semilog", Law.EXPONENTIAL)


def draw_displaced(dataset: xr.Dataset) -> Any:
    """Relaxation from displaced photons, and its exponential times."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(10.2, 4.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        symbols = (("sigma", "σ"), ("frequency", "ω"), ("part", "part"))
        for number, look in enumerate(looks(dataset.sizes["curve"])):
            curve = above_errors(mean_curve(dataset, number))
            plot_curve(left, curve, label=named(dataset, symbols, number), **look)
        left.set_yscale("log")
        plain_ticks(left.yaxis)
        left.set_xlabel("time ht")
        left.set_ylabel(_AVERAGED)
        legend_below(figure, left, 3)
        _times(right, dataset.isel(curve=dataset["part"].values == 1.0))
    return figure


def _times(axes: Any, dataset: xr.Dataset) -> None:
    """The exponential's τ over ω, one line for each σ."""
    fits = dataset.sel(law=Law.EXPONENTIAL.value)
    sigmas = np.unique(dataset["sigma"])
    for sigma, look in zip(sigmas, looks(len(sigmas)), strict=True):
        one = fits.isel(curve=dataset["sigma"].values == sigma).sortby("frequency")
        tau = one["law_tau"].values
        ends = [tau - one["law_tau_low"].values, one["law_tau_high"].values - tau]
        axes.errorbar(
            one["frequency"], tau, np.maximum(ends, 0), marker="o", ms=4, label=f"σ = {sigma:g}",
            **look,
        )  # fmt: skip
    axes.set_xscale("log")
    if np.isfinite(fits["law_tau"]).any():  # a logarithmic axis of nothing cannot be drawn
        axes.set_yscale("log")
    plain_ticks(*_logarithmic(axes))
    axes.set_xlabel("frequency ω/h")
    axes.set_ylabel("time hτ of the exponential")
    axes.legend(fontsize=8)


def draw_loss(dataset: xr.Dataset) -> Any:
    """Relaxation with loss: fast photons on the left, slow ones on the right."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(10.2, 4.4), layout="constrained")
        panels = figure.subplots(1, 2)
        order = sorted(set(dataset["frequency"].values), reverse=True)
        for axes, frequency in zip(panels, order, strict=False):
            numbers = np.flatnonzero(dataset["frequency"].values == frequency)
            for number, look in zip(numbers.tolist(), looks(len(numbers)), strict=True):
                curve = above_errors(mean_curve(dataset, number))
                plot_curve(axes, curve, label=named(dataset, (("loss", "loss"),), number), **look)
            first = int(numbers[0])
            axes.set_title(named(dataset, (("sigma", "σ"), ("frequency", "ω")), first), fontsize=9)
            axes.set_xscale("log")
            if frequency != order[0]:
                axes.set_yscale("log")
            plain_ticks(*_logarithmic(axes))
            axes.set_xlabel("time ht")
            axes.set_ylabel(_AVERAGED)
            axes.legend(fontsize=8)
    return figure


def draw_fig2_right(dataset: xr.Dataset) -> Any:
    """kelly2021 Fig. 2, right: sz of the paramagnet over time, and over ωt."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(10.2, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for number, look in enumerate(looks(dataset.sizes["curve"])):
            curve = mean_curve(dataset, number, "sz", smooth=False)
            label = named(dataset, (("frequency", "ω"),), number)
            plot_curve(left, curve, label=label, **look)
            scaled = curve._replace(times=curve.times * float(dataset["frequency"][number]))
            plot_curve(right, scaled, **look)
        left.set_xlabel("time ht")
        left.set_ylabel("mean σ$^z$ of the spins")
        left.margins(x=0)
        right.set_xlabel("ωt")
        right.set_xscale("log")
        right.set_xlim(left=0.5)
        legend_below(figure, left, dataset.sizes["curve"])
    return figure


_SCALES = {
    "log": (("log", "linear"), ("log", "log")),
    "loglog": (("log", "log"), ("log", "linear")),
    "semilog": (("linear", "log"), ("log", "log")),
}


def _relaxing(
    dataset: xr.Dataset, symbols: tuple[tuple[str, str], ...], kind: str, law: Law
) -> Any:
    """Averaged curves in two kinds of axes; black where a law holds, or the law in question."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(10.2, 4.6), layout="constrained")
        panels = figure.subplots(1, 2)
        curves = [mean_curve(dataset, number) for number in range(dataset.sizes["curve"])]
        for axes, (across, along) in zip(panels, _SCALES[kind], strict=True):
            for number, (curve, look) in enumerate(zip(curves, looks(len(curves)), strict=True)):
                visible = above_errors(curve)
                label = f"{named(dataset, symbols, number)}: {verdict_of(dataset, number)}"
                plot_curve(axes, visible if along == "log" else curve, label=label, **look)
                _marks(axes, dataset.isel(curve=number), visible, look["color"])
            axes.set_xscale(across)
            axes.set_yscale(along)
            plain_ticks(*_logarithmic(axes))
            axes.set_xlabel("time ht")
            axes.set_ylabel(_AVERAGED)
        for number in range(len(curves)):
            _law(panels[0], dataset, number, law)
        panels[0].plot([], [], "k:", lw=1.3, label=f"{law.value}, fitted")
        panels[0].plot([], [], "|", color="0.3", ms=9, label="t$_h$ (Eq. 4)")
        panels[0].plot([], [], "x", color="0.3", label="t$_ω$ (Eq. 7), bounds")
        legend_below(figure, panels[0], 3)
    return figure


def _logarithmic(axes: Any) -> list[Any]:
    return [axis for axis in (axes.xaxis, axes.yaxis) if axis.get_scale() == "log"]


def _law(axes: Any, dataset: xr.Dataset, number: int, law: Law) -> None:
    """The fit of one law inside its window."""
    first, last = window_of(dataset, number)
    if not first < last:
        return
    times = np.geomspace(first, last, 100)
    axes.plot(times, fitted(dataset, number, law.value, times), "k:", lw=1.1, zorder=5)


def _marks(axes: Any, times: xr.Dataset, curve: Curve, color: Any) -> None:
    """t_h and the bounds of t_ω on the averaged curve, as far as it reaches."""
    for name, mark, size in (
        ("perturbative_time", "|", 9),
        ("photon_time_low", "x", 6),
        ("photon_time_high", "x", 6),
    ):
        place = float(times[name])
        if len(curve.times) and curve.times[0] <= place <= curve.times[-1]:
            height = np.interp(place, curve.times, curve.mean)
            axes.plot(place, height, mark, color=color, ms=size, mew=1.4, zorder=6)
