"""Thermal state of classical spins and modes that couple: where truncated Wigner settles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ive

from opendicke.model.checks import Array
from opendicke.physics.ranges import positive_arrays, rising_root

_POINTS = 64
"""Of the quadrature over a spin's component along the field, ample for fields up to 50 T."""

_ROUNDS = 500
"""Iterations for ⟨Z²⟩; some tens are enough at the temperature that is sought."""

_LEAST = 0.3
"""A balance has 1 − Jq/T ≥ 1/3: modes hold at least what the coupling gives them."""


class CoupledParamagnet(NamedTuple):
    """A thermal state of classical spins of length √3; NaN where none was found."""

    temperature: Array
    """T, in units of energy."""
    polarization: Array
    """Mean of a spin along the field axis."""
    square: Array
    """Mean square q of a spin along the coupling axis, 1 at the start."""


def coupled_paramagnet(
    sigma: object, alpha: object, frequency: object, field: object
) -> CoupledParamagnet:
    r"""Where truncated Wigner can settle, coupling and combinations that do not couple included.

    .. math::
        \tilde\alpha\left(T - \frac\omega2\right) + h\langle X\rangle
            - \frac{\alpha J}2\,\frac{q}{1 - Jq/T} = 0, \qquad
        \tilde\alpha = \min(\alpha, 1), \qquad J = \frac{\sigma^2}{1+\alpha},

    with means over directions of a vector of length √3 that are weighted with

    .. math::
        \exp\left\{\frac1T\left[-hX + \frac{\alpha J}2\,\frac{Z^2}{1 - Jq/T}\right]\right\}, \qquad
        q = \langle Z^2\rangle .

    For σ → 0 it is `classical_paramagnet_temperature` of bright modes.

    Parameters
    ----------
    sigma : float or array
        σ of couplings with the variance :math:`\sigma^2\omega/(2N_t)`.
    alpha : float or array
        Modes per spin, all of one frequency.
    frequency : float or array
        ω, positive, in units of energy.
    field : float or array
        h, of either sign, in units of energy.

    Returns
    -------
    CoupledParamagnet
        All arguments broadcast.

    Raises
    ------
    InputError
        If an argument is not positive, the field is zero, or shapes do not fit.

    Notes
    -----
    Not in kelly2021. The field of the modes on a spin is integrated out: each of the Gaussian
    combinations contributes :math:`\tfrac12\ln(1 - Jq/T)` to the free energy over T.
    """
    sigma, alpha, frequency, field = positive_arrays(
        ("field",), sigma=sigma, alpha=alpha, frequency=frequency, field=field
    )
    scale, bright, size = sigma**2 / (1 + alpha), np.minimum(alpha, 1.0), np.abs(field)

    def state(heat: Array) -> tuple[Array, Array, Array]:
        """Mean along the field, ⟨Z²⟩, and the excess of energy, −∞ far below the balance."""
        square = np.zeros(heat.shape)
        # From 0 it rises to the smallest solution, which is the paramagnet's.
        for _ in range(_ROUNDS):
            left = 1 - scale * square / heat
            along, new = _spin(size / heat, alpha * scale / (2 * heat * np.maximum(left, _LEAST)))
            done = (np.abs(new - square) <= 1e-15) | (left <= _LEAST)
            square = new
            if done.all():
                break
        left = np.maximum(1 - scale * square / heat, _LEAST)
        energy = bright * (heat - frequency / 2) + size * along
        energy -= alpha * scale / 2 * square / left
        return along, square, np.where(done & (left > _LEAST), energy, -np.inf)

    # Above 6J the coupling holds at most 3αJ.
    most = frequency / 2 + (np.sqrt(3) * size + 3 * alpha * scale) / bright
    heat = rising_root(lambda t: state(t)[2], frequency / 2, np.maximum(most, 6 * scale))
    along, square, excess = state(heat)
    settled = np.abs(excess) < 1e-9 * (most + size)
    results = (heat, np.sign(field) * along, square)
    return CoupledParamagnet(*(np.where(settled, result, np.nan) for result in results))


def _spin(pull: Array, ease: Array) -> tuple[Array, Array]:
    """⟨X⟩ and ⟨Z²⟩ of a vector of length √3 with the weight exp(−pull X + ease Z²)."""
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    x, across = np.sqrt(3) * nodes, 3 * (1 - nodes**2)
    # Around the field ∫ exp(2b cos²φ) dφ = 2π exp(b) I₀(b), of which ive leaves out exp(b).
    b = ease[..., None] * across / 2
    exponent = -pull[..., None] * x + 2 * b
    weight = weights * np.exp(exponent - exponent.max(axis=-1, keepdims=True))
    even, odd = weight * ive(0, b), weight * ive(1, b)
    total = even.sum(axis=-1)
    along = (even * x).sum(axis=-1) / total
    return np.asarray(along), np.asarray(((even + odd) * across).sum(axis=-1) / (2 * total))
