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


def beta_of_energy(eta: object, gain: float = 1.0) -> Array:
    r"""Inverse temperature with respect to the energy E of Eq. (4), at ω = 1.

    .. math::
        \beta_\mathrm{eff} = \frac{128\,\eta}{(2\kappa+\eta)(\eta^2+4)^2}
        \;\to\; \frac{4\eta}{\kappa}\quad(\eta\to0)

    Parameters
    ----------
    eta : array
        η = loss − gain, positive.
    gain : float
        κ of the paper.

    Notes
    -----
    fiorelli2020 Eq. (S15). `inverse_temperature` is the same for any number of modes, with respect
    to :math:`H_I`.
    """
    x = np.asarray(eta, dtype=float)
    return np.asarray(128 * x / ((2 * gain + x) * (x**2 + 4) ** 2))


def large_jump_ratio(jumps: object, coupling: float) -> Array:
    r"""Ratio of a flip's rate and its reverse at large jumps of energy.

    .. math::
        R(\Delta E) \approx \left(\frac{\Delta E-g^2}{\Delta E+g^2}\right)^4

    Parameters
    ----------
    jumps : array
        ΔE, the cost of the flip in the energy of Eq. (4).
    coupling : float

    Notes
    -----
    fiorelli2020 p. 4, case (ii); the quotient of Eq. (S21) at ΔE and −ΔE.
    """
    x = np.asarray(jumps, dtype=float)
    return np.asarray(((x - coupling**2) / (x + coupling**2)) ** 4)


def printed_crossing(coupling: float, eta: object, gain: float = 1.0) -> Array:
    r"""Where the Gaussian gives way to the power law, with the constant as printed, at ω = 1.

    .. math::
        \Gamma^2 \approx \frac{4g^2(2\kappa+\eta)}{\eta}
            \left[\ln A + 4\ln(\tfrac12\ln A)\right], \qquad
        A = 32\pi g^2(2\kappa+\eta)\eta^{-3}

    Notes
    -----
    fiorelli2020 Eq. (S23). With 128 for 32 it is `crossing_estimate`.
    """
    x = np.asarray(eta, dtype=float)
    logarithm = np.log(32 * np.pi * coupling**2 * (2 * gain + x) / x**3)
    square = logarithm + 4 * np.log(logarithm / 2)
    return np.asarray(np.sqrt(4 * coupling**2 * (2 * gain + x) / x * square))


def upper_eta(square: float, frequency: float, field: float, gain: float) -> float:
    r"""The largest η at which the expansion in the field is justified, as the paper bounds it.

    .. math::
        \eta = \frac{4g^2(1+\theta)}{\omega\Omega(1-\theta)}
             = \frac{4g^2}{\omega\Omega}\left(1+\frac{2\kappa}{\eta\omega}\right),

    solved for η: θ depends on it where κ is given.

    Parameters
    ----------
    square : float
        g², the variance of the couplings or the square of one.
    frequency, field, gain : float
        ω, Ω and κ.

    Notes
    -----
    fiorelli2020 p. 3, "Large η".
    """
    slope = 4 * square / (frequency * field)
    return float((slope + np.sqrt(slope**2 + 8 * slope * gain / frequency)) / 2)
