"""Appendix: a rate, its two closed forms, and where these cross."""

from __future__ import annotations

import numpy as np
import xarray as xr

from opendicke.model.configurations import energy_scale
from opendicke.papers.catalogue import Progress, Scale
from opendicke.papers.fiorelli2020.drawn import damped_to
from opendicke.papers.fiorelli2020.theory import printed_crossing
from opendicke.physics.flip_rates import flip_rates
from opendicke.physics.rate_limits import (
    crossing,
    crossing_estimate,
    gaussian_rates,
    power_law_rates,
    short_times,
)


def make_appendix(scale: Scale, progress: Progress) -> xr.Dataset:
    """fiorelli2020 Eqs. (S14), (S21) beside the rate, and (S22), (S23) over η."""
    parameters = scale.parameters["appendix"]
    row, etas = np.array([parameters["coupling"]]), parameters["etas"]
    panels = []
    for number, eta in enumerate(etas):
        progress(number / len(etas), f"rates at η = {eta:g}")
        known = damped_to(parameters, eta)
        modes = known["frequency"], known["loss"], known["gain"]
        gap = float(crossing(row, *modes))
        away = np.linspace(-parameters["reach"], parameters["reach"], parameters["points"]) * gap
        energies = away - float(short_times(row, *modes).reorganisation)
        every = {
            "exact": flip_rates,
            "gaussian": gaussian_rates,
            "power": power_law_rates,
        }
        curves = {
            name: (("point",), rates(row, *modes, known["field"], energies))
            for name, rates in every.items()
        }
        panels.append(
            xr.Dataset(
                {
                    **curves,
                    "jump": (("point",), energies * energy_scale(*modes), {"long_name": "ΔE"}),
                    "distance": (("point",), away, {"long_name": "Γ of Eq. (S12)"}),
                }
            )
        )
    over = [damped_to(parameters, eta) for eta in parameters["over"]]
    modes_over = [(known["frequency"], known["loss"], known["gain"]) for known in over]
    gain = parameters["gain"]
    printed = printed_crossing(row[0], [*etas, *parameters["over"]], gain)
    found = {
        "crossing": [float(crossing(row, *modes)) for modes in modes_over],
        "estimate": [float(crossing_estimate(row, *modes)) for modes in modes_over],
        "printed": printed[len(etas) :],
    }
    shown = [damped_to(parameters, eta) for eta in etas]
    marks = [(known["frequency"], known["loss"], known["gain"]) for known in shown]
    return (
        xr.concat(panels, "eta")
        .assign(
            {name: (("over",), values) for name, values in found.items()}
            | {
                "mark": (("eta",), [float(crossing(row, *modes)) for modes in marks]),
                "mark_estimate": (("eta",), [float(crossing_estimate(row, *m)) for m in marks]),
                "mark_printed": (("eta",), printed[: len(etas)]),
                "coupling": ((), float(row[0])),
                "field": ((), float(parameters["field"])),
                "gain": ((), float(gain)),
            }
        )
        .assign_coords(eta=etas, over=parameters["over"])
    )
