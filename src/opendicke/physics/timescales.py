"""When spins begin to flip and when photons begin to take part (kelly2021)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from opendicke.model.checks import Array
from opendicke.physics.ranges import positive_arrays


class PhotonTime(NamedTuple):
    """Between which times photons begin to take part, in units of 1/energy."""

    low: Array
    """The smaller estimate."""
    high: Array
    """The larger estimate."""


def perturbative_time(
    sigma: object, alpha: object, field: object, *, self_term: bool = True
) -> Array:
    r"""Time at which the field flips spins beyond perturbation theory.

    .. math::
        t_h = \frac{\sigma^2}{2h^2}\,\frac{\sqrt{\alpha+\alpha^2}}{1+\alpha}
        \qquad\text{or, without the self-term,}\qquad
        t_h = \frac{\sigma^2}{2h^2}\,\frac{\sqrt{\alpha}}{1+\alpha}

    Parameters
    ----------
    sigma : float or array
        σ of couplings with the variance :math:`\sigma^2\omega/(2N_t)` (`Gaussian`), in units of
        the square root of energy.
    alpha : float or array
        Modes per spin.
    field : float or array
        Transverse field h, of either sign, in units of energy.
    self_term : bool
        Whether a spin feels the field it makes itself, as classical spins in truncated Wigner do
        and quantum spins do not.

    Returns
    -------
    array
        All arguments broadcast; in units of 1/energy.

    Raises
    ------
    InputError
        If `sigma` or `alpha` is not positive, the field is zero, or shapes do not fit.

    Notes
    -----
    kelly2021 Eq. (4), which counts the self-term; the form without is derived in the errata.

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.perturbative_time(2.0, 10.0, 1.0).round(3))
    1.907
    """
    sigma, alpha, field = positive_arrays(("field",), sigma=sigma, alpha=alpha, field=field)
    felt = np.sqrt(alpha * (1 + alpha)) if self_term else np.sqrt(alpha)
    return np.asarray((sigma / field) ** 2 / 2 * felt / (1 + alpha))


def photon_time(
    sigma: object,
    alpha: object,
    frequency: object,
    field: object,
    *,
    self_term: bool = True,
) -> PhotonTime:
    r"""Bounds of the time at which corrections to adiabatic elimination become significant.

    .. math::
        t_\omega = \frac{\omega^2 t_s^2}{h^2 t_h}, \qquad
        t_s = \frac1h:\;\; \frac{\omega^2}{h^4 t_h}, \qquad
        t_s = t_h:\;\; \frac{\omega^2 t_h}{h^2}

    The spins change at their fastest within :math:`t_s = 1/h` and at their slowest within
    :math:`t_h`. For α ≫ 1 the two are :math:`2\omega^2/(\sigma^2h^2)` and
    :math:`\omega^2\sigma^2/(2h^4)`. They meet in :math:`\omega^2/h^3` at :math:`ht_h = 1`; below it
    no :math:`t_s` lies between the paper's bounds, and the second estimate is the smaller one.

    Parameters
    ----------
    sigma, alpha, field : float or array
        As for `perturbative_time`.
    frequency : float or array
        ω of all modes, positive, in units of energy.
    self_term : bool
        As for `perturbative_time`.

    Returns
    -------
    PhotonTime
        `low` ≤ `high`, all arguments broadcast; in units of 1/energy.

    Raises
    ------
    InputError
        As `perturbative_time`, and if a frequency is not positive.

    Notes
    -----
    kelly2021 Eq. (7).

    Examples
    --------
    >>> import opendicke as od
    >>> found = od.photon_time(2.0, 10.0, frequency=10.0, field=1.0)
    >>> print(found.low.round(1), found.high.round(1))
    52.4 190.7
    """
    sigma, alpha, frequency, field = positive_arrays(
        ("field",), sigma=sigma, alpha=alpha, frequency=frequency, field=field
    )
    flips = perturbative_time(sigma, alpha, field, self_term=self_term)
    fastest = (frequency / field**2) ** 2 / flips
    slowest = (frequency / field) ** 2 * flips
    return PhotonTime(np.minimum(fastest, slowest), np.maximum(fastest, slowest))
