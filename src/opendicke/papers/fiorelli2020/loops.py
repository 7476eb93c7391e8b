"""Fig. 3: Kolmogorov's criterion around the loop of two spins, and around all loops of more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import brentq, minimize_scalar

from opendicke.model.checks import Array
from opendicke.papers.catalogue import Progress, Scale
from opendicke.papers.fiorelli2020.asymmetry import log_ratio
from opendicke.papers.fiorelli2020.drawn import damped_to
from opendicke.papers.fiorelli2020.two_spins import drawn_couplings, model_of
from opendicke.physics.balance import square_loops
from opendicke.physics.configuration_rates import configuration_rates
from opendicke.results.dataset import words

_ROUNDING = 1e-6
"""Logarithms of ratios that errors of rates can make."""


def loop_of_two(parameters: Mapping[str, Any], pair: list[float], eta: float) -> float:
    """ln K = 2 [ln R₂ − ln R₁] at ΔE = g₁g₂, see `two_spin_ratio`."""
    cost = [pair[0] * pair[1]]
    first, second = (float(log_ratio(parameters, g, eta, cost)[0]) for g in pair)
    return 2 * (second - first)


def largest_loop(parameters: Mapping[str, Any], couplings: list[float], eta: float) -> float:
    """The largest |ln K| of all square loops."""
    model = model_of(damped_to(parameters, eta), couplings)
    return float(np.abs(square_loops(configuration_rates(model))).max())


def make_fig3(scale: Scale, progress: Progress) -> xr.Dataset:
    """fiorelli2020 Fig. 3, and the same for more spins."""
    parameters = scale.parameters["fig3"]
    shown = parameters["shown"]
    pairs = [*shown, *drawn_couplings(parameters, 2, parameters["draws"])]
    etas = parameters["etas"]
    logs = np.empty((len(pairs), len(etas)))
    for place, pair in enumerate(pairs):
        progress(0.2 * place / len(pairs), f"pair {place + 1} of {len(pairs)}")
        logs[place] = [loop_of_two(parameters, pair, eta) for eta in etas]
    roots = [_crossings(parameters, pair, own) for pair, own in zip(pairs, logs, strict=True)]
    most = max(1, *map(len, roots))
    padded = np.array([found + [np.nan] * (most - len(found)) for found in roots])
    groups = ["shown"] * len(shown) + ["drawn"] * (len(pairs) - len(shown))
    two = xr.Dataset(
        {
            "log_loop": (("pair", "eta"), logs, {"long_name": "ln of the ratio of products"}),
            "couplings": (("pair", "spin"), pairs),
            "crossing": (("pair", "root"), padded, {"long_name": "η at which the ratio is 1"}),
            "group": words("pair", groups),
        },
        {"eta": etas},
    )
    return two.merge(_many(parameters, progress))


def _crossings(parameters: Mapping[str, Any], pair: list[float], logs: Array) -> list[float]:
    """All η of the grid's span at which ln K changes its sign beyond rounding."""
    etas = parameters["etas"]
    found = []
    for k in range(len(etas) - 1):
        ends = logs[k : k + 2]
        if ends[0] * ends[1] < 0 and np.abs(ends).min() > _ROUNDING:
            found.append(
                brentq(lambda eta: loop_of_two(parameters, pair, eta), etas[k], etas[k + 1])
            )
    return found


def _many(parameters: Mapping[str, Any], progress: Progress) -> xr.Dataset:
    """The largest |ln K| over η for more spins, and the η at which it is least."""
    sizes, etas = parameters["sizes"], np.array(parameters["etas"])
    draws = parameters["many_draws"]
    largest = np.empty((len(sizes), draws, len(etas)))
    least, least_at, peak = (np.empty((len(sizes), draws)) for _ in range(3))
    for place, spins in enumerate(sizes):
        for draw, couplings in enumerate(drawn_couplings(parameters, spins, draws)):
            share = (place + draw / draws) / len(sizes)
            progress(0.2 + 0.8 * share, f"loops of {spins} spins")
            own = [largest_loop(parameters, couplings, eta) for eta in etas]
            largest[place, draw] = own
            found = lowest_minimum(parameters, couplings, etas, np.array(own))
            least_at[place, draw], least[place, draw] = found
            peak[place, draw] = max(own)
    equal = [[parameters["strength"] / 2] * spins for spins in sizes]
    alike = [[largest_loop(parameters, one, eta) for eta in etas] for one in equal]
    grid = ("size", "many_draw")
    return xr.Dataset(
        {
            "largest": ((*grid, "eta"), largest, {"long_name": "largest |ln ratio| of all loops"}),
            "least": (grid, least, {"long_name": "its lowest local minimum over η"}),
            "least_at": (grid, least_at, {"long_name": "η of that minimum"}),
            "highest": (grid, peak, {"long_name": "largest of it over η"}),
            "equal": (("size", "eta"), alike, {"long_name": "the same for equal couplings"}),
        },
        {"size": sizes},
    )


def lowest_minimum(
    parameters: Mapping[str, Any], couplings: list[float], etas: Array, own: Array
) -> tuple[float, float]:
    """η and value of the lowest local minimum of the largest |ln K|; NaN where it has none.

    A zero between the two limits is such a minimum. At the ends of the grid, where all loops close
    in the limit, rounding makes minima of its own.
    """
    there = np.flatnonzero(own > _ROUNDING)
    inner = np.arange(there[0] + 1, there[-1]) if len(there) else np.arange(0)
    lower = (own[inner] <= own[inner - 1]) & (own[inner] <= own[inner + 1])
    found = [(np.nan, np.nan)]
    for k in inner[lower]:
        dip = minimize_scalar(
            lambda x: largest_loop(parameters, couplings, float(np.exp(x))),
            bounds=(np.log(etas[k - 1]), np.log(etas[k + 1])),
            method="bounded",
            options={"xatol": 1e-9},
        )
        found.append((float(np.exp(dip.x)), min(float(dip.fun), float(own[k]))))
    return min(found[1:] or found, key=lambda one: one[1])
