"""What the claims and drawings of fiorelli2020 call good, small or strong; errors and groups."""

from __future__ import annotations

import numpy as np
import xarray as xr

from opendicke.model.checks import Array

GOOD = 0.02
"""Deviation of a probability that one hardly sees in a figure."""
CLOSE = 0.05
"""Relative deviation up to which a closed form counts as found."""
STRONG = 20.0
"""8πg² from which the coherence does not revive after a period of the mode."""
SMALL = 0.1
"""η that counts as small."""
SLOW = 0.1
"""Field times coherence time up to which the library does not warn."""


def is_strong(couplings: object) -> Array:
    """Whether the coherence of a spin is gone after a period of the mode, at small η.

    Then :math:`\\exp(-2g^2\\nu[f(2\\pi)+2\\pi]) \\approx e^{-8\\pi g^2}` at ω = κ = 1.
    """
    return np.asarray(8 * np.pi * np.asarray(couplings, dtype=float) ** 2 >= STRONG)


def of_group(dataset: xr.Dataset, dim: str, name: str) -> xr.Dataset:
    """The entries along a dimension that belong to a group: `drawn`, `shown`, …"""
    return dataset.isel({dim: [str(group) == name for group in dataset["group"].values]})


def with_error(value: float, error: float) -> str:
    """A number and its error, both to the second digit of the error."""
    if not np.isfinite(error) or error <= 0:
        return f"{value:.3g}"
    places = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{places}f} ± {error:.{places}f}"


def binomial_error(share: float, count: int) -> float:
    """Standard error of a share of so many draws."""
    return float(np.sqrt(max(share * (1 - share), 0.0) / max(count, 1)))
