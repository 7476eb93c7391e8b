"""Curves of kelly2021's figures: ensembles over disorder, and the laws that they follow."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import xarray as xr

from opendicke.analysis.relaxation_map import relaxation_fits
from opendicke.errors import ValidityWarning
from opendicke.papers.catalogue import Desk, Scale
from opendicke.papers.kelly2021.ensembles import gathered, over_draws
from opendicke.papers.kelly2021.scales import FIELD
from opendicke.physics.coupled_paramagnet import coupled_paramagnet
from opendicke.physics.paramagnet import (
    classical_paramagnet_polarization,
    paramagnet_polarization,
    paramagnet_temperature,
)
from opendicke.physics.timescales import perturbative_time, photon_time

TOLERANCE = 0.004
"""Deviation from a law that one does not see in a figure, twice the aimed standard error."""
FLOOR = 3.0
"""Standard errors below which a curve says nothing."""


def make_fig2_left(scale: Scale, desk: Desk) -> xr.Dataset:
    """kelly2021 Fig. 2, left: sx at large frequencies."""
    return _relaxing(scale, desk, "fig2_left")


def make_fig2_center(scale: Scale, desk: Desk) -> xr.Dataset:
    """kelly2021 Fig. 2, centre: sx at ω = h for several σ."""
    return _relaxing(scale, desk, "fig2_center")


def make_fig2_right(scale: Scale, desk: Desk) -> xr.Dataset:
    """kelly2021 Fig. 2, right: sz in the paramagnet."""
    return _plain(scale, desk, "fig2_right")


def make_fig3_center(scale: Scale, desk: Desk) -> xr.Dataset:
    """kelly2021 Fig. 3, centre, and its log-log form: slow photons, several α."""
    return _relaxing(scale, desk, "fig3_center")


def make_fig3_right(scale: Scale, desk: Desk) -> xr.Dataset:
    """kelly2021 Fig. 3, right, and its log-log form: fast photons, several α."""
    return _relaxing(scale, desk, "fig3_right")


def make_displaced(scale: Scale, desk: Desk) -> xr.Dataset:
    """The composite quench of kelly2021, "Tuning the ratio": all modes displaced at the start."""
    return _relaxing(scale, desk, "displaced")


def make_loss(scale: Scale, desk: Desk) -> xr.Dataset:
    """kelly2021, "Photon losses"."""
    return _relaxing(scale, desk, "loss")


def make_paramagnet(scale: Scale, desk: Desk) -> xr.Dataset:
    """sz of the paramagnet over ω: late means, and what temperatures say.

    Returns
    -------
    xarray.Dataset
        Besides the curves: `late` and `late_stderr`, means of sz over the last fifth of the times.
        Polarisations of thermal states that have the energy
        of the start: `quantum` (the paper's: all modes), `bright` (modes that couple),
        `classical` (those, as truncated Wigner has them) and `coupled` (with their coupling); and
        `temperature`, the paper's.
    """
    dataset = _plain(scale, desk, "paramagnet")
    own = (dataset["alpha"].values, dataset["frequency"].values, FIELD)
    coupled = coupled_paramagnet(dataset["sigma"].values, *own)
    stop = float(dataset["time"][-1])
    late, error = over_draws(dataset["sz"].sel(time=slice(0.8 * stop, None)).mean("time"))
    return dataset.assign(
        late=late,
        late_stderr=error,
        quantum=("curve", paramagnet_polarization(*own)),
        bright=("curve", paramagnet_polarization(*own, bright_only=True)),
        classical=("curve", classical_paramagnet_polarization(*own, bright_only=True)),
        coupled=("curve", coupled.polarization),
        temperature=("curve", paramagnet_temperature(*own), {"units": "h"}),
    )


def _plain(scale: Scale, desk: Desk, figure: str) -> xr.Dataset:
    parameters = scale.parameters[figure]
    return gathered(desk, figure, parameters, parameters["points"])


def _relaxing(scale: Scale, desk: Desk, figure: str) -> xr.Dataset:
    dataset = _plain(scale, desk, figure)
    desk(1.0, "fits")
    return with_laws(dataset, scale.parameters[figure])


def with_laws(dataset: xr.Dataset, parameters: Mapping[str, Any]) -> xr.Dataset:
    """Time scales of every curve, and the law that sx follows after t_h."""
    scales = (dataset["sigma"].values, dataset["alpha"].values)
    perturbative = perturbative_time(*scales, FIELD)
    photon = photon_time(*scales, dataset["frequency"].values, FIELD)
    about = {"units": "1/h"}
    timed = dataset.assign_coords(
        perturbative_time=("curve", perturbative, about),
        photon_time_low=("curve", photon.low, about),
        photon_time_high=("curve", photon.high, about),
    )
    with warnings.catch_warnings():
        # Curves have as many realizations as they need, some fewer than others.
        warnings.filterwarnings("ignore", r".* left out \(\d+ pending\)\.$", ValidityWarning)
        laws = relaxation_fits(timed, "sx", **law_settings(timed, parameters))
    return timed.assign({f"law_{name}": variable for name, variable in laws.data_vars.items()})


def law_settings(dataset: xr.Dataset, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """How laws are fitted to curves that know their period and t_h."""
    return {
        "period": dataset["period"],
        "start": dataset["perturbative_time"],
        "field": FIELD,
        "floor": FLOOR,
        "tolerance": TOLERANCE,
        "seed": parameters["seed"],
    }
