"""The figure that fits a dataset."""

from __future__ import annotations

from typing import Any

import xarray as xr

from opendicke.plots.comparison import plot_comparison
from opendicke.plots.curves import curves
from opendicke.plots.energy import energies, shows_energies
from opendicke.plots.ensemble import averages, cells_shown
from opendicke.plots.phase_diagram import is_phase_diagram, phase_diagram
from opendicke.plots.retrieval import retrieval, shows_retrieval
from opendicke.results.comparison import is_comparison


def overview(dataset: xr.Dataset) -> Any:
    """The figure of a comparison, a phase diagram, a memory or a cooling, else curves.

    Of many realizations, curves of their averages. A title says how many cells of an ensemble are
    there, and how many of them ended other than well.
    """
    if is_comparison(dataset):
        return plot_comparison(dataset)
    if is_phase_diagram(dataset):
        return phase_diagram(dataset)
    if shows_energies(dataset):
        figure = energies(dataset)
    elif shows_retrieval(dataset) and not averages(dataset):
        figure = retrieval(dataset)
    else:
        return curves(dataset)
    if words := cells_shown(dataset):
        figure.suptitle("; ".join(filter(None, [figure.get_suptitle(), words])), fontsize=9)
    return figure
