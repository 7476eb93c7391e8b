"""Pattern retrieval in mean field: critical coupling and stationary overlap (carollo2021)."""

from __future__ import annotations

import numpy as np

from opendicke.errors import InputError
from opendicke.model.checks import Array


def critical_coupling(field: Array | float, frequency: Array | float, loss: Array | float) -> Array:
    r"""Coupling strength above which a pattern is kept.

    .. math::
        g_\mathrm{crit} = \sqrt{\tfrac12\frac{\Omega}{\Omega_\nu}
                                \left[\Omega_\nu^2 + (\mathrm{loss}_\nu/2)^2\right]}

    Parameters
    ----------
    field : float or array
        Transverse field Ω.
    frequency, loss : float or array
        Of the pattern's mode.

    Returns
    -------
    array
        g₀ of couplings g₀ G/√N (`Binary`), carollo2021 below Eq. (12).

    Raises
    ------
    InputError
        If a frequency is zero.
    """
    field, frequency, loss = map(np.asarray, (field, frequency, loss))
    if not frequency.all():
        raise InputError("frequency", "not be zero", "was 0")
    return np.asarray(np.sqrt(0.5 * np.abs(field / frequency) * (frequency**2 + loss**2 / 4)))


def retrieval_overlap(
    strength: Array | float,
    field: Array | float,
    frequency: Array | float,
    loss: Array | float,
    length: Array | float = 1.0,
) -> Array:
    r"""Stationary overlap :math:`|\xi| = \sqrt{s^2 - (g_\mathrm{crit}/g_0)^4}`, 0 below threshold.

    carollo2021 Eq. (12), generalised to spins of mean length `s` in each group: s = 1 − 2f after
    a fraction f of the pattern has been flipped.
    """
    ratio = critical_coupling(field, frequency, loss) / np.abs(strength)
    return np.asarray(np.sqrt(np.maximum(np.asarray(length) ** 2 - ratio**4, 0.0)))
