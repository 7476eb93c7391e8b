"""How much of the slow relaxation is the field that a classical spin makes itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from opendicke.methods.lindblad import Lindblad
from opendicke.papers.catalogue import Desk, Scale
from opendicke.papers.kelly2021.elimination import eliminated_curves
from opendicke.papers.kelly2021.ensembles import (
    POLARIZED,
    DeskPart,
    Point,
    experiment,
    gathered,
    random_model,
)
from opendicke.results.dataset import words
from opendicke.solving import solve

WAYS = ("with photons", "eliminated, self-term kept", "eliminated, self-term dropped")


def make_self_term(scale: Scale, desk: Desk) -> xr.Dataset:
    """Truncated Wigner with photons and without, and few spins exactly beside it.

    Returns
    -------
    xarray.Dataset
        `sx` (way, realization, time) of the paper's size; `few_exact` and `few_wigner`
        (spins, few_realization, few_time).
    """
    parameters = scale.parameters["self_term"]
    (point,) = parameters["points"]
    modes = gathered(DeskPart(desk, 0.0, 0.3), "self_term", parameters, [point]).isel(
        curve=0, drop=True
    )
    ways = [modes[["sx", "sx_stderr"]]]
    for self_interaction, share in (("keep", (0.3, 0.4)), ("drop", (0.4, 0.5))):
        made = eliminated_curves(desk, parameters, point, self_interaction, share)
        ways.append(made[["sx", "sx_stderr"]])
    whole = xr.concat(ways, "way", join="override", combine_attrs="override")
    few = [
        _few(desk, parameters, point, spins, 0.5 + 0.5 * number / len(parameters["few"]))
        for number, spins in enumerate(parameters["few"])
    ]
    labels = {"way": words("way", list(WAYS)), "few_spins": ("few_spins", parameters["few"])}
    return whole.merge(xr.concat(few, "few_spins")).assign_coords(labels)


def _few(
    desk: Desk, parameters: Mapping[str, Any], point: Point, spins: int, share: float
) -> xr.Dataset:
    """A few spins with alpha modes each: the state vector, and truncated Wigner."""
    total = round(spins * (1 + point["alpha"]))
    times = np.linspace(0.0, parameters["few_stop"], 101)
    asked = experiment({**parameters, "total": total}, point)
    random = random_model(point, total)
    answers: dict[str, list[Any]] = {"few_exact": [], "few_wigner": []}
    for realization in range(parameters["few_draws"]):
        desk(share, f"{spins} spins exactly, draw {realization}")
        model = random.draw(parameters["seed"], realization)
        methods = (Lindblad(parameters["tolerance"]), asked.method)
        for name, method in zip(answers, methods, strict=True):
            made = solve(
                model, POLARIZED, times, method, ["sx"], realization, validity="ignore",
                progress=False,
            )  # fmt: skip
            answers[name].append(made["sx"].values)
    dims = ("few_realization", "few_time")
    return xr.Dataset(
        {name: (dims, np.array(values)) for name, values in answers.items()},
        {"few_time": ("few_time", times, {"units": "1/h"})},
    )
