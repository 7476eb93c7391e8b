"""What the time step does to the means that the figures show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from opendicke.papers.catalogue import Desk, Scale
from opendicke.papers.kelly2021.ensembles import DeskPart, coordinates, experiment, label, step_of


def make_steps(scale: Scale, desk: Desk) -> xr.Dataset:
    """The hardest ensembles without loss at their step and at half of it, with the same samples.

    With loss another step draws other noise, and means agree within errors only.

    Returns
    -------
    xarray.Dataset
        Along `curve` and time: `apart` (mean over realizations of sx at the step less that at half
        the step) and `apart_stderr`, from the scatter of this difference over realizations.
    """
    parameters = scale.parameters["steps"]
    points = parameters["points"]
    found = []
    for number, point in enumerate(points):
        part = DeskPart(desk, number / len(points), (number + 1) / len(points))
        step = step_of(point["sigma"])
        pair = [
            part.run(
                f"steps_{label(point)}_{name}", experiment(parameters, point, step / divisor), share
            )["sx"]
            for name, divisor, share in (("whole", 1, (0.0, 0.35)), ("half", 2, (0.35, 1.0)))
        ]
        apart = (pair[0] - pair[1]).drop_attrs()
        count = apart.sizes["realization"]
        found.append(
            xr.Dataset(
                {
                    "apart": apart.mean("realization"),
                    "apart_stderr": apart.std("realization", ddof=1) / np.sqrt(count),
                    "step": ((), step, {"units": "1/h"}),
                }
            )
        )
    return xr.concat(found, "curve").assign_coords(coordinates(parameters["total"], points))


def make_locked(scale: Scale, desk: Desk) -> xr.Dataset:
    """Early oscillations of σx and of the number of photons, at short intervals.

    Returns
    -------
    xarray.Dataset
        `sx` and `photons` of every realization, (curve, realization, time).
    """
    parameters = scale.parameters["locked"]
    points = parameters["points"]
    found = []
    for number, point in enumerate(points):
        share = (number / len(points), (number + 1) / len(points))
        asked = replace(experiment(parameters, point), observables=["sx", "photons"])
        made = desk.run(f"locked_{label(point)}", asked, share)
        found.append(made[["sx", "photons", "status"]].drop_attrs(deep=False).load())
    whole = xr.concat(found, "curve", data_vars="all", combine_attrs="override", join="exact")
    return whole.assign_coords(coordinates(parameters["total"], points))
