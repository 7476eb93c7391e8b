"""One boson mode with loss and gain, without spins or driven by a constant force."""

from __future__ import annotations

import numpy as np

from opendicke.model.checks import Array


def free_amplitude(
    displacement: Array, frequencies: Array, damping: Array, time: Array | float
) -> Array:
    r"""Amplitude :math:`\langle a(t)\rangle = \alpha e^{-(i\omega+\Gamma/2)t}` without force.

    Parameters
    ----------
    displacement, frequencies, damping : arrays (M,)
        Initial amplitude, frequency, and loss − gain.
    time : float or array (T,)

    Returns
    -------
    array (M,) or (T, M), complex
    """
    times = np.asarray(time)[..., None]
    return np.asarray(displacement * np.exp(-(1j * frequencies + damping / 2) * times))


def thermal_occupation(occupation: Array, loss: Array, gain: Array, time: Array | float) -> Array:
    r"""Occupation besides the displacement, which no linear force changes.

    .. math::
        n(t) = n(0)e^{-\Gamma t} + \bar n(1-e^{-\Gamma t}), \qquad
        \bar n = \mathrm{gain}/\Gamma, \quad \Gamma = \mathrm{loss}-\mathrm{gain}

    from the Lindblad equation of carollo2021 Eq. (1) and fiorelli2020 Eq. (1).

    Parameters
    ----------
    occupation, loss, gain : arrays (M,)
    time : float or array (T,)

    Returns
    -------
    array (M,) or (T, M)
    """
    times = np.asarray(time)[..., None]
    damping = loss - gain
    stationary = np.divide(gain, damping, out=np.zeros_like(damping), where=damping > 0)
    return np.asarray(stationary + (occupation - stationary) * np.exp(-damping * times))


def stationary_amplitude(force: Array, frequencies: Array, damping: Array) -> Array:
    r"""Amplitude :math:`-iF/(\Gamma/2+i\omega)` of a mode with H = ωa†a + F(a + a†)."""
    return np.asarray(-1j * force / (damping / 2 + 1j * frequencies))
