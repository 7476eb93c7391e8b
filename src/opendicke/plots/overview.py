"""The figure that fits a dataset."""

from __future__ import annotations

from typing import Any

import xarray as xr

from opendicke.plots.curves import curves
from opendicke.plots.retrieval import retrieval, shows_retrieval


def overview(dataset: xr.Dataset) -> Any:
    """Pictures and overlaps of a memory where the dataset has them, else curves of everything."""
    return retrieval(dataset) if shows_retrieval(dataset) else curves(dataset)
