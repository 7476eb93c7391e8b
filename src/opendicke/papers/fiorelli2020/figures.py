"""All drawings of fiorelli2020, from stored datasets, without any solver."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.papers.fiorelli2020.balance_figures import draw_fig3
from opendicke.papers.fiorelli2020.cooling_figures import draw_fig2a, draw_fig2b
from opendicke.papers.fiorelli2020.crowd_figures import draw_crowd, draw_jumps
from opendicke.papers.fiorelli2020.limit_figures import draw_appendix, draw_ising
from opendicke.papers.fiorelli2020.ratio_figures import draw_fig2c, draw_fig2d, draw_fig2e
from opendicke.papers.fiorelli2020.standards import SLOW, of_group
from opendicke.papers.fiorelli2020.theory import deviation_of_alike
from opendicke.physics.coherence_times import DOUBTFUL
from opendicke.plots.style import COLORS, line_style, style

__all__ = [
    "draw_appendix",
    "draw_crowd",
    "draw_fig2a",
    "draw_fig2a_inset",
    "draw_fig2b",
    "draw_fig2c",
    "draw_fig2d",
    "draw_fig2e",
    "draw_fig3",
    "draw_ising",
    "draw_jumps",
]

_CONFIGURATIONS = ("↑↑", "↑↓", "↓↑", "↓↓")
_LINEAR = 1e-2
"""Λ/W up to which the axis is linear, so that zero has a place."""


def draw_fig2a_inset(dataset: xr.Dataset) -> Any:
    """Probabilities of two spins by both methods, and how far these are apart over Λ/W."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(11.6, 5.0), layout="constrained")
        halves: Any = figure.subfigures(1, 2, width_ratios=(1.15, 1))
        left, right = halves
        shown = of_group(dataset[["couplings", "ratio", "deviation", "group"]], "pair", "shown")
        panels = left.subplots(2, 2, sharex=True, sharey=True).ravel()
        for number, axes in enumerate(panels):
            one = dataset[["exact", "rates"]].isel(panel=number)
            _probabilities(axes, one.merge(shown.isel(pair=number)), "abcd"[number])
        for axes in panels[2:]:
            axes.set_xlabel("time")
        for axes in panels[::2]:
            axes.set_ylabel("probability")
        _entries(left)
        _deviations(right.subplots(), dataset)
    return figure


def _named(pair: xr.Dataset) -> str:
    return ", ".join(f"{value:g}".replace("-", "−") for value in pair["couplings"].values)


def _probabilities(axes: Any, pair: xr.Dataset, letter: str) -> None:
    """As the paper's inset: rate equation solid, exact dashed."""
    times = pair["time"].values[1:]
    for number in range(pair.sizes["configuration"]):
        color = COLORS[number]
        one = pair.isel(configuration=number, time=slice(1, None))
        axes.semilogx(times, one["rates"], color=color, lw=2.6, alpha=0.45)
        axes.semilogx(times, one["exact"], color=color, lw=1.2, ls="--")
    axes.set_xlim(times[0], times[-1])
    axes.set_ylim(-0.03, 1.03)
    axes.set_title(
        f"({letter}) g = ({_named(pair)}): Λ/W = {float(pair['ratio']):.3g}, "
        f"apart by {float(pair['deviation']):.2g}",
        fontsize=8.5,
    )


def _entries(figure: Any) -> None:
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=COLORS[number], lw=2, label=name)
        for number, name in enumerate(_CONFIGURATIONS)
    ]
    entries.append(Line2D([], [], color="0.3", lw=2.6, alpha=0.45, label="rate equation"))
    entries.append(Line2D([], [], color="0.3", lw=1.2, ls="--", label="exact"))
    figure.legend(handles=entries, loc="outside upper center", ncols=6, fontsize=8)


def _deviations(axes: Any, dataset: xr.Dataset) -> None:
    """The largest deviation over Λ/W: families, drawn pairs, closed form, and verdicts."""
    fine = np.concatenate([np.linspace(0, _LINEAR, 20), np.geomspace(_LINEAR, 1e3, 300)])
    axes.plot(
        fine, deviation_of_alike(fine), color="black", lw=1.1, label="closed form, two spins alike"
    )
    drawn = of_group(dataset, "pair", "drawn")
    slow = drawn["drive"].values > SLOW
    for chosen, marker, label in (
        (~slow, "o", "drawn couplings"),
        (slow, "^", f"drawn, warned: h t$_L$ > {SLOW:g}"),
    ):
        axes.plot(
            drawn["ratio"].values[chosen],
            drawn["deviation"].values[chosen],
            marker,
            color="0.55",
            mfc="0.75" if marker == "o" else "white",
            ms=3.6,
            mew=0.7,
            label=label,
        )
    for number, (group, label) in enumerate(
        (("same", "g = (3, g$_2$)"), ("opposite", "g = (2, −g$_2$)"))
    ):
        family = of_group(dataset, "pair", group).sortby("ratio")
        look = line_style(number, marker=True)
        axes.plot(family["ratio"], family["deviation"], **look, ms=4, label=label)
    shown = of_group(dataset, "pair", "shown")
    axes.plot(shown["ratio"], shown["deviation"], "D", color=COLORS[2], ms=5.5, label="(a) … (d)")
    for letter, ratio, deviation in zip(
        "abcd", shown["ratio"].values, shown["deviation"].values, strict=True
    ):
        axes.annotate(
            letter, (ratio, deviation), (5, 5), textcoords="offset points", color=COLORS[2]
        )
    _verdicts(axes)
    axes.set_xscale("symlog", linthresh=_LINEAR, linscale=0.4)
    axes.set_yscale("log")
    axes.set_xlim(-_LINEAR / 3, 1e3)
    lowest = min(float(dataset["deviation"].min()), 1e-3)
    axes.set_ylim(lowest / 1.5, 1.2)
    axes.set_xlabel("decay of the coherence between configurations two flips apart, Λ/W")
    axes.set_ylabel("largest deviation of a probability")
    axes.legend(loc="lower left", fontsize=8)
    axes.set_title("(e) rate equation against exact dynamics", fontsize=9)


def _verdicts(axes: Any) -> None:
    """Where the library refuses, warns and is silent."""
    axes.axvline(0, color=COLORS[1], lw=1.2, ls=":")
    axes.axvspan(0, DOUBTFUL, color="0.93", lw=0, zorder=0)
    axes.axvline(DOUBTFUL, color="0.5", lw=0.8)
    top = axes.get_xaxis_transform()
    for place, word, side in (
        (_LINEAR / 10, "0: refused", "left"),
        (1.0, f"below {DOUBTFUL:g}: warned", "center"),
        (1.3 * DOUBTFUL, "silent", "left"),
    ):
        axes.text(place, 0.97, word, transform=top, ha=side, va="top", fontsize=8)
