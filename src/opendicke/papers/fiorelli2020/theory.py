"""What can be said in closed form about fiorelli2020's figures."""

from __future__ import annotations

import numpy as np

from opendicke.model.checks import Array

_TIMES = np.geomspace(1e-4, 1e2, 6001)
"""In units of 1/W; the largest deviation lies near Wt = 1/4 or on a plateau that begins near 1."""


def deviation_of_alike(ratio: object) -> Array:
    r"""Largest deviation of the rate equation for two spins that are nearly alike.

    Two spins flip at the same rate W in every configuration, and the coherence between the two
    configurations with equal force on the mode decays at Λ. With P the probability of the other
    two configurations, T and S those of the sum and the difference of the former two, :math:`y =
    2P-1` and :math:`u = T-S`, the field's second order gives

    .. math::
        \dot y = 4W(u - y), \qquad \dot u = 2W(y - u) - \Lambda u,
        \qquad y(0) = 1,\ u(0) = 0,

    where the rate equation has :math:`y = e^{-4Wt}`. Probabilities of all four configurations
    deviate by a quarter of the difference.

    Parameters
    ----------
    ratio : array
        Λ/W, not negative.

    Returns
    -------
    array
        Maximum over time: 1/12 at Λ = 0, :math:`W/(2e\Lambda)` at large ratios.

    Notes
    -----
    Not in fiorelli2020, where these coherences are assumed to vanish.
    """
    x = np.asarray(ratio, dtype=float)
    root = np.sqrt((6 + x) ** 2 - 16 * x)
    slow, fast = -(6 + x - root) / 2, -(6 + x + root) / 2
    weight = (-4 - fast) / root
    at_times = (
        weight[..., None] * np.exp(np.multiply.outer(slow, _TIMES))
        + (1 - weight)[..., None] * np.exp(np.multiply.outer(fast, _TIMES))
        - np.exp(-4 * _TIMES)
    )
    return np.asarray(at_times.max(axis=-1) / 4)
