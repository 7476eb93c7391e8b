r"""What modes do to a spin while no field turns it, in closed form.

Without field every :math:`Z_j` is conserved. With u = (1 − e^{−zt})/z, z = Γ/2 + iω, and
:math:`\varphi = 2\,\mathrm{Im}[(t-u)/z]`, a spin's component across the coupling axis,
:math:`s^+ = \langle X\rangle + i\langle Y\rangle`, is multiplied by

.. math::
    F_i = e^{2i\sum_\lambda g_{i\lambda}m_\lambda - 2\sum_\lambda g_{i\lambda}^2 v_\lambda}
          \prod_{l\ne i}(\cos\theta_{il} + i\langle Z_l\rangle\sin\theta_{il}),\qquad
    \theta_{il} = 2\sum_\lambda g_{i\lambda}g_{l\lambda}\varphi_\lambda

with the mean :math:`m = 2\,\mathrm{Re}(\alpha u)` and the variance v of
:math:`\int(a + a^\dagger)dt` in free modes. Truncated Wigner multiplies it by
:math:`\cos\sum_\lambda 2g_{i\lambda}^2\varphi_\lambda`, the turn in the field that the spin made
itself, where spins point along or across the coupling axis, so that Z is
±1 always; mean field has the phase of the mean force alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from opendicke.advising.off import Off
from opendicke.model.checks import Array


class Modes(NamedTuple):
    """Modes as bare arrays (L,)."""

    frequencies: Array
    loss: Array
    gain: Array
    displacement: Array
    occupation: Array


class Kicks(NamedTuple):
    """Integrals of free modes over times, (L, T) each."""

    moved: Array
    """m."""
    pushed: Array
    """φ, the response to a constant force."""
    spread: Array
    """v."""
    response: Array
    """u, complex."""


def kicks(modes: Modes, t: Array) -> Kicks:
    """The integrals after times t (T,)."""
    damping = modes.loss - modes.gain
    z = (damping / 2 + 1j * modes.frequencies)[:, None]
    zt = z * t
    small = np.abs(zt) < 1e-4
    safe = np.where(z == 0, 1.0, z)
    u = np.where(small, t * (1 - zt / 2 + zt**2 / 6), (1 - np.exp(-zt)) / safe)
    rest = np.where(small, t**2 * (0.5 - zt / 6 + zt**2 / 24), (t - u) / safe)
    gamma_t = damping[:, None] * t
    # ∫₀ᵗ|u|² e^{...} of the noise: (loss + gain)/|z|² [t − 2 Re u + (1 − e^{−Γt})/Γ].
    kept = np.where(
        np.abs(gamma_t) < 1e-6,
        t * (1 - gamma_t / 2),
        -np.expm1(-gamma_t) / np.where(damping == 0, 1.0, damping)[:, None],
    )
    size = np.abs(safe) ** 2
    noise = (modes.loss + modes.gain)[:, None]
    full = noise / size * (t - 2 * u.real + kept)
    early = noise * t**3 / 3
    spread = (2 * modes.occupation[:, None] + 1) * np.abs(u) ** 2 + np.where(small, early, full)
    return Kicks(2 * (modes.displacement[:, None] * u).real, 2 * rest.imag, spread, u)


class Free(NamedTuple):
    """Factors of s⁺ by spin and time, (n, T), and photons by time, (T,)."""

    exact: Array
    mean_field: Array
    wigner: Array


def free_factors(couplings: Array, z: Array, rows: Array, count: Array, found: Kicks) -> Free:
    """F_i of some spins, exactly and as methods have it.

    Parameters
    ----------
    couplings : array (K, L)
        Of classes of equal spins.
    z : array (K,)
        Their means along the coupling axis.
    rows : array (n,)
        Classes that are asked for.
    count : array (K,)
        Spins of each class.
    found : Kicks
    """
    own = couplings[rows]
    phase = 2 * own @ found.moved
    decay = np.exp(-2 * own**2 @ found.spread)
    exact = decay * np.exp(1j * phase)
    classical = np.ones_like(exact)
    mean = phase.astype(complex)
    for k, row in enumerate(couplings):
        angle = 2 * (own * row) @ found.pushed
        factor = np.cos(angle) + 1j * z[k] * np.sin(angle)
        others = count[k] - (rows == k)
        exact *= factor ** others[:, None]
        mean += count[k] * z[k] * angle
        if (rows == k).any():
            classical[rows == k] = np.cos(angle[rows == k])
    return Free(exact, np.exp(1j * mean.real), exact * classical)


def gaussian_factors(couplings: Array, z: Array, rows: Array, count: Array, found: Kicks) -> Array:
    """F_i of some spins among many, each of whose angles θ is small; arguments as above."""
    own = couplings[rows]
    force = (count * z) @ couplings - own * z[rows, None]
    spread = (couplings * (count * (1 - z**2))[:, None]).T @ couplings
    mine = 1 - z[rows] ** 2
    factors = np.empty((len(rows), found.moved.shape[1]), complex)
    for k in range(factors.shape[1]):
        pushed = own * found.pushed[:, k]
        phase = 2 * own @ found.moved[:, k] + 2 * (pushed * force).sum(axis=1)
        lost = 2 * own**2 @ found.spread[:, k]
        others = ((pushed @ spread) * pushed).sum(axis=1)
        others -= mine * (pushed * own).sum(axis=1) ** 2
        factors[:, k] = np.exp(1j * phase - lost - 2 * np.maximum(others, 0.0))
    return factors


def free_deviations(
    couplings: Array, bloch: Array, count: Array, modes: Modes, photons: Array, t: Array
) -> tuple[Off, Off]:
    """Deviations of mean field and of truncated Wigner from exact, the largest at any time.

    Parameters
    ----------
    couplings, bloch, count
        Classes of equal spins, (K, L), (K, 3) and (K,).
    modes : Modes
    photons : array (T,)
        Of all that does not couple.
    t : array (T,)
        Times since the start.

    Returns
    -------
    mean_field, wigner : Off
    """
    found = kicks(modes, t)
    across = (bloch[:, 0] + 1j * bloch[:, 1])[:, None]
    z = bloch[:, 2]
    made = free_factors(couplings, z, np.arange(len(z)), count, found)
    damping = (modes.loss - modes.gain)[:, None]
    rate = damping / 2 + 1j * modes.frequencies[:, None]
    force = ((count * z) @ couplings)[:, None]
    mean = modes.displacement[:, None] * np.exp(-rate * t) - 1j * force * found.response
    spread = ((count * (1 - z**2)) @ couplings**2)[:, None] * np.abs(found.response) ** 2
    kept = np.exp(-damping * t)
    settled = np.divide(modes.gain[:, None], damping, out=np.zeros_like(damping), where=damping > 0)
    thermal = modes.occupation[:, None] * kept + settled * (1 - kept)
    total = (np.abs(mean) ** 2 + spread + thermal).sum(axis=0) + photons
    lacking = spread.sum(axis=0) / np.maximum(1.0, total)
    off, classical = (
        float(max(np.abs(apart.real).max(), np.abs(apart.imag).max()))
        for apart in (across * (made.mean_field - made.exact), across * (made.wigner - made.exact))
    )
    return Off(off, float(lacking.max())), Off(classical, 0.0)
