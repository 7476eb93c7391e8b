"""All drawings of carollo2021, from stored datasets, without any solver.

Patterns are numbered from 1 here, as in the paper.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.papers.carollo2021.finite_figures import draw_basin, draw_finite
from opendicke.papers.carollo2021.mapping_figures import draw_mapping
from opendicke.papers.carollo2021.stability_figures import draw_diagram, draw_kick, draw_windows
from opendicke.papers.carollo2021.theorem_figures import draw_theorem
from opendicke.physics.retrieval import critical_coupling, retrieval_occupation, retrieval_overlap
from opendicke.physics.windows import instability_windows
from opendicke.plots.style import COLORS, MARKERS, style

__all__ = [
    "draw_basin",
    "draw_diagram",
    "draw_fig2",
    "draw_fig3a",
    "draw_fig3b",
    "draw_figS1",
    "draw_figS2",
    "draw_finite",
    "draw_kick",
    "draw_theorem",
    "draw_windows",
]


def draw_fig2(dataset: xr.Dataset) -> Any:
    """carollo2021 Fig. 2."""
    return draw_mapping(dataset, expected="$N_{sp}/2^{M-1}$")


def draw_figS1(dataset: xr.Dataset) -> Any:  # noqa: N802 (the paper's name)
    """carollo2021 Fig. S1."""
    return draw_mapping(dataset, expected="$N_{sp}/2^M$")


def draw_figS2(dataset: xr.Dataset) -> Any:  # noqa: N802 (the paper's name)
    """carollo2021 Fig. S2."""
    return draw_mapping(dataset, expected="$p_{i_1} p_{i_2} N_{sp}$")


def draw_fig3a(dataset: xr.Dataset) -> Any:
    """carollo2021 Fig. 3(a), with the windows in which a retrieval state is unstable shaded."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    with style():
        figure = Figure(figsize=(6.2, 4.2), layout="constrained")
        axes = figure.subplots()
        entries = _curves_and_points(axes, dataset, "overlap", retrieval_overlap)
        windows = instability_windows(*_numbers(dataset))
        grid = np.linspace(0, 1, 200)
        for pattern, (low, high) in enumerate(windows):
            if high > low:
                strengths = low + (high - low) * grid
                top = retrieval_overlap(strengths, *_numbers(dataset, pattern))
                axes.fill_between(
                    strengths, 0, top, color=COLORS[pattern], alpha=0.2, lw=0, zorder=0
                )
        entries.append(Patch(color="0.5", alpha=0.35, lw=0, label="there, but unstable"))
        axes.set_ylim(-0.03, 1.03)
        axes.set_ylabel("stationary overlap |ξ$_μ$|")
        figure.legend(handles=entries, loc="outside upper center", ncols=4, fontsize=8)
    return figure


def draw_fig3b(dataset: xr.Dataset) -> Any:
    """carollo2021 Fig. 3(b), amplitudes in units of the root of the number of all spins."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(6.2, 4.2), layout="constrained")
        axes = figure.subplots()
        entries = _curves_and_points(axes, dataset, "occupation", retrieval_occupation)
        groups = 2 ** (dataset.sizes["pattern"] - 1)
        axes.set_ylim(bottom=-0.02)
        axes.set_ylabel(
            r"occupation $|\alpha_\mu|^2 = \langle a_\mu^\dagger a_\mu\rangle / N_{sp}$"
            f"\n(per spins of one group, as in the paper: × {groups})"
        )
        figure.legend(handles=entries, loc="outside upper center", ncols=4, fontsize=8)
    return figure


def _numbers(dataset: xr.Dataset, pattern: int | None = None) -> tuple[Any, Any, Any]:
    """Field, frequency and loss, for one pattern or for all."""
    frequency = dataset["frequency"].values
    chosen = frequency if pattern is None else frequency[pattern]
    return float(dataset["field"]), chosen, float(dataset["loss"])


def _curves_and_points(axes: Any, dataset: xr.Dataset, name: str, formula: Any) -> list[Any]:
    """The closed form as lines, and what the runs aligned with each pattern end with."""
    from matplotlib.lines import Line2D

    shown = float(dataset["strength"].isel(start=0).max())
    strengths = np.linspace(float(dataset["strength"].min()), shown, 2000)
    entries: list[Any] = []
    for pattern in range(dataset.sizes["start"]):
        color = COLORS[pattern]
        numbers = _numbers(dataset, pattern)
        edge = float(critical_coupling(*numbers))
        # Close below and above the threshold the curve is steep: sample it there.
        finer = np.sort(np.concatenate([strengths, edge + np.linspace(0, 0.02, 200) ** 2]))
        axes.plot(finer, formula(finer, *numbers), color=color, lw=1.5)
        runs = dataset.isel(start=pattern, pattern=pattern)
        inside = runs["strength"].values <= shown * (1 + 1e-9)
        axes.plot(
            runs["strength"].values[inside],
            runs[name].values[inside],
            MARKERS[pattern],
            color=color,
            mfc="white",
            ms=4.5,
            mew=1.1,
        )
        entries.append(
            Line2D(
                [],
                [],
                color=color,
                marker=MARKERS[pattern],
                mfc="white",
                label=f"μ = {pattern + 1}",
            )
        )
    entries.append(Line2D([], [], color="black", label="closed form"))
    entries.append(
        Line2D([], [], color="0.3", marker="o", mfc="white", ls="none", label="simulated, $N → ∞$")
    )
    axes.set_xlim(strengths[0], shown)
    axes.set_xlabel("coupling strength $g_0$ (units of the loss)")
    return entries
