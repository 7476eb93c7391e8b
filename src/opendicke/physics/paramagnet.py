r"""Thermal polarisation along the field of weakly coupled spins and photons (kelly2021).

Spins begin along the coupling axis, where the field gives them no energy, and modes in the vacuum.
Where coupling only exchanges energy, :math:`\sigma^2 \ll h`, the thermal state of
:math:`h\sum_jX_j + \omega\sum_\lambda a^\dagger_\lambda a_\lambda` with the energy of the start
says where the polarisation may settle. It depends on ω/h and on the number α of modes per spin
alone.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from opendicke.model.checks import Array
from opendicke.physics.ranges import positive_arrays, rising_root

_LENGTH = sqrt(3)
"""Of the classical spins of discrete sampling."""


def paramagnet_temperature(
    alpha: object, frequency: object, field: object, *, bright_only: bool = False
) -> Array:
    r"""Temperature of the paramagnet that has the energy of the start.

    .. math::
        \alpha\,\frac{\omega}{e^{\omega/T}-1} = h\tanh\frac hT

    Photons take from the spins what they gain.

    Parameters
    ----------
    alpha : float or array
        Modes per spin.
    frequency : float or array
        ω of all modes, positive, in units of energy.
    field : float or array
        h, of either sign, in units of energy.
    bright_only : bool
        Whether only modes that couple share the energy. Of modes of one frequency only
        :math:`\min(N_b, N_s)` combinations do: α is replaced by :math:`\min(\alpha, 1)`.

    Returns
    -------
    array
        T, in units of energy; all arguments broadcast.

    Raises
    ------
    InputError
        If `alpha` or `frequency` is not positive, the field is zero, or shapes do not fit.

    Notes
    -----
    kelly2021, "Dynamical responses", in words. For T ≪ h it is
    :math:`\omega/\ln(1+\alpha\omega/h)`; it does not vanish with ω.

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.paramagnet_temperature(10.0, [1.0, 10.0], 1.0).round(4))
    [0.4145 1.8767]
    """
    alpha, frequency, field = positive_arrays(
        ("field",), alpha=alpha, frequency=frequency, field=field
    )
    field = np.abs(field)
    alpha = np.minimum(alpha, 1.0) if bright_only else alpha

    def excess(heat: Array) -> Array:
        x = frequency / heat
        photons = frequency * np.exp(-x) / -np.expm1(-x)
        return np.asarray(alpha * photons - field * np.tanh(field / heat))

    # ω/(e^{ω/T} − 1) > T − ω/2, and tanh < 1.
    return rising_root(excess, np.zeros(alpha.shape), field / alpha + frequency / 2)


def paramagnet_polarization(
    alpha: object, frequency: object, field: object, *, bright_only: bool = False
) -> Array:
    r"""Mean of a spin along the field axis, :math:`\langle X\rangle = -\tanh(h/T)`.

    Parameters
    ----------
    alpha, frequency, field, bright_only
        As for `paramagnet_temperature`.

    Returns
    -------
    array
        From −1 to 1; all arguments broadcast, units of energy.

    Raises
    ------
    InputError
        As `paramagnet_temperature`.

    Notes
    -----
    kelly2021, "Dynamical responses".

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.paramagnet_polarization(10.0, [1.0, 10.0], 1.0).round(4))
    [-0.9841 -0.4875]
    """
    heat = paramagnet_temperature(alpha, frequency, field, bright_only=bright_only)
    return np.asarray(-np.tanh(np.asarray(field) / heat))


def classical_paramagnet_temperature(
    alpha: object, frequency: object, field: object, *, bright_only: bool = False
) -> Array:
    r"""Temperature at which truncated Wigner can settle at best.

    .. math::
        \alpha T - \sqrt3h\,L\!\left(\frac{\sqrt3h}{T}\right) = \frac{\alpha\omega}2, \qquad
        L(x) = \coth x - \frac1x

    A classical mode starts with its zero point, ω/2, and holds T in equilibrium: the zero point is
    shared out like other energy. A classical spin keeps its length √3, and all directions weigh the
    same.

    Parameters
    ----------
    alpha, frequency, field, bright_only
        As for `paramagnet_temperature`.

    Returns
    -------
    array
        T, in units of energy, above ω/2; all arguments broadcast.

    Raises
    ------
    InputError
        As `paramagnet_temperature`.

    Notes
    -----
    Not in kelly2021; assumes that the classical motion forgets all but its energy.
    """
    alpha, frequency, field = positive_arrays(
        ("field",), alpha=alpha, frequency=frequency, field=field
    )
    field = _LENGTH * np.abs(field)
    alpha = np.minimum(alpha, 1.0) if bright_only else alpha

    def excess(heat: Array) -> Array:
        return np.asarray(alpha * (heat - frequency / 2) - field * _langevin(field / heat))

    return rising_root(excess, frequency / 2, frequency / 2 + field / alpha)


def classical_paramagnet_polarization(
    alpha: object, frequency: object, field: object, *, bright_only: bool = False
) -> Array:
    r"""Where truncated Wigner can settle at best, :math:`-\sqrt3L(\sqrt3h/T)`.

    T is that of `classical_paramagnet_temperature`. Its size exceeds 1, the most a quantum spin can
    have, at small ω.

    Parameters
    ----------
    alpha, frequency, field, bright_only
        As for `paramagnet_temperature`.

    Returns
    -------
    array
        From −√3 to √3; all arguments broadcast, units of energy.

    Raises
    ------
    InputError
        As `paramagnet_temperature`.

    Notes
    -----
    Not in kelly2021.
    """
    heat = classical_paramagnet_temperature(alpha, frequency, field, bright_only=bright_only)
    return np.asarray(-_LENGTH * _langevin(_LENGTH * np.asarray(field) / heat))


def _langevin(x: Array) -> Array:
    """coth x − 1/x, odd; as a series near 0, where the difference loses its digits."""
    x = np.asarray(x)
    square = x**2
    series = x * (1 / 3 - square * (1 / 45 - square * (2 / 945 - square / 4725)))
    large = np.where(np.abs(x) < 0.05, 1.0, x)
    return np.asarray(np.where(np.abs(x) < 0.05, series, 1 / np.tanh(large) - 1 / large))
