r"""Coherence at zero field in closed form.

All spins start along the field axis X, the mode is empty and has no gain. With z = Γ/2 + iω,

.. math::
    I(t) = \int_0^t\!ds\,\frac{1-e^{-zs}}{z} = \frac tz - \frac{1-e^{-zt}}{z^2},\qquad
    \langle X_i\rangle = e^{-4g_i^2\,\mathrm{Re}I}\prod_{l\neq i}\cos(4g_ig_l\,\mathrm{Im}I) .

In truncated Wigner each spin turns in the field that it made itself as well, which adds the factor
:math:`\cos(4g_i^2\,\mathrm{Im}I)`.
"""

from __future__ import annotations

import numpy as np

from opendicke.model.checks import Array


def decay(times: Array, couplings: Array, frequency: float, loss: float) -> Array:
    """Exact ⟨X⟩ of every spin (T, N)."""
    real, turned = _turned(times, couplings, frequency, loss)
    return np.asarray(real * turned.prod(axis=2) / np.diagonal(turned, axis1=1, axis2=2))


def decay_of_wigner(times: Array, couplings: Array, frequency: float, loss: float) -> Array:
    """What truncated Wigner makes of it (T, N)."""
    real, turned = _turned(times, couplings, frequency, loss)
    return np.asarray(real * turned.prod(axis=2))


def _turned(times: Array, couplings: Array, frequency: float, loss: float) -> tuple[Array, Array]:
    """exp(−4g² Re I) as (T, N), and cos(4 g_i g_l Im I) as (T, N, N)."""
    z = loss / 2 + 1j * frequency
    integral = times / z - (1 - np.exp(-z * times)) / z**2
    products = np.multiply.outer(integral, np.multiply.outer(couplings, couplings))
    real = np.exp(-4 * np.diagonal(products.real, axis1=1, axis2=2))
    return real, np.cos(4 * products.imag)
