"""Where retrieval states are unstable, and where they go when they are kicked."""

from __future__ import annotations

import numpy as np
import xarray as xr

from opendicke.papers.carollo2021.experiments import endings_dataset
from opendicke.papers.carollo2021.simulate import endings, limit
from opendicke.papers.carollo2021.theory import (
    closed_windows,
    critical,
    growth_rate,
    physics_of,
    stable_above,
    strength_grid,
)
from opendicke.papers.catalogue import Progress, Scale
from opendicke.physics.stationary import retrieval_state


def make_windows(scale: Scale, progress: Progress) -> xr.Dataset:
    """Growth rate of small perturbations of each retrieval state, from the Jacobian.

    Its zeros are found by bisection: the ends of the windows, without the closed form.
    """
    parameters = dict(scale.parameters["windows"])
    strengths = np.array(parameters["strengths"])
    thresholds = critical(parameters)
    rates = np.full((len(thresholds), len(strengths)), np.nan)
    upper = np.zeros(len(thresholds))
    for pattern, threshold in enumerate(thresholds):
        progress(pattern / len(thresholds), f"pattern {pattern + 1}")
        for k, strength in enumerate(strengths):
            if strength > threshold:
                rates[pattern, k] = growth_rate(parameters, pattern, strength)
        upper[pattern] = stable_above(parameters, pattern)
    return xr.Dataset(
        {
            "growth_rate": (
                ("pattern", "strength"),
                rates,
                {"long_name": "largest growth rate of a perturbation", "units": "energy"},
            ),
            "stable_above": (
                ("pattern",),
                upper,
                {"long_name": "strength above which the Jacobian finds no growth"},
            ),
            "critical": (("pattern",), thresholds),
            "window": (("pattern", "end"), closed_windows(parameters)),
            **physics_of(parameters),
        },
        {"strength": strengths, "pattern": np.arange(len(thresholds))},
    )


def make_kick(scale: Scale, progress: Progress) -> xr.Dataset:
    """Start in each retrieval state, its modes settled, and kick every spin a little."""
    parameters = dict(scale.parameters["kick"])
    strengths = strength_grid(parameters)
    members = []
    for pattern, row in enumerate(strengths):
        for strength in row:
            model = limit(parameters, strength)
            state = retrieval_state(model, pattern)
            members.append((model, state.kicked(parameters["size"], parameters["seed"])))
    found = endings(members, parameters["duration"], parameters["tolerance"], progress)
    dataset = endings_dataset(parameters, strengths, found)
    rates = [
        [growth_rate(parameters, pattern, strength) for strength in row]
        for pattern, row in enumerate(strengths)
    ]
    return dataset.assign(
        growth_rate=(("start", "ratio"), np.array(rates)),
        window=(("pattern", "end"), closed_windows(parameters)),
        size=((), parameters["size"]),
    )
