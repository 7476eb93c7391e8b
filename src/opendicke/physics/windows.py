"""Which patterns a coupling keeps: windows in which a retrieval state is linearly unstable."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from opendicke.errors import InputError
from opendicke.model.checks import Array, numeric_array, real, vector
from opendicke.physics.retrieval import critical_coupling


class KeptPatterns(NamedTuple):
    """What becomes of each pattern, for every coupling strength asked about."""

    exists: Array
    """Whether the pattern has a retrieval state, (…, M) booleans."""
    stable: Array
    """Whether it exists and no small perturbation of it grows, (…, M) booleans."""


class IntermediateRegime(NamedTuple):
    """Couplings that keep some patterns and not others, as (lowest, highest)."""

    exists: Array
    """From the first pattern that has a retrieval state to the last, (2,)."""
    stable: Array
    """From the first pattern whose retrieval state is stable to the last, (2,)."""


def instability_windows(
    field: float, frequencies: Array | float, loss: Array | float, length: float = 1.0
) -> Array:
    r"""Couplings at which a retrieval state exists but is linearly unstable.

    State ν exists above :math:`g_\nu = g_{\mathrm{crit},\nu}/\sqrt s` and is stable above

    .. math::
        \max\left(g_\nu,\; g_\nu^{3/2}/\min_\mu g_\mu^{1/2}\right) .

    A perturbation along pattern μ obeys, with the field B = s Ω (g₀/g_crit,ν)² on each spin,

    .. math::
        (\lambda^2 + 4B^2)\left[(\lambda+\mathrm{loss}_\mu/2)^2 + \Omega_\mu^2\right]
        = 4B^2\left[\Omega_\mu^2 + (\mathrm{loss}_\mu/2)^2\right] L_\mu , \qquad
        L_\mu = \pm\frac{(g_0/g_{\mathrm{crit},\mu})^2}{s^2 (g_0/g_{\mathrm{crit},\nu})^6} ,

    the sign being that of :math:`\Omega_\mu\Omega_\nu`. By Routh and Hurwitz all λ have negative
    real parts if and only if 0 < L_μ < 1. So for frequencies of **one sign** the static criterion
    L_μ < 1 is all there is: no oscillation ever grows. A single damped mode of the **opposite
    sign** (L_μ < 0) makes the state unstable at every coupling by a growing oscillation: `inf`.
    (Without loss such an oscillation needs a resonance besides; `spectrum` tells.)

    Parameters
    ----------
    field : float
        Transverse field Ω, the same for all spins, in units of energy.
    frequencies, loss : array (M,)
        Of the modes; `loss` is the net damping loss − gain.
    length : float
        Mean length s of the spins of each group, above 0.

    Returns
    -------
    array (M, 2)
        Both ends for each pattern, as g₀ of couplings g₀ G/√N in the limit N → ∞.

    Raises
    ------
    InputError
        If a frequency is zero, a rate negative or the length not in (0, 1].
        Source: correction of carollo2021's Discussion, see the page on errata.

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.instability_windows(0.5, [1.5, 2.0, 2.5, 3.0], 1.0).round(4))
    [[0.6455 0.6455]
     [0.7289 0.7745]
     [0.8062 0.901 ]
     [0.878  1.0239]]
    """
    field, frequencies, loss, length = _clean(field, frequencies, loss, length)
    critical = critical_coupling(field, frequencies, loss) / np.sqrt(length)
    upper = np.maximum(critical, critical * np.sqrt(critical / (critical.min() or 1.0)))
    if np.ptp(np.sign(frequencies)):
        upper = np.full_like(critical, np.inf)
    return np.stack([critical, upper], axis=1)


def kept_patterns(
    strength: Array | float,
    field: float,
    frequencies: Array | float,
    loss: Array | float,
    length: float = 1.0,
) -> KeptPatterns:
    r"""Which patterns have a retrieval state at a coupling, and which of these are stable.

    .. math::
        \text{exists}_\nu:\ |g_0| > g_\nu , \qquad
        \text{stable}_\nu:\ |g_0| > \max(g_\nu, g_\nu^{3/2}/\min_\mu g_\mu^{1/2})

    with :math:`g_\nu` of `instability_windows`, which says when the second line holds: always in
    the limit N → ∞ of `Binary` couplings and frequencies of one sign.

    Parameters
    ----------
    strength : float or array (…)
        g₀ of couplings g₀ G/√N, in units of energy.
    field, frequencies, loss, length
        As in `instability_windows`.

    Returns
    -------
    KeptPatterns
        `exists` and `stable`, (…, M) booleans.

    Raises
    ------
    InputError
        As `instability_windows`. Source: carollo2021, Discussion ("intermediate regimes").

    Examples
    --------
    >>> import opendicke as od
    >>> kept = od.kept_patterns(0.76, 0.5, [1.5, 2.0, 2.5, 3.0], 1.0)
    >>> print(kept.exists, kept.stable)
    [ True  True False False] [ True False False False]
    """
    windows = instability_windows(field, frequencies, loss, length)
    given = np.abs(numeric_array("strength", strength))[..., None]
    return KeptPatterns(given > windows[:, 0], given > windows[:, 1])


def intermediate_regime(
    field: float, frequencies: Array | float, loss: Array | float, length: float = 1.0
) -> IntermediateRegime:
    """Couplings at which only some of the patterns are kept (carollo2021, Discussion).

    Both pairs are the least and the largest of a column of `instability_windows`. An empty regime
    has equal ends.

    Parameters
    ----------
    field, frequencies, loss, length
        As in `instability_windows`, in units of energy.

    Returns
    -------
    IntermediateRegime
        Between `exists[0]` and `exists[1]` some patterns have a retrieval state and others none;
        between `stable[0]` and `stable[1]` some retrieval states are stable and others are not
        there or unstable.

    Raises
    ------
    InputError
        As `instability_windows`.
    """
    windows = instability_windows(field, frequencies, loss, length)
    lowest, highest = windows.min(axis=0), windows.max(axis=0)
    return IntermediateRegime(*np.stack([lowest, highest], axis=1))


def retrieval_growth(
    strength: Array | float,
    field: float,
    frequencies: Array | float,
    loss: Array | float,
    length: float = 1.0,
) -> Array:
    r"""Rate at which small perturbations of each retrieval state grow (positive) or die out.

    The largest real part of the roots λ of the quartics in `instability_windows`, over all μ:
    what `spectrum` finds from the Jacobian, in closed form. Neutral perturbations (lengths of
    spins, precession that drives no mode) do not count.

    Parameters
    ----------
    strength : float or array (…)
        g₀ of couplings g₀ G/√N.
    field, frequencies, loss, length
        As in `instability_windows`.

    Returns
    -------
    array (…, M)
        In units of energy; NaN where a pattern has no retrieval state.

    Raises
    ------
    InputError
        As `instability_windows`, and if the field is zero.
    """
    field, frequencies, loss, length = _clean(field, frequencies, loss, length)
    if not field:
        raise InputError("field", "not be zero", "was 0")
    given = np.abs(numeric_array("strength", strength))[..., None]
    ratios = given / critical_coupling(field, frequencies, loss)
    exists = length * ratios**2 > 1
    kept = np.where(exists, ratios, 1.0)[..., :, None]
    loop = np.sign(frequencies[:, None] * frequencies) * ratios[..., None, :] ** 2
    loop /= length**2 * kept**6
    turn = 4 * (length * field * kept**2) ** 2
    square = frequencies**2 + loss**2 / 4
    coefficients = [loss, turn + square, loss * turn, turn * square * (1 - loop)]
    companion = np.zeros((*loop.shape, 4, 4))
    companion[..., [1, 2, 3], [0, 1, 2]] = 1
    for column, coefficient in enumerate(coefficients):
        companion[..., 0, column] = -coefficient
    rates = np.linalg.eigvals(companion).real.max(axis=(-1, -2))
    return np.asarray(np.where(exists, rates, np.nan))


def _clean(
    field: object, frequencies: object, loss: object, length: object
) -> tuple[float, Array, Array, float]:
    frequencies = np.atleast_1d(numeric_array("frequencies", frequencies))
    if frequencies.ndim > 1:
        raise InputError("frequencies", "have one entry per mode", f"had shape {frequencies.shape}")
    loss = vector("loss", loss, len(frequencies), "mode")
    if (loss < 0).any():
        raise InputError("loss", "not be negative", f"was {loss.min():g}")
    if not frequencies.all():
        mode = int(np.argmax(frequencies == 0))
        raise InputError("frequencies", "not be zero", f"mode {mode} has frequency 0")
    length = real("length", length, above=0, most=1)
    return real("field", field), frequencies, loss, length
