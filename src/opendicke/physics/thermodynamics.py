r"""Temperatures that the energy of the start sets (kelly2021), in corrected form and as printed.

All spins begin along the coupling axis, all modes in the vacuum. If spins and modes reach a thermal
state, its temperature follows from the energy. Frequencies, fields and temperatures are in units of
energy, σ in units of its square root; all arguments of a function broadcast.

The argument of the paper lets all modes share the energy. Modes of one frequency do not: of
:math:`N_b` there are :math:`\min(N_b, N_s)` combinations that couple, and the others keep what they
have. With `bright_only` the balance is that of the former; it changes nothing for α ≤ 1.
"""

from __future__ import annotations

from math import sqrt
from typing import Literal, NamedTuple, get_args

import numpy as np

from opendicke.errors import InputError
from opendicke.model.checks import Array, choice
from opendicke.physics.ranges import positive_arrays, rising_root

Modes = Literal["classical", "wigner", "quantum"]
"""How modes hold energy, see `initial_temperature`."""

STATED_ALPHA = (sqrt(3) - 1) / 2
r"""The critical α = 0.366 that kelly2021 states: it is :math:`\sqrt{\alpha_c}` of its formulas."""

IMPLIED_ALPHA = (2 - sqrt(3)) / 2
"""The critical α = 0.134 that follows from the temperatures that kelly2021 prints."""


class GlassWindow(NamedTuple):
    """Numbers of modes per spin between which the temperature of the start is below the glass's."""

    low: Array
    """The critical α above which relaxation may become slow; NaN where there is none."""
    high: Array
    """α above which the energy of the start is too large again; NaN where there is none."""


def hopfield_temperature_scale(sigma: object, alpha: object) -> Array:
    r"""Scale of temperature of the Hopfield model that fast modes mediate.

    .. math::
        J = \sigma^2\frac{N_s}{N_t} = \frac{\sigma^2}{1+\alpha}, \qquad
        H = -\frac{J}{2N_s}\sum_\lambda\left(\sum_j\xi_{j\lambda}Z_j\right)^2

    with Gaussian ξ of unit variance.

    Parameters
    ----------
    sigma : float or array
        σ of couplings with the variance :math:`\sigma^2\omega/(2N_t)`.
    alpha : float or array
        Modes per spin.

    Returns
    -------
    array
        J, in units of energy; all arguments broadcast.

    Raises
    ------
    InputError
        If an argument is not positive or shapes do not fit.

    Notes
    -----
    kelly2021 Eqs. (2) and (3); twice the scale that its text has (errata).
    """
    sigma, alpha = positive_arrays(sigma=sigma, alpha=alpha)
    return np.asarray(sigma**2 / (1 + alpha))


def glass_temperature(sigma: object, alpha: object) -> Array:
    r"""Temperature below which the classical Hopfield model is a spin glass.

    .. math::
        T_g = J(1+\sqrt\alpha)

    The field, which lowers it, is left out.

    Parameters
    ----------
    sigma, alpha : float or array
        As for `hopfield_temperature_scale`.

    Returns
    -------
    array
        In units of energy; all arguments broadcast.

    Raises
    ------
    InputError
        As `hopfield_temperature_scale`.

    Notes
    -----
    Amit, Gutfreund and Sompolinsky, Phys. Rev. Lett. 55, 1530 (1985).

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.glass_temperature(5.0, 10.0).round(3))
    9.46
    """
    return np.asarray(hopfield_temperature_scale(sigma, alpha) * (1 + np.sqrt(np.asarray(alpha))))


def hopfield_energy(temperature: object, sigma: object, alpha: object) -> Array:
    r"""Energy per spin of the Hopfield model in its paramagnetic phase.

    .. math::
        \frac{U}{N_s} = -\frac{\alpha J}{2}\,\frac{T}{T-J}

    The terms j = k are included; they are :math:`-\alpha J/2` of it, at any temperature.

    Parameters
    ----------
    temperature : float or array
        T, larger than J. Below `glass_temperature` the form is that of the supercooled paramagnet.
    sigma, alpha : float or array
        As for `hopfield_temperature_scale`.

    Returns
    -------
    array
        In units of energy; all arguments broadcast.

    Raises
    ------
    InputError
        As `hopfield_temperature_scale`, and if a temperature does not exceed J.

    Notes
    -----
    From :math:`-\ln Z/N_s = \frac\alpha2\ln(1-J/T) - \ln 2`, which is that of the mean
    of Z over Gaussian ξ; above the glass ln Z has the same mean (`docs/errata.md`, kelly2021, 2).
    """
    heat, sigma, alpha = positive_arrays(temperature=temperature, sigma=sigma, alpha=alpha)
    scale = hopfield_temperature_scale(sigma, alpha)
    if (heat <= scale).any():
        place = np.unravel_index(int(np.argmax(heat <= scale)), heat.shape)
        raise InputError(
            "temperature",
            f"exceed J = {scale[place]:g}, where the form ends",
            f"was {heat[place]:g}",
        )
    return np.asarray(-alpha * scale / 2 * heat / (heat - scale))


def initial_temperature(
    sigma: object,
    alpha: object,
    frequency: object,
    *,
    modes: Modes = "classical",
    bright_only: bool = False,
) -> Array:
    r"""Temperature of the thermal state that has the energy of the start, without field.

    .. math::
        \tilde\alpha\,[\epsilon(T) - \epsilon_0] = \frac{\alpha J}2\,\frac{T}{T-J}, \qquad
        \tilde\alpha = \alpha \;\;\text{or}\;\; \min(\alpha, 1)

    The modes have gained on the left what the spins lost on the right, per spin.

    =============  ===========================================  =================
    `modes`        ε(T), around the positions the spins set      ε₀
    =============  ===========================================  =================
    `"classical"`  T                                             0
    `"wigner"`     T                                             ω/2, zero point
    `"quantum"`    :math:`\omega/2 + \omega/(e^{\omega/T}-1)`    ω/2
    =============  ===========================================  =================

    Parameters
    ----------
    sigma, alpha : float or array
        As for `hopfield_temperature_scale`.
    frequency : float or array
        ω of all modes, positive. Classical modes do not depend on it.
    modes : "classical", "wigner" or "quantum"
        Which modes: without zero point, where T = 3J/2; as truncated Wigner has them; as they are.
    bright_only : bool
        Whether only modes that couple share the energy, :math:`\tilde\alpha = \min(\alpha, 1)`.
        Classical modes then have :math:`T = J(1 + \alpha/2)` for α > 1.

    Returns
    -------
    array
        T > J, in units of energy, also where it lies below `glass_temperature` and the paramagnet
        is not stable; all arguments broadcast.

    Raises
    ------
    InputError
        If an argument is not positive, shapes do not fit or `modes` is none of the three.

    Notes
    -----
    The argument of kelly2021, "Tuning the ratio", in corrected form.

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.initial_temperature(5.0, 10.0, 1.0).round(3))  # 3J/2
    3.409
    """
    sigma, alpha, frequency = positive_arrays(sigma=sigma, alpha=alpha, frequency=frequency)
    choice("modes", modes, get_args(Modes))
    scale = sigma**2 / (1 + alpha)
    # In units of its J the right-hand side of each mode that takes part.
    share = np.maximum(alpha, 1.0) / 2 if bright_only else 0.5
    least = (1 + share) * scale
    if modes == "classical":
        return np.asarray(least)
    # (T − ω/2)(T − J) = share·J·T: of its two roots one is above J.
    gap = least - frequency / 2
    most = (least + frequency / 2 + np.sqrt(gap**2 + 2 * share * scale * frequency)) / 2
    if modes == "wigner":
        return np.asarray(most)

    def excess(heat: Array) -> Array:
        return np.asarray(_quanta(frequency / heat) - share * scale / (heat - scale))

    # T − ω/2 < ω/(e^{ω/T} − 1) < T puts it between the two others.
    return rising_root(excess, least, most)


def critical_alpha(
    sigma: object,
    frequency: object,
    *,
    modes: Modes = "classical",
    bright_only: bool = False,
    corrected: bool = True,
) -> Array:
    r"""Modes per spin at which the temperature of the start falls below that of the glass.

    .. math::
        T(\alpha_c) = T_g(\alpha_c)

    Below it relaxation is expected to be exponential. It depends on ω/σ² alone; the lower end of
    `glass_window`.

    Parameters
    ----------
    sigma, frequency : float or array
        As for `initial_temperature`.
    modes, bright_only
        As for `initial_temperature`; classical modes give 1/4.
    corrected : bool
        If False, what follows from the temperatures as printed, `IMPLIED_ALPHA`. The paper states
        another number, `STATED_ALPHA`.

    Returns
    -------
    array
        NaN where the start is hotter than the glass at any α; all arguments broadcast.

    Raises
    ------
    InputError
        As `initial_temperature`, and if `corrected` is False for modes that are not classical.

    Notes
    -----
    kelly2021, "Tuning the ratio"; errata 1 to 3.

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.critical_alpha(5.0, 1.0, modes="wigner").round(4))
    0.2586
    """
    if corrected:
        return glass_window(sigma, frequency, modes=modes, bright_only=bright_only).low
    sigma, frequency = positive_arrays(sigma=sigma, frequency=frequency)
    if choice("modes", modes, get_args(Modes)) != "classical":
        raise InputError("modes", "be `classical` where formulas are as printed", f"was `{modes}`")
    return np.full(sigma.shape, IMPLIED_ALPHA)


def glass_window(
    sigma: object,
    frequency: object,
    *,
    modes: Modes = "classical",
    bright_only: bool = False,
) -> GlassWindow:
    r"""Modes per spin for which the temperature of the start is below that of the glass.

    At :math:`T = T_g` the balance of `initial_temperature` reads, with :math:`s = \sqrt\alpha`,

    .. math::
        2s\,b(x) = 1 \;\;\text{or}\;\; 2s\,b(x) = \max(1, s^2), \qquad
        x = \frac{\omega}{T_g} = \frac{\omega}{\sigma^2}\,\frac{1+s^2}{1+s}, \qquad
        b = 1,\;\; 1-\frac x2 \;\;\text{or}\;\; \frac{x}{e^x-1}

    for all or only bright modes, which are classical, Wigner or quantum. As :math:`\ln 2sb` is
    concave in s, and b falls where :math:`s^2` may exceed 1, there is no solution or two.

    Parameters
    ----------
    sigma, frequency, modes, bright_only
        As for `initial_temperature`.

    Returns
    -------
    GlassWindow
        Classical modes have 1/4 and no upper end (infinite), or 4 if only bright ones count.

    Raises
    ------
    InputError
        As `initial_temperature`.

    Notes
    -----
    Derived in `docs/thermodynamics.md` from the argument of kelly2021, "Tuning the ratio".
    """
    sigma, frequency = positive_arrays(sigma=sigma, frequency=frequency)
    choice("modes", modes, get_args(Modes))
    ratio = frequency / sigma**2
    if modes == "classical":
        end = 4.0 if bright_only else np.inf
        return GlassWindow(np.full(ratio.shape, 0.25), np.full(ratio.shape, end))

    def argument(s: Array) -> Array:
        return np.asarray(ratio * (1 + s**2) / (1 + s))

    def deficit(s: Array) -> Array:
        x = argument(s)
        need = np.maximum(1.0, s**2) if bright_only else 1.0
        return np.asarray(need / (2 * s) - (1 - x / 2 if modes == "wigner" else _quanta(x)))

    def fall(s: Array) -> Array:
        """Minus the slope of ln 2s b; where b of Wigner modes is negative it falls, too."""
        x = argument(s)
        steep = np.full(x.shape, np.inf)
        if modes == "wigner":
            np.divide(1.0, 2 - x, out=steep, where=x < 2)
        else:
            steep = -1 / np.expm1(-x) - 1 / x
        return np.asarray(steep * ratio * (s**2 + 2 * s - 1) / (1 + s) ** 2 - 1 / s)

    # As b ≤ 1 no solution is below 1/2; as b ≤ exp(−x/2) and x > ratio (s − 1) none above `most`.
    least, most = np.full(ratio.shape, 0.5), 2 + 4 / ratio * np.maximum(np.log(8 / ratio), 1.0)
    peak = rising_root(fall, least, np.minimum(most, 1.0) if bright_only else most)
    inside = deficit(peak) <= 0
    low = rising_root(lambda s: -deficit(s), least, peak)
    high = rising_root(deficit, peak, most)
    return GlassWindow(np.where(inside, low**2, np.nan), np.where(inside, high**2, np.nan))


def printed_glass_temperature(sigma: object, alpha: object) -> Array:
    r"""As printed, :math:`T_c = \sigma^2N_s(1+\sqrt\alpha)/2N_t`: half of `glass_temperature`.

    Parameters
    ----------
    sigma, alpha : float or array
        As for `hopfield_temperature_scale`.

    Returns
    -------
    array
        In units of energy; all arguments broadcast.

    Raises
    ------
    InputError
        As `hopfield_temperature_scale`.

    Notes
    -----
    kelly2021, "Tuning the ratio"; errata 1 to 3.
    """
    return np.asarray(glass_temperature(sigma, alpha) / 2)


def printed_initial_temperature(sigma: object, alpha: object) -> Array:
    r"""As printed, :math:`T = \sigma^2N_s(1+\sqrt3)/4N_t`; `initial_temperature` has what is right.

    Parameters
    ----------
    sigma, alpha : float or array
        As for `hopfield_temperature_scale`.

    Returns
    -------
    array
        In units of energy; all arguments broadcast.

    Raises
    ------
    InputError
        As `hopfield_temperature_scale`.

    Notes
    -----
    kelly2021, "Tuning the ratio"; errata 1 to 3.
    """
    return np.asarray(hopfield_temperature_scale(sigma, alpha) * (1 + sqrt(3)) / 4)


def _quanta(x: Array) -> Array:
    """x/(eˣ − 1), the thermal energy of a mode over T, for x > 0 of any size."""
    return np.asarray(x * np.exp(-x) / -np.expm1(-x))
