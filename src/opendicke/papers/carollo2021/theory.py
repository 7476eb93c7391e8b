"""Closed forms and eigenvalues with the parameters of a figure: thresholds, windows, growth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from opendicke.model.checks import Array
from opendicke.papers.carollo2021.simulate import limit
from opendicke.physics.retrieval import critical_coupling, retrieval_overlap
from opendicke.physics.stability import spectrum
from opendicke.physics.stationary import retrieval_state
from opendicke.physics.windows import instability_windows


def critical(parameters: Mapping[str, Any]) -> Array:
    """Critical coupling of every pattern."""
    numbers = (np.asarray(parameters[name]) for name in ("field", "frequencies", "loss"))
    return critical_coupling(*numbers)


def strength_grid(parameters: Mapping[str, Any]) -> Array:
    """g₀ = ratio × g_crit of the pattern, (pattern, ratio)."""
    return np.outer(critical(parameters), parameters["ratios"])


def physics_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What the closed forms need, to be kept with a dataset."""
    return {
        "frequency": (("pattern",), np.array(parameters["frequencies"])),
        "field": ((), float(parameters["field"])),
        "loss": ((), float(parameters["loss"])),
    }


def expected_overlap(parameters: Mapping[str, Any], strengths: Array, length: Any = 1.0) -> Array:
    """carollo2021 Eq. (12) for strengths (pattern, …)."""
    frequencies = np.asarray(parameters["frequencies"]).reshape(-1, *[1] * (strengths.ndim - 1))
    return retrieval_overlap(
        strengths, parameters["field"], frequencies, parameters["loss"], length
    )


def closed_windows(parameters: Mapping[str, Any]) -> Array:
    """Both ends of the window of each pattern, in closed form, (M, 2)."""
    frequencies, loss = np.array(parameters["frequencies"]), parameters["loss"]
    return instability_windows(parameters["field"], frequencies, loss)


def growth_rate(parameters: Mapping[str, Any], pattern: int, strength: float) -> float:
    """Of small perturbations of one retrieval state, by the eigenvalues of the Jacobian."""
    model = limit(parameters, strength)
    return spectrum(model, retrieval_state(model, pattern)).growth_rate


def stable_above(parameters: Mapping[str, Any], pattern: int, precision: float = 1e-7) -> float:
    """Lowest strength from which on a retrieval state is stable, by bisection of its growth rate.

    The threshold itself where the state is stable from there on.
    """
    threshold = float(critical(parameters)[pattern])
    low, high = threshold * (1 + 1e-6), 2 * threshold
    if growth_rate(parameters, pattern, low) <= 0:
        return threshold
    while high - low > precision:
        middle = 0.5 * (low + high)
        if growth_rate(parameters, pattern, middle) > 0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
