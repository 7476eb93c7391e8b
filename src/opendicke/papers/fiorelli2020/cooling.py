"""Fig. 2(a) and (b): ten spins that heat up or cool, for given draws and on average."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from opendicke.methods.rate_equation import RateEquation
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.papers.catalogue import Progress, Scale
from opendicke.papers.fiorelli2020.drawn import (
    averaged,
    damped_to,
    energies_of,
    stationary_of,
)
from opendicke.papers.fiorelli2020.two_spins import (
    START,
    drawn_couplings,
    model_of,
    time_grid,
)
from opendicke.physics.coherence_times import validity
from opendicke.physics.configuration_rates import configuration_rates
from opendicke.results.dataset import words
from opendicke.solving import solve

TOP = 0.6
"""Largest energy over the size of the lowest that has an interval of its own."""
_SETTINGS = ("frequency", "loss", "gain", "field", "strength")
_NUMBERS = {
    "stationary_energy": "stationary mean of E",
    "lowest": "energy of the ground states",
    "ground_weight": "stationary weight of the ground states",
    "cold": "stationary probability of energies below half of the lowest",
    "variation": "total variation distance of the stationary state from uniform",
    "beta": "inverse temperature of the stationary state",
    "ratio": "Λ/W",
    "drive": "largest field × coherence time",
}


def make_fig2a(scale: Scale, progress: Progress) -> xr.Dataset:
    """fiorelli2020 Fig. 2(a): large η, and what remains of the energy over size and η."""
    parameters = scale.parameters["fig2a"]
    followed = _followed(parameters, lambda share, text: progress(0.7 * share, text))
    return followed.merge(_sizes(parameters, progress))


def make_fig2b(scale: Scale, progress: Progress) -> xr.Dataset:
    """fiorelli2020 Fig. 2(b): small η, and the stationary state over η."""
    parameters = scale.parameters["fig2b"]
    followed = _followed(parameters, lambda share, text: progress(0.9 * share, text))
    return followed.merge(_over_eta(parameters, progress)).merge(_gaps(parameters))


def _followed(parameters: Mapping[str, Any], progress: Progress) -> xr.Dataset:
    """Energies of each draw in time, and its stationary state."""
    settings = dict(parameters)
    drawn = drawn_couplings(settings, settings["spins"], settings["draws"])
    groups = {"shown": settings["shown"], "drawn": drawn}
    every = [(name, couplings) for name, some in groups.items() for couplings in some]
    times = time_grid(settings, settings["last"])
    edges = np.linspace(-1, TOP, settings["bins"] + 1)
    made = []
    for number, (_, couplings) in enumerate(every):
        progress(number / len(every), f"draw {number + 1} of {len(every)}")
        made.append(_one(model_of(settings, couplings), times, edges))
    whole = xr.concat(made, "draw")
    of_drawn = whole.isel(draw=slice(len(settings["shown"]), None))
    shares = (of_drawn["energy"] / -of_drawn["lowest"]).transpose("draw", "time").values
    means = {"energy": of_drawn["energy"].transpose("draw", "time").values, "share": shares}
    variables: dict[str, Any] = {
        "group": words("draw", [name for name, _ in every]),
        "distribution": whole["distribution"].isel(draw=slice(len(settings["shown"]))),
        "mean_distribution": of_drawn["distribution"].mean("draw"),
        **{name: ((), float(settings[name])) for name in _SETTINGS},
    }
    variables["distribution"] = variables["distribution"].rename(draw="shown")
    for name, values in means.items():
        mean, error = averaged(values)
        variables[f"mean_{name}"] = (("time",), mean, {"long_name": f"{name}, mean over draws"})
        variables[f"mean_{name}_stderr"] = (("time",), error)
    return (
        whole.drop_vars("distribution")
        .assign(variables)
        .assign_coords(level=(("level",), (edges[1:] + edges[:-1]) / 2, {"long_name": "E/|E₀|"}))
    )


def _one(model: DickeModel, times: Array, edges: Array) -> xr.Dataset:
    """One draw: from all down in time, and the end."""
    found = solve(
        model, START, times, RateEquation(), ["probability"], validity="ignore", progress=False
    )["probability"].values
    end, energies = stationary_of(model), energies_of(model)
    fastest = float(configuration_rates(model).max())
    judged = validity(
        model.couplings, model.frequencies, model.loss, model.gain, model.field, fastest
    )
    numbers = {
        "stationary_energy": end.mean_energy,
        "lowest": end.lowest,
        "ground_weight": end.ground_weight,
        "cold": float(end.probability[energies < end.lowest / 2].sum()),
        "variation": end.variation,
        "beta": end.beta,
        "ratio": judged.ratio,
        "drive": float(judged.drive.max()),
    }
    return xr.Dataset(
        {
            "couplings": (("spin",), model.couplings[:, 0], {"long_name": "coupling g"}),
            "energy": (("time",), found @ energies, {"long_name": "mean of E"}),
            "distribution": (("time", "level"), found @ binned(energies / -end.lowest, edges)),
            **{name: ((), value, {"long_name": _NUMBERS[name]}) for name, value in numbers.items()},
        },
        {"time": ("time", times, {"units": "1/energy"})},
    )


def binned(values: Array, edges: Array) -> Array:
    """Which interval each value lies in, as a matrix (values, intervals) of 0 and 1."""
    # The lowest level is an edge: rounding must not push it out.
    places = np.clip(np.searchsorted(edges, values + 1e-9) - 1, 0, len(edges) - 2)
    return np.asarray(places[:, None] == np.arange(len(edges) - 1), float)


def _sizes(parameters: Mapping[str, Any], progress: Progress) -> xr.Dataset:
    """How far from uniform, and what is left of the energy, for sizes and η."""
    sizes, etas, draws = (parameters[name] for name in ("sizes", "etas", "size_draws"))
    shape = (len(sizes), len(etas), draws)
    variation, share = np.empty(shape), np.empty(shape)
    for place, spins in enumerate(sizes):
        progress(0.7 + 0.3 * place / len(sizes), f"stationary states of {spins} spins")
        drawn = drawn_couplings(parameters, spins, draws)
        for number, eta in enumerate(etas):
            ends = [stationary_of(model_of(damped_to(parameters, eta), g)) for g in drawn]
            variation[place, number] = [end.variation for end in ends]
            share[place, number] = [end.mean_energy / end.lowest for end in ends]
    dims = ("size", "eta", "size_draw")
    return xr.Dataset(
        {
            "size_variation": (dims, variation, {"long_name": _NUMBERS["variation"]}),
            "size_share": (dims, share, {"long_name": "stationary mean of E over its lowest"}),
        },
        {"size": ("size", sizes), "eta": ("eta", etas)},
    )


def _over_eta(parameters: Mapping[str, Any], progress: Progress) -> xr.Dataset:
    """The stationary state of the shown draws over η, at fixed gain."""
    etas, shown = parameters["etas"], parameters["shown"]
    names = ("variation", "ground_weight", "share", "beta")
    values = {name: np.empty((len(etas), len(shown))) for name in names}
    for number, eta in enumerate(etas):
        progress(0.9 + 0.1 * number / len(etas), f"stationary states at η = {eta:.3g}")
        for place, couplings in enumerate(shown):
            end = stationary_of(model_of(damped_to(parameters, eta), couplings))
            values["variation"][number, place] = end.variation
            values["ground_weight"][number, place] = end.ground_weight
            values["share"][number, place] = end.mean_energy / end.lowest
            values["beta"][number, place] = end.beta
    made = {f"over_{name}": (("eta", "shown"), array) for name, array in values.items()}
    return xr.Dataset(made, {"eta": ("eta", etas)})


def _gaps(parameters: Mapping[str, Any]) -> xr.Dataset:
    """Gap above the ground states of many draws.

    One mode: all g_iσ_i have one sign in the ground states, and the spin that is cheapest to flip
    costs :math:`|g_i|(\\sum_l|g_l| - |g_i|)`, least for the smallest or the largest |g|.
    """
    drawn = drawn_couplings(parameters, parameters["spins"], parameters["gap_draws"])
    sizes = np.abs(drawn)
    gaps = (sizes * (sizes.sum(axis=1, keepdims=True) - sizes)).min(axis=1)
    return xr.Dataset({"gap": (("gap_draw",), gaps, {"long_name": "gap above the ground states"})})
