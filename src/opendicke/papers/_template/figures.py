"""All drawings, from stored datasets, without any solver."""

from __future__ import annotations

from typing import Any

import xarray as xr

from opendicke.plots.style import band, line_style, style


def draw_decay(dataset: xr.Dataset) -> Any:
    """One panel for each spin: points with errors, and closed forms as lines."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(8.4, 3.6), layout="constrained")
        panels = figure.subplots(1, dataset.sizes["spin"], sharey=True)
        for spin, axes in enumerate(panels):
            for k, loss in enumerate(dataset["loss"].values):
                one = dataset.isel(spin=spin, loss=k)
                look = line_style(k)
                band(
                    axes,
                    one["time"],
                    one["coherence"],
                    2 * one["coherence_stderr"],
                    **line_style(k, marker=True) | {"linestyle": "none"},
                    ms=3.5,
                    label=f"truncated Wigner, loss {loss:g}",
                )
                axes.plot(one["time"], one["with_own_field"], lw=0.9, **look)
                axes.plot(one["time"], one["exact"], lw=2.2, alpha=0.5, **look)
            axes.set_title(f"spin {spin + 1}, g = {float(dataset['coupling'][spin]):g}", fontsize=9)
            axes.set_xlabel("time (1/frequency of the mode)")
        panels[0].set_ylabel("coherence ⟨X⟩")
        panels[0].plot([], [], color="0.3", lw=2.2, alpha=0.5, label="exact")
        panels[0].plot([], [], color="0.3", lw=0.9, label="with its own field")
        panels[0].legend(fontsize=7.5)
    return figure
