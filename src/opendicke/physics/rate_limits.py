r"""Flip rates in closed form: where bosons are slow, fast, or a flip costs very much.

The rate of a flip is the Fourier transform of the bosons' coherence (fiorelli2020 Eq. (3)),
:math:`W = 2h^2\,\mathrm{Re}\int_0^\infty C(t)e^{i\varepsilon t}dt`. Its short times give

.. math::
    \ln C(t) = i\varepsilon_r t - \tfrac12 v t^2 + O(t^3), \qquad
    \varepsilon_r = \sum_\lambda
        \frac{4g_\lambda^2\omega_\lambda}{\omega_\lambda^2+\Gamma_\lambda^2/4},
    \quad v = \sum_\lambda 4g_\lambda^2(2\bar n_\lambda+1),

a Gaussian about :math:`-\varepsilon_r`: bosons that follow the flip at leisure take up
:math:`\varepsilon_r`. Its long times give an exponential, a Lorentzian about zero.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import lambertw

from opendicke.errors import InputError
from opendicke.model.checks import Array, numeric_array, real
from opendicke.model.dicke import DickeModel
from opendicke.model.ising import IsingModel, eliminate
from opendicke.physics.coherence_times import checked_modes, coherence_rates


class ShortTimes(NamedTuple):
    """The coherence of the bosons after a flip, at short times; each of the shape of the rows."""

    reorganisation: Array
    r""":math:`\varepsilon_r = \sum_\lambda 4g^2\omega/(\omega^2+\Gamma^2/4)`, energy."""
    variance: Array
    r""":math:`v = \sum_\lambda 4g^2(2\bar n+1)`, energy squared."""
    third: Array
    r""":math:`k = \sum_\lambda 2g^2(\mathrm{loss}+\mathrm{gain})`, energy cubed: real part of the
    third derivative of :math:`\ln C`."""


class Dephasing(NamedTuple):
    """A transverse-field Ising model with dephasing that has the flip rates of large damping."""

    model: IsingModel
    """Energies and field."""
    rates: Array
    r"""Rate :math:`\gamma_i` of each spin, (N,): jump operators :math:`\sqrt{\gamma_i}(1+Z_i)/2`,
    so that coherence decays at :math:`\gamma_i/2`."""


def short_times(couplings: object, frequencies: object, loss: object, gain: object) -> ShortTimes:
    r"""Cumulants of the energy that bosons take up when a spin flips.

    .. math::
        \ln C(t) = i\varepsilon_r t - \tfrac12 v t^2
                   + \tfrac16\left[k - i\sum_\lambda 4g_\lambda^2\omega_\lambda\right]t^3 + O(t^4),
        \qquad k = \sum_\lambda 2 g_\lambda^2(\mathrm{loss}_\lambda+\mathrm{gain}_\lambda)

    Parameters
    ----------
    couplings : array (M,) or (R, M)
        Row of one spin, or of R spins, in units of energy.
    frequencies, loss, gain : float or array (M,)
        Of the modes, in units of energy.

    Returns
    -------
    ShortTimes
        Numbers () or arrays (R,).

    Raises
    ------
    InputError
        If shapes disagree, rates are negative, gain reaches the loss, or a mode that couples has
        no loss: it never becomes stationary.

    Notes
    -----
    fiorelli2020 Eqs. (S10)–(S11) for one mode and ω = 1: :math:`\varepsilon_r = 16g^2/(\eta^2+4)`,
    :math:`v = 4g^2(2\kappa+\eta)/\eta` and :math:`k = 2g^2(2\kappa+\eta)`, κ being the gain.
    """
    rows, omega, down, up = _checked(couplings, frequencies, loss, gain)
    squares = 4 * rows**2
    damping = down - up
    # Modes that do not couple may be undamped; they must not divide by zero.
    size = np.hypot(omega, damping / 2)
    size[size == 0] = 1.0
    both = np.where(damping > 0, (down + up) / np.where(damping > 0, damping, 1.0), 1.0)
    return ShortTimes(
        np.asarray(squares @ (omega / size / size)),
        np.asarray(squares @ both),
        np.asarray(squares @ ((down + up) / 2)),
    )


def gaussian_rates(
    couplings: object,
    frequencies: object,
    loss: object,
    gain: object,
    field: object,
    energies: object,
) -> Array:
    r"""Flip rates where the bosons hold many quanta or couple strongly: a Gaussian.

    .. math::
        W(\varepsilon) \approx h^2\sqrt{\frac{2\pi}{v}}
            \exp\left[-\frac{(\varepsilon+\varepsilon_r)^2}{2v}\right]

    with the cumulants of `short_times`. It holds where coherence is gone before the bosons move,
    :math:`v \gg \omega^2, \Gamma^2`, and for energies within few :math:`\sqrt v` of the peak.

    Parameters
    ----------
    couplings : array (M,) or (R, M)
    frequencies, loss, gain : float or array (M,)
        As for `short_times`.
    field : float or array (R,)
        :math:`h`, in units of energy.
    energies : array (…) for one row, (E,) or (R, E) for several
        Cost ε of the flip in :math:`H_I`, see `opendicke.model.configurations.flip_costs`.

    Returns
    -------
    array, of the shape of the energies, or (R, E)
        Rates.

    Raises
    ------
    InputError
        As `short_times`, and if a spin does not couple or shapes disagree.

    Notes
    -----
    fiorelli2020 Eq. (S14), for any number of modes; Eq. (5) for ω = gain = 1 and η → 0.
    """
    short, field, energies = _broadcast(couplings, frequencies, loss, gain, field, energies)
    if (short.variance == 0).any():
        raise InputError("couplings", "not be zero for every mode", "a spin has none")
    away = energies + short.reorganisation
    with np.errstate(under="ignore"):
        bell = np.exp(-(away**2) / (2 * short.variance))
        return np.asarray(field**2 * np.sqrt(2 * np.pi / short.variance) * bell)


def power_law_rates(
    couplings: object,
    frequencies: object,
    loss: object,
    gain: object,
    field: object,
    energies: object,
) -> Array:
    r"""Flip rates of very large jumps in energy: a power law.

    .. math::
        W(\varepsilon) \approx \frac{2h^2 k}{(\varepsilon+\varepsilon_r)^4}, \qquad
        k = \sum_\lambda 2 g_\lambda^2(\mathrm{loss}_\lambda+\mathrm{gain}_\lambda)

    The first term with a real part in the asymptotic series of the Fourier integral, the third
    derivative of the coherence at time zero.

    Parameters
    ----------
    couplings, frequencies, loss, gain, field, energies
        As for `gaussian_rates`, in units of energy.

    Returns
    -------
    array, of the shape of the energies, or (R, E)
        Rates, in units of energy; infinite at :math:`\varepsilon = -\varepsilon_r`.

    Raises
    ------
    InputError
        As `gaussian_rates`.

    Notes
    -----
    fiorelli2020 Eq. (S21), :math:`4\Omega^2g^2(2\kappa+\eta)/\Gamma_i^4` for one mode and ω = 1,
    κ being the gain; here for any number of modes. (In Eq. (S19) :math:`i^n` must be
    :math:`i^{n+1}`.)
    """
    short, field, energies = _broadcast(couplings, frequencies, loss, gain, field, energies)
    away = energies + short.reorganisation
    shape = np.broadcast_shapes(away.shape, short.third.shape, field.shape)
    top = np.broadcast_to(2 * field**2 * short.third, shape)
    rates = np.where(top > 0, np.inf, np.zeros(shape))
    # Two divisions by the square: the fourth power of a small number would be lost.
    square = np.broadcast_to(away**2, shape)
    with np.errstate(over="ignore", under="ignore"):
        np.divide(top, square, out=rates, where=square > 0)
        np.divide(rates, square, out=rates, where=square > 0)
    return rates


def crossing(couplings: object, frequencies: object, loss: object, gain: object) -> Array:
    r"""Distance from the peak at which the Gaussian gives way to the power law.

    The larger root :math:`x = D^2/2v` of

    .. math::
        x^2 e^{-x} = A^{-1/2}, \qquad A = \frac{2\pi v^3}{(k/2)^2}, \qquad
        x = -2\,W_{-1}\left(-\tfrac12 A^{-1/4}\right)

    at which `gaussian_rates` and `power_law_rates` are equal,
    :math:`D = |\varepsilon+\varepsilon_r|`; :math:`W_{-1}` is Lambert's function.

    Parameters
    ----------
    couplings : array (M,) or (R, M)
    frequencies, loss, gain : float or array (M,)
        As for `short_times`.

    Returns
    -------
    array () or (R,)
        D, in units of energy; NaN where the curves do not cross (:math:`A < e^4/16`, strong
        damping) or the spin does not couple.

    Raises
    ------
    InputError
        As `short_times`.

    Notes
    -----
    fiorelli2020 Eq. (S22), solved exactly. For one mode and ω = 1
    :math:`A = 128\pi g^2(2\kappa+\eta)/\eta^3`, κ being the gain; Eq. (S23) has 32 for 128.
    """
    variance, logarithm = _crossing(couplings, frequencies, loss, gain)
    # Lambert's function is real from −1/e on: below, the power law lies above the Gaussian.
    inner = -np.exp(-logarithm / 4) / 2
    root = -2 * lambertw(np.where(inner >= -np.exp(-1.0), inner, np.nan), -1).real
    return np.asarray(np.sqrt(2 * variance * root))


def crossing_estimate(couplings: object, frequencies: object, loss: object, gain: object) -> Array:
    r"""The paper's estimate of `crossing`, one iteration of it.

    .. math::
        D^2 \approx v\left[\ln A + 4\ln(\tfrac12\ln A)\right]

    Parameters
    ----------
    couplings, frequencies, loss, gain
        As for `crossing`, in units of energy.

    Returns
    -------
    array () or (R,)
        D, in units of energy; NaN where a logarithm is not positive.

    Raises
    ------
    InputError
        As `crossing`.

    Notes
    -----
    fiorelli2020 Eq. (S23) with its 32 put right to 128, for any number of modes.
    """
    variance, logarithm = _crossing(couplings, frequencies, loss, gain)
    half = np.where(logarithm > 0, logarithm / 2, np.nan)
    square = 2 * half + 4 * np.log(half)
    return np.asarray(np.sqrt(variance * np.where(square > 0, square, np.nan)))


def lorentzian_rates(
    couplings: object,
    frequencies: object,
    loss: object,
    gain: object,
    field: object,
    energies: object,
) -> Array:
    r"""Flip rates where bosons are damped fast: a Lorentzian, at infinite temperature.

    .. math::
        W(\varepsilon) \approx \frac{2h^2\gamma_\varphi}{\gamma_\varphi^2+\varepsilon^2}, \qquad
        \gamma_\varphi = \sum_\lambda 4g_\lambda^2(2\bar n_\lambda+1)\,\mathrm{Re}\frac1{z_\lambda}

    with the rate of `coherence_rates`. A flip and its reverse are as likely. It holds for
    :math:`g^2(2\bar n+1) \ll |z|^2`, :math:`z = \Gamma/2+i\omega`: what the bosons' memory adds is
    of this relative order.

    Parameters
    ----------
    couplings, frequencies, loss, gain, field, energies
        As for `gaussian_rates`, in units of energy.

    Returns
    -------
    array, of the shape of the energies, or (R, E)
        Rates, in units of energy.

    Raises
    ------
    InputError
        As `gaussian_rates`.

    Notes
    -----
    fiorelli2020 Eq. (3) with f = s = 0, "Large η".
    """
    rows, omega, down, up = _checked(couplings, frequencies, loss, gain)
    lost = coherence_rates(np.atleast_2d(rows), omega, down, up)
    if (lost == 0).any():
        raise InputError("couplings", "not be zero for every lossy mode", "a spin has none")
    if rows.ndim == 1:
        lost = lost[0]
    _, field, energies = _broadcast(couplings, frequencies, loss, gain, field, energies)
    if rows.ndim == 2:
        lost = lost[:, None]
    return np.asarray(2 * field**2 * lost / (lost**2 + energies**2))


def inverse_temperature(
    couplings: object, frequencies: object, loss: object, gain: object
) -> Array:
    r"""Inverse temperature of the Gaussian rates of each spin, with respect to :math:`H_I`.

    .. math::
        \frac{W(\varepsilon)}{W(-\varepsilon)} = e^{-\beta\varepsilon}, \qquad
        \beta = \frac{2\varepsilon_r}{v}
        = \frac{2}{\omega(2\bar n+1)}\frac{\omega^2}{\omega^2+\Gamma^2/4} \text{ for one mode.}

    With one mode, or modes alike, it is the same for all spins and the stationary state of the
    Gaussian rates is :math:`\propto e^{-\beta H_I}`.

    Parameters
    ----------
    couplings : array (M,) or (R, M)
    frequencies, loss, gain : float or array (M,)
        As for `short_times`.

    Returns
    -------
    array () or (R,)
        β, in units of 1/energy; 0 for a spin that does not couple.

    Raises
    ------
    InputError
        As `short_times`.

    Notes
    -----
    fiorelli2020 Eq. (S15): with respect to the energy E of its Eq. (4),
    :math:`\beta_\mathrm{eff} = 128\eta/[(2\kappa+\eta)(\eta^2+4)^2]` for ω = 1, κ being the gain.
    That is β over `opendicke.model.configurations.energy_scale`.

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.inverse_temperature([1.0], 1.0, 1.1, 1.0).round(4))
    0.095
    """
    short = short_times(couplings, frequencies, loss, gain)
    beta = np.zeros(short.variance.shape)
    np.divide(2 * short.reorganisation, short.variance, out=beta, where=short.variance > 0)
    return beta


def dephasing_model(model: DickeModel, scale: float = 1.0) -> Dephasing:
    r"""The dephased transverse-field Ising model with the flip rates of `lorentzian_rates`.

    .. math::
        \dot\rho = -i\left[\tfrac{\lambda^2}2 H_I
          + \tfrac{\lambda}{\sqrt2}\sum_i h_i X_i,\,\rho\right]
          + \sum_i\lambda^2\gamma_{\varphi,i}\left(n_i\rho n_i - \tfrac12\{n_i,\rho\}\right),
        \qquad n_i = \tfrac12(1+Z_i)

    A spin whose coherence decays at :math:`\tfrac12\lambda^2\gamma_\varphi` and whose flip costs
    :math:`\tfrac12\lambda^2\varepsilon` flips at the rate :math:`W(\varepsilon)` in second order
    of the field, whatever the scale λ; the order holds for :math:`\lambda h \ll
    \lambda^2\gamma_\varphi`.

    Parameters
    ----------
    model : DickeModel
        Of finitely many spins, each coupled to lossy modes.
    scale : float
        λ, not zero.

    Returns
    -------
    Dephasing
        The Ising model, with factors and strengths multiplied by λ²/2, and the rates of dephasing.

    Raises
    ------
    InputError
        If the model is a thermodynamic limit or a spin keeps its coherence, or the scale is zero.

    Notes
    -----
    fiorelli2020, "Large η", where :math:`\xi = 8\lambda^2/(\omega\eta^2)` multiplies E and
    :math:`\gamma_\mathrm{eff} = 8g^2\lambda^2(1+\theta)/[\omega\eta(1-\theta)]`: these formulas for
    η → ∞. With these jump operators its field Ωλ gives twice the rates and must be
    :math:`\Omega\lambda/\sqrt2`; with other readings of the dephasing ξ does not fit (errata, 6).
    """
    scale = real("scale", scale)
    if scale == 0:
        raise InputError("scale", "not be zero", "was 0")
    ising = eliminate(model)
    lost = coherence_rates(model.couplings, model.frequencies, model.loss, model.gain)
    if (lost == 0).any():
        spin = int(np.argmax(lost == 0))
        raise InputError(
            "model", "couple every spin to a lossy mode", f"spin {spin} couples to none"
        )
    fictitious = IsingModel(
        factors=ising.factors,
        strengths=ising.strengths * (scale**2 / 2),
        field=ising.field * (scale / np.sqrt(2)),
        coupling_axis=ising.coupling_axis,
        field_axis=ising.field_axis,
        patterns=ising.patterns,
        pattern_names=ising.pattern_names,
        lattice=ising.lattice,
    )
    return Dephasing(fictitious, scale**2 * lost)


def _checked(
    couplings: object, frequencies: object, loss: object, gain: object
) -> tuple[Array, Array, Array, Array]:
    """Rows (M,) or (R, M) and their modes; whatever couples is damped."""
    rows = numeric_array("couplings", couplings)
    if rows.ndim not in (1, 2):
        raise InputError(
            "couplings", "have the shape (modes) or (spins, modes)", f"had shape {rows.shape}"
        )
    omega, down, up = checked_modes(frequencies, loss, gain, rows.shape[-1])
    free = (down <= up) & rows.reshape(-1, rows.shape[-1]).any(axis=0)
    if free.any():
        mode = int(np.argmax(free))
        raise InputError(
            "loss", "exceed `gain` in every mode that couples", f"mode {mode} has loss=0"
        )
    return rows, omega, down, up


def _broadcast(
    couplings: object,
    frequencies: object,
    loss: object,
    gain: object,
    field: object,
    energies: object,
) -> tuple[ShortTimes, Array, Array]:
    """Cumulants, field and energies in shapes that broadcast to those of the rates."""
    short = short_times(couplings, frequencies, loss, gain)
    field, energies = numeric_array("field", field), numeric_array("energies", energies)
    if not short.variance.ndim:
        if field.ndim:
            raise InputError("field", "be a number for one row", f"had shape {field.shape}")
        return short, field, energies
    rows = len(short.variance)
    if field.shape not in ((), (rows,)):
        raise InputError(
            "field", f"be a number or have one entry per row ({rows})", f"had shape {field.shape}"
        )
    if energies.ndim not in (1, 2) or (energies.ndim == 2 and len(energies) != rows):
        raise InputError(
            "energies",
            f"have the shape (energies) or ({rows} rows, energies)",
            f"had shape {energies.shape}",
        )
    short = ShortTimes(*(each[:, None] for each in short))
    return short, field[:, None] if field.ndim else field, energies


def _crossing(
    couplings: object, frequencies: object, loss: object, gain: object
) -> tuple[Array, Array]:
    """Variance and ln A of fiorelli2020 Eq. (S23); ln A is NaN for a spin that does not couple."""
    short = short_times(couplings, frequencies, loss, gain)
    some = short.variance > 0
    variance, third = np.where(some, short.variance, 1.0), np.where(some, short.third, 1.0)
    logarithm = np.log(2 * np.pi) + 3 * np.log(variance) - 2 * np.log(third / 2)
    return short.variance, np.where(some, logarithm, np.nan)
