"""The inset of Fig. 2(a), and beyond it: how far two spins are from the rate equation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from opendicke.methods.lindblad import Lindblad
from opendicke.methods.rate_equation import RateEquation
from opendicke.model.checks import Array
from opendicke.model.couplings import Uniform
from opendicke.model.dicke import DickeModel
from opendicke.model.disorder import RandomDicke
from opendicke.model.state import ProductState
from opendicke.papers.catalogue import Progress, Scale
from opendicke.physics.coherence_times import Validity, validity
from opendicke.physics.configuration_rates import configuration_rates
from opendicke.results.dataset import words
from opendicke.solving import solve

START = ProductState.polarized("-z", bosons="stationary")


def make_fig2a_inset(scale: Scale, progress: Progress) -> xr.Dataset:
    """fiorelli2020 Fig. 2(a), inset: probabilities of the configurations of two spins.

    The pair of couplings of the inset is not printed. Here are chosen pairs, families whose two
    couplings near each other in size, and pairs drawn as the paper draws them.
    """
    parameters = dict(scale.parameters["fig2a_inset"])
    groups = {name: parameters[name] for name in ("shown", "same", "opposite")}
    groups["drawn"] = drawn_couplings(parameters, 2, parameters["draws"])
    pairs = [(name, pair) for name, some in groups.items() for pair in some]
    judged, shown = [], []
    for number, (name, pair) in enumerate(pairs):
        progress(number / len(pairs), f"{name}: g = ({pair[0]:.3g}, {pair[1]:.3g})")
        model = model_of(parameters, pair)
        found = _judged(parameters, model)
        last = parameters["last"] if name == "shown" else _long_enough(parameters, found)
        both = _solved(parameters, model, time_grid(parameters, last))
        judged.append(found.assign(_deviation(both)))
        if name == "shown":
            shown.append(both)
    settings = ("frequency", "loss", "gain", "field", "strength")
    whole: dict[str, Any] = {name: ((), float(parameters[name])) for name in settings}
    whole["group"] = words("pair", [name for name, _ in pairs])
    return xr.merge([xr.concat(judged, "pair"), xr.concat(shown, "panel")]).assign(whole)


def time_grid(parameters: Mapping[str, Any], last: float) -> Array:
    """Zero, then times that grow evenly on a logarithmic scale, and those that are looked at."""
    first, many = parameters["first"], parameters["times_per_decade"]
    count = round(many * math.log10(last / first)) + 1
    looked_at = [time for time in parameters["at"] if time <= last]
    grid = np.geomspace(first, last, count)
    near = np.isclose(grid[:, None], looked_at, rtol=1e-9).any(axis=1)
    return np.unique(np.concatenate([[0.0], looked_at, grid[~near]]))


def _long_enough(parameters: Mapping[str, Any], found: xr.Dataset) -> float:
    """A time by which the deviation has passed its maximum, or is within a percent of it."""
    settled = max(2 / float(found["rate"]), 3 / parameters["field"])
    return float(min(settled, parameters["last"]))


def random_model(parameters: Mapping[str, Any], spins: int) -> RandomDicke:
    """fiorelli2020 Eqs. (1), (2) with uniform couplings."""
    return RandomDicke(
        Uniform(parameters["strength"]),
        spins,
        1,
        frequencies=parameters["frequency"],
        loss=parameters["loss"],
        gain=parameters["gain"],
        field=parameters["field"],
    )


def drawn_couplings(parameters: Mapping[str, Any], spins: int, draws: int) -> list[list[float]]:
    """Couplings to the one mode, one list for each draw."""
    drawn = random_model(parameters, spins)
    seed = parameters["seed"]
    return [drawn.draw(seed, number).couplings[:, 0].tolist() for number in range(draws)]


def model_of(parameters: Mapping[str, Any], couplings: list[float]) -> DickeModel:
    """fiorelli2020 Eqs. (1), (2) with given couplings."""
    return DickeModel(
        np.array(couplings)[:, None],
        frequencies=parameters["frequency"],
        loss=parameters["loss"],
        gain=parameters["gain"],
        field=parameters["field"],
    )


def _judged(parameters: Mapping[str, Any], model: DickeModel) -> xr.Dataset:
    """The numbers by which the rate equation is judged."""
    fastest = float(configuration_rates(model).max())
    found = validity_of(model, fastest)
    return xr.Dataset(
        {
            "couplings": (("spin",), model.couplings[:, 0], {"long_name": "coupling g"}),
            "rate": ((), fastest, {"long_name": "largest flip rate W"}),
            "ratio": ((), found.ratio, {"long_name": "Λ/W"}),
            "drive": ((), found.drive.max(), {"long_name": "largest field × coherence time"}),
        }
    )


def validity_of(model: DickeModel, rate: float) -> Validity:
    """What the library judges the rate equation by, at this largest rate."""
    return validity(model.couplings, model.frequencies, model.loss, model.gain, model.field, rate)


def _solved(parameters: Mapping[str, Any], model: DickeModel, times: Array) -> xr.Dataset:
    """Probabilities of the configurations by both methods."""
    tolerance = parameters["tolerance"]
    methods = {
        "exact": Lindblad(tolerance=tolerance),
        "rates": RateEquation(tolerance=tolerance / 10),
    }
    grid, made = ("time", "configuration"), {}
    for name, method in methods.items():
        # Where the rate equation refuses is what the figure shows.
        answer = solve(
            model, START, times, method, ["probability"], validity="ignore", progress=False
        )
        label = {"long_name": f"probability of each configuration, {type(method).__name__}"}
        made[name] = (grid, answer["probability"].values, label)
    return xr.Dataset(made, {"time": times})


def _deviation(both: xr.Dataset) -> dict[str, Any]:
    apart = abs(both["exact"] - both["rates"]).max("configuration").values
    time = both["time"].values[apart.argmax()]
    return {
        "deviation": ((), apart.max(), {"long_name": "largest deviation of a probability"}),
        "deviation_time": ((), time, {"long_name": "where it is largest", "units": "1/energy"}),
        "duration": ((), both["time"].values[-1], {"units": "1/energy"}),
    }
