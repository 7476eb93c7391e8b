"""Drawn systems of few spins: energies, stationary states, averages over draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from opendicke.methods.rate_equation import RateEquation
from opendicke.model.checks import Array
from opendicke.model.configurations import energy_scale, model_energies
from opendicke.model.dicke import DickeModel
from opendicke.physics.balance import temperature_of_distribution
from opendicke.solving import stationary

_ALIKE = 1e-9
"""Relative distance of energies that count as one level."""


class Stationary(NamedTuple):
    """What the stationary state of the rate equation is like, energies as in Eq. (4)."""

    probability: Array
    energies: Array
    mean_energy: float
    lowest: float
    ground_weight: float
    """Of all configurations of the lowest energy, σ and −σ."""
    variation: float
    """Total variation distance from the uniform distribution."""
    beta: float
    """Inverse temperature that fits the distribution best."""


def energies_of(model: DickeModel) -> Array:
    """E of fiorelli2020 Eq. (4) in all configurations."""
    scale = energy_scale(model.frequencies, model.loss, model.gain)
    return np.asarray(scale * model_energies(model))


def stationary_of(model: DickeModel) -> Stationary:
    """The stationary state of the rate equation, also where it warns."""
    method = RateEquation(tolerance=1e-10)
    found = stationary(
        model, method, ["probability"], validity="ignore", progress=False
    ).probability.values
    energies = energies_of(model)
    lowest = float(energies.min())
    ground = energies <= lowest + _ALIKE * abs(lowest)
    return Stationary(
        found,
        energies,
        float(found @ energies),
        lowest,
        float(found[ground].sum()),
        float(np.abs(found - 1 / len(found)).sum() / 2),
        temperature_of_distribution(found, energies).beta,
    )


def averaged(values: Array, axis: int = 0) -> tuple[Array, Array]:
    """Mean over draws and its standard error, NaN for one draw."""
    count = values.shape[axis]
    mean = np.asarray(values.mean(axis=axis))
    if count < 2:
        return mean, np.full(mean.shape, np.nan)
    return mean, np.asarray(values.std(axis=axis, ddof=1) / np.sqrt(count))


def damped_to(parameters: Mapping[str, Any], eta: float) -> dict[str, Any]:
    """The same gain and frequency, and the loss that belongs to η."""
    loss = parameters["gain"] + eta * parameters["frequency"]
    return {**parameters, "loss": loss}
