"""Maps of responses: kelly2021 Fig. 1 and Fig. 3, left, computed point by point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from opendicke.analysis.response import response_map
from opendicke.papers.catalogue import Desk, Scale
from opendicke.papers.kelly2021.ensembles import gathered, over_draws
from opendicke.papers.kelly2021.relaxations import law_settings
from opendicke.papers.kelly2021.scales import FIELD
from opendicke.physics.timescales import perturbative_time


def make_fig1(scale: Scale, desk: Desk) -> xr.Dataset:
    """kelly2021 Fig. 1: the response over frequency ω/h and disorder σ/√h at large α."""
    parameters = scale.parameters["fig1"]
    grid = parameters["grid"]
    points = [
        {"alpha": parameters["alpha"], "sigma": sigma, "frequency": frequency}
        for sigma in grid["sigma"]
        for frequency in grid["frequency"]
    ]
    return _mapped(desk, "fig1", parameters, points)


def make_fig3_left(scale: Scale, desk: Desk) -> xr.Dataset:
    """kelly2021 Fig. 3, left: the response over modes per spin α and inverse frequency h/ω."""
    parameters = scale.parameters["fig3_left"]
    grid = parameters["grid"]
    points = [
        {"alpha": alpha, "sigma": parameters["sigma"], "frequency": 1 / inverse}
        for alpha in grid["alpha"]
        for inverse in grid["inverse"]
    ]
    return _mapped(desk, "fig3_left", parameters, points)


def _mapped(
    desk: Desk, figure: str, parameters: Mapping[str, Any], points: list[dict[str, float]]
) -> xr.Dataset:
    """Responses of all points along `curve`, and the curves themselves.

    Returns
    -------
    xarray.Dataset
        `sx`, `sz` and their errors, and what `response_map` says; the map is a grid whose axes
        are coordinates of the curves.
    """
    dataset = gathered(desk, figure, parameters, points)
    start = perturbative_time(dataset["sigma"].values, dataset["alpha"].values, FIELD)
    dataset = dataset.assign_coords(perturbative_time=("curve", start, {"units": "1/h"}))
    desk(1.0, "responses")
    found = response_map(dataset, "sx", **law_settings(dataset, parameters))
    late = dataset["sz"].sel(time=slice(0.7 * float(dataset["time"][-1]), None)).mean("time")
    mean, error = over_draws(late)
    return dataset.merge(found).assign(late_sz=mean, late_sz_stderr=error)
