"""What the time step does to the means that the figures show."""

from __future__ import annotations

import xarray as xr

from opendicke.papers.catalogue import Desk, Scale
from opendicke.papers.kelly2021.ensembles import (
    DeskPart,
    coordinates,
    experiment,
    gathered,
    label,
    over_draws,
    step_of,
)


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
        apart, error = over_draws((pair[0] - pair[1]).drop_attrs())
        about = ((), step, {"units": "1/h"})
        found.append(xr.Dataset({"apart": apart, "apart_stderr": error, "step": about}))
    return xr.concat(found, "curve").assign_coords(coordinates(parameters["total"], points))


def make_locked(scale: Scale, desk: Desk) -> xr.Dataset:
    """Early oscillations of σx and of the number of photons, at short intervals.

    Returns
    -------
    xarray.Dataset
        As `gathered`: `sx` and `photons` of every realization, (curve, realization, time).
    """
    parameters = scale.parameters["locked"]
    return gathered(desk, "locked", parameters, parameters["points"], ("sx", "photons"))
