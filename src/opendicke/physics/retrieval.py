"""Pattern retrieval in mean field, closed forms of one retrieved pattern (carollo2021)."""

from __future__ import annotations

import numpy as np

from opendicke.errors import InputError
from opendicke.model.checks import Array, numeric_array


def critical_coupling(field: Array | float, frequency: Array | float, loss: Array | float) -> Array:
    r"""Coupling strength above which a pattern is kept.

    .. math::
        g_\mathrm{crit} = \sqrt{\tfrac12\frac{\Omega}{\Omega_\nu}
                                \left[\Omega_\nu^2 + (\mathrm{loss}_\nu/2)^2\right]}

    Parameters
    ----------
    field : float or array
        Transverse field Ω, in units of energy.
    frequency, loss : float or array
        Of the pattern's mode, in units of energy; `loss` is the net damping loss − gain.

    Returns
    -------
    array
        g₀ of couplings g₀ G/√N (`Binary`), in units of energy, carollo2021 below Eq. (12); all
        arguments broadcast.

    Raises
    ------
    InputError
        If a frequency is zero, a loss negative or anything not a finite number.

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.critical_coupling(0.5, [1.5, 2.0, 2.5, 3.0], 1.0).round(4))  # carollo2021, Fig. 3
    [0.6455 0.7289 0.8062 0.878 ]
    """
    field, frequency = numeric_array("field", field), numeric_array("frequency", frequency)
    loss = numeric_array("loss", loss)
    if not frequency.all():
        raise InputError("frequency", "not be zero", "was 0")
    if (loss < 0).any():
        raise InputError("loss", "not be negative", f"was {loss.min():g}")
    return np.asarray(np.sqrt(0.5 * np.abs(field / frequency) * (frequency**2 + loss**2 / 4)))


def retrieval_overlap(
    strength: Array | float,
    field: Array | float,
    frequency: Array | float,
    loss: Array | float,
    length: Array | float = 1.0,
) -> Array:
    r"""Stationary overlap :math:`|\xi| = \sqrt{s^2 - (g_\mathrm{crit}/g_0)^4}`, 0 below threshold.

    carollo2021 Eq. (12), generalised to spins of mean length s in each group: s = 1 − 2f after
    a fraction f of the pattern has been flipped.

    Parameters
    ----------
    strength : float or array
        g₀ of couplings g₀ G/√N, in units of energy.
    field : float or array
        Transverse field Ω.
    frequency, loss : float or array
        Of the pattern's mode; `loss` is the net damping loss − gain.
    length : float or array
        s, from 0 to 1.

    Returns
    -------
    array
        All arguments broadcast.

    Raises
    ------
    InputError
        As `critical_coupling`, and if the length is not in [0, 1].

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.retrieval_overlap([0.6, 0.7, 1.2], field=0.5, frequency=1.5, loss=1.0).round(4))
    [0.     0.5262 0.9572]
    """
    critical = critical_coupling(field, frequency, loss)
    strength, length = np.abs(numeric_array("strength", strength)), numeric_array("length", length)
    if (length < 0).any() or (length > 1).any():
        wrong = length[(length < 0) | (length > 1)].flat[0]
        raise InputError("length", "be from 0 to 1", f"was {wrong:g}")
    shape = np.broadcast_shapes(critical.shape, strength.shape)
    # Without coupling nothing is kept, not even at field 0, where the threshold is 0.
    ratio = np.full(shape, np.inf)
    with np.errstate(over="ignore"):
        np.divide(critical, strength, out=ratio, where=np.broadcast_to(strength, shape) > 0)
        return np.asarray(np.sqrt(np.maximum(length**2 - ratio**4, 0.0)))


def retrieval_occupation(
    strength: Array | float,
    field: Array | float,
    frequency: Array | float,
    loss: Array | float,
    length: Array | float = 1.0,
) -> Array:
    r"""Photons per spin in the mode of a retrieved pattern.

    .. math::
        |\alpha_\nu|^2 = \frac{g_0^2\,\xi_\nu^2}{\Omega_\nu^2 + (\mathrm{loss}_\nu/2)^2}

    with :math:`\xi_\nu` of `retrieval_overlap`. The amplitude counts in units of √N, N being the
    number of all spins. carollo2021 counts it in units of the root of the spins *per group*,
    N/2^{M−1}: its Fig. 3(b) shows :math:`|\alpha_\mathrm{paper}|^2 = 2^{M-1}|\alpha|^2`.

    Parameters
    ----------
    strength : float or array
        g₀ of couplings g₀ G/√N, in units of energy.
    field : float or array
        Transverse field Ω.
    frequency, loss : float or array
        Of the pattern's mode; `loss` is the net damping loss − gain.
    length : float or array
        Mean length s of the spins of each group.

    Returns
    -------
    array
        All arguments broadcast; 0 below threshold.

    Raises
    ------
    InputError
        As `retrieval_overlap`. Source: carollo2021, solution below Eq. (S28).

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.retrieval_occupation(1.2, field=0.5, frequency=1.5, loss=1.0).round(4))
    0.5278
    """
    overlap = retrieval_overlap(strength, field, frequency, loss, length)
    response = np.asarray(frequency) ** 2 + np.asarray(loss) ** 2 / 4
    return np.asarray(np.asarray(strength) ** 2 * overlap**2 / response)
