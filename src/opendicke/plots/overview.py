"""The figure that fits a dataset."""

from __future__ import annotations

from typing import Any

import xarray as xr

from opendicke.plots.curves import curves
from opendicke.plots.phase_diagram import is_phase_diagram, phase_diagram
from opendicke.plots.retrieval import retrieval, shows_retrieval


def overview(dataset: xr.Dataset) -> Any:
    """The figure of a phase diagram or of a memory where the dataset is one, else curves."""
    if is_phase_diagram(dataset):
        return phase_diagram(dataset)
    return retrieval(dataset) if shows_retrieval(dataset) else curves(dataset)
